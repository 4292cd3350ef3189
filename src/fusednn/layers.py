"""Descriptions of layers for `layers=` of `NetworkClassifier` and `NetworkRegressor`.

    NetworkClassifier(layers=[Dense(256), BatchNorm(), Activation("relu"), Dropout(0.2)])

A list holds the hidden layers in order; the output layer, with as many units as the targets need,
follows by itself. Here x (B, I) is a layer's input, a batch of rows, and out (B, O) its output.
Descriptions have no sizes but what they are given: the data decide the rest when a network is
built. They are frozen and compare by value.

Samples may have axes, which `Reshape` gives them: all layers but `Embedding` then work on each row
of the last axis, the channels, as they do on a sample of one row. `Flatten` makes one row of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields
from math import inf, isfinite
from numbers import Integral, Real

__all__ = [
    "Activation",
    "AlphaDropout",
    "BatchNorm",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GaussianNoise",
    "Layer",
    "LayerNorm",
    "PReLU",
    "RMSNorm",
    "Reshape",
    "Residual",
]


@dataclass(frozen=True, repr=False)
class Layer:
    """What all descriptions are; not used directly."""

    def __post_init__(self):
        if type(self) is Layer:
            raise TypeError("Layer is the base of the layers and none itself.")
        self._check()

    def _check(self) -> None:
        """Refuses values that no network could have."""

    def _need(self, name: str, least: float, below: float = inf, whole: bool = False) -> None:
        """Refuses a field that is no finite number in [least, below)."""
        value = getattr(self, name)
        kind = Integral if whole else Real
        numeric = isinstance(value, kind) and not isinstance(value, bool)
        if not numeric or not isfinite(value) or not least <= value < below:
            what = "an integer" if whole else "a finite number"
            bound = f"from {least}" if below == inf else f"in [{least}, {below})"
            raise ValueError(
                f"{name} of {type(self).__name__} must be {what} {bound}, got {value!r}."
            )

    def _need_name(self, name: str) -> None:
        """Refuses a field that is no text; which names there are is known where they are used."""
        value = getattr(self, name)
        if not isinstance(value, str):
            raise ValueError(f"{name} of {type(self).__name__} must be a name, got {value!r}.")

    def __repr__(self):
        """As a call, without what is as by default."""
        given = [
            f"{field.name}={getattr(self, field.name)!r}"
            for field in fields(self)
            if field.default is MISSING or getattr(self, field.name) != field.default
        ]
        return f"{type(self).__name__}({', '.join(given)})"


@dataclass(frozen=True, repr=False)
class Dense(Layer):
    """out = activation(x w + b).

    Parameters
    ----------
    units : int
        O.
    activation : str, default="identity"
        A name that `Activation` takes. As the last of the list, "softmax" says that this is the
        output layer itself; `units` must then be the number of classes, three or more.
    init : str or None, default=None
        How the weights (I, O) are drawn: "glorot_uniform", "glorot_normal", "he_uniform",
        "he_normal", "lecun_uniform", "lecun_normal", "orthogonal" or "zeros". None is He's
        normal distribution before ReLU and its kin, LeCun's before SELU, else Glorot's uniform
        one. Biases begin at zero.
    bias : bool, default=True
        Whether there are biases b (O,).
    weight_norm : bool, default=False
        Whether the weights are trained as directions v (I, O) and lengths g (O,), one for each
        unit: w = g v / |v| (Salimans and Kingma, 2016). They do not decay, nor have an L1 term.
    max_norm : float or None, default=None
        The largest Euclidean length of the weights that lead to a unit; longer ones are scaled
        down after each step (Srivastava et al., 2014).
    rate_factor, decay_factor : float, default=1.0
        Factors of the learning rate, for the whole layer (0 freezes it), and of `alpha`, `l1` or
        the optimizer's weight decay, for its weights. Rates are not for "lbfgs".
    """

    units: int
    activation: str = "identity"
    init: str | None = None
    bias: bool = True
    weight_norm: bool = False
    max_norm: float | None = None
    rate_factor: float = 1.0
    decay_factor: float = 1.0

    def _check(self) -> None:
        self._need_name("activation")
        if self.init is not None:
            self._need_name("init")
        self._need("units", 1, whole=True)
        self._need("rate_factor", 0)
        self._need("decay_factor", 0)
        if self.max_norm is not None:
            self._need("max_norm", 1e-30)
            if self.weight_norm:
                raise ValueError("max_norm and weight_norm of Dense cannot both be used.")


@dataclass(frozen=True, repr=False)
class Activation(Layer):
    """out = f(x), element by element, while the rows are in the cache.

    Parameters
    ----------
    name : {"identity", "sigmoid", "logistic", "tanh", "relu", "leaky_relu", "elu", "selu", \
"softplus", "gelu", "gelu_tanh", "silu", "swish", "mish", "hard_swish"}
        "sigmoid" is "logistic" and "swish" is "silu". "softmax" may only be the last of a list
        for three classes or more, where the output layer applies it anyway.
    slope : float or None, default=None
        Of "leaky_relu", below 0; None is 0.01.
    """

    name: str
    slope: float | None = None

    def _check(self) -> None:
        self._need_name("name")
        if self.slope is not None:
            self._need("slope", -inf)
            if self.name != "leaky_relu":
                raise ValueError(f"slope is for 'leaky_relu', not for {self.name!r}.")


@dataclass(frozen=True, repr=False)
class PReLU(Layer):
    """out = x where x > 0, else slope x, with a slope for each column that is learned.

    Parameters
    ----------
    slope : float, default=0.25
        What the slopes begin with.
    rate_factor : float, default=1.0
        Factor of the learning rate.

    References
    ----------
    He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015.
    """

    slope: float = 0.25
    rate_factor: float = 1.0

    def _check(self) -> None:
        self._need("slope", -inf)
        self._need("rate_factor", 0)


@dataclass(frozen=True, repr=False)
class Dropout(Layer):
    """In training leaves out a share of the inputs, and scales the others by 1 / (1 - rate).

    Parameters
    ----------
    rate : float, default=0.5
        The share, in [0, 1).

    References
    ----------
    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting",
    JMLR 15, 2014.
    """

    rate: float = 0.5

    def _check(self) -> None:
        self._need("rate", 0, 1)


@dataclass(frozen=True, repr=False)
class AlphaDropout(Layer):
    """Dropout that keeps mean and variance behind SELU: left out is what SELU tends to.

    Parameters
    ----------
    rate : float, default=0.5
        The share, in [0, 1).

    References
    ----------
    Klambauer et al., "Self-normalizing neural networks", NIPS 2017.
    """

    rate: float = 0.5

    def _check(self) -> None:
        self._need("rate", 0, 1)


@dataclass(frozen=True, repr=False)
class GaussianNoise(Layer):
    """In training adds normal noise of mean 0.

    Parameters
    ----------
    deviation : float, default=0.1
        Its standard deviation.
    """

    deviation: float = 0.1

    def _check(self) -> None:
        self._need("deviation", 0)


@dataclass(frozen=True, repr=False)
class BatchNorm(Layer):
    """Normalises each column over all rows of the batch, then scales and shifts it.

        out = scale (x - mean) / sqrt(variance + epsilon) + shift

    Predictions take running statistics instead, whose variance is unbiased, as in PyTorch.
    A last batch of one row is joined to the one before it. Statistics do not know sample weights.

    Parameters
    ----------
    momentum : float, default=0.1
        The share of each batch's statistics in the running ones, in [0, 1].
    epsilon : float, default=1e-5
    rate_factor : float, default=1.0
        Factor of the learning rate.

    References
    ----------
    Ioffe and Szegedy, "Batch normalization", ICML 2015.
    """

    momentum: float = 0.1
    epsilon: float = 1e-5
    rate_factor: float = 1.0

    def _check(self) -> None:
        self._need("momentum", 0)
        if self.momentum > 1:
            raise ValueError(f"momentum of BatchNorm must be in [0, 1], got {self.momentum!r}.")
        self._need("epsilon", 1e-30)
        self._need("rate_factor", 0)


@dataclass(frozen=True, repr=False)
class LayerNorm(Layer):
    """Normalises each row over its columns, then scales and shifts each column.

    Parameters
    ----------
    epsilon : float, default=1e-5
        Added to the variance.
    rate_factor : float, default=1.0
        Factor of the learning rate.

    References
    ----------
    Ba, Kiros and Hinton, "Layer normalization", arXiv:1607.06450.
    """

    epsilon: float = 1e-5
    rate_factor: float = 1.0

    def _check(self) -> None:
        self._need("epsilon", 1e-30)
        self._need("rate_factor", 0)


@dataclass(frozen=True, repr=False)
class RMSNorm(Layer):
    """Divides each row by the root of its mean square, then scales each column.

    Parameters
    ----------
    epsilon : float, default=1e-5
        Added to the mean square.
    rate_factor : float, default=1.0
        Factor of the learning rate.

    References
    ----------
    Zhang and Sennrich, "Root mean square layer normalization", NeurIPS 2019.
    """

    epsilon: float = 1e-5
    rate_factor: float = 1.0

    def _check(self) -> None:
        self._need("epsilon", 1e-30)
        self._need("rate_factor", 0)


@dataclass(frozen=True, repr=False)
class Residual(Layer):
    """out = x + what inner layers make of x; both must have the same width.

    Parameters
    ----------
    layers : sequence of Layer
        The inner layers; kept as a tuple.

    References
    ----------
    He, Zhang, Ren and Sun, "Deep residual learning for image recognition", CVPR 2016.
    """

    layers: Sequence[Layer]

    def _check(self) -> None:
        inner = self.layers
        if isinstance(inner, Layer) or not isinstance(inner, Sequence) or isinstance(inner, str):
            raise ValueError(f"Residual takes a sequence of layers, got {inner!r}.")
        object.__setattr__(self, "layers", tuple(inner))


@dataclass(frozen=True, repr=False, init=False)
class Reshape(Layer):
    """Gives each sample axes; the layers that follow work on every row of the last one.

    `Reshape(50, 16)` makes 50 rows of 16 columns of 800 columns, `Reshape(28, 28, 1)` an image of
    784. `BatchNorm` has statistics of each column over all rows, `Flatten` makes one row again.

    Parameters
    ----------
    *shape : int
        Sizes of the axes; their product is that of the input's.
    channels : {"last", "first"}, default="last"
        Where the elements have their channels. "first": `Reshape(3, 28, 28, channels="first")`
        takes three images behind one another; the layers that follow see (28, 28, 3).
    """

    shape: tuple[int, ...]
    channels: str = "last"

    def __init__(self, *shape: int, channels: str = "last"):
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "channels", channels)
        self.__post_init__()

    def _check(self) -> None:
        whole = all(
            isinstance(size, Integral) and not isinstance(size, bool) for size in self.shape
        )
        if not self.shape or not whole or min(self.shape) < 1:
            raise ValueError(f"sizes of Reshape must be integers from 1, got {self.shape!r}.")
        object.__setattr__(self, "shape", tuple(map(int, self.shape)))
        if self.channels not in ("last", "first"):
            raise ValueError(
                f"channels of Reshape must be 'last' or 'first', got {self.channels!r}."
            )
        if self.channels == "first" and len(self.shape) < 2:
            raise ValueError(f"channels first need another axis behind, got {self.shape!r}.")

    def __repr__(self):
        given = [*map(str, self.shape), f"channels={self.channels!r}"]
        return f"Reshape({', '.join(given[: -1 if self.channels == 'last' else None])})"


@dataclass(frozen=True, repr=False)
class Flatten(Layer):
    """Makes one row of each sample's rows, one behind the other."""


@dataclass(frozen=True, repr=False)
class Embedding(Layer):
    """Replaces columns of integer codes by vectors that are learned; only as the first layer.

    The other columns come first, in their order, then the vectors.

    Parameters
    ----------
    columns : sequence of int
        Of the data, those that hold codes from 0 on; kept as a tuple.
    categories : sequence of int or None, default=None
        How many codes each may have; None is one more than the largest in the first training
        data, so streams of `partial_fit` need them, and of more than 10,000 at most 100 for each
        distinct code: ids are to be numbered first. A code beyond is refused: keep one for those
        that training does not know.
    size : int or None, default=None
        Elements of each vector; None is min(50, (categories + 1) // 2).
    rate_factor, decay_factor : float, default=1.0
        Factors of the learning rate and of the weight decay.

    References
    ----------
    Guo and Berkhahn, "Entity embeddings of categorical variables", arXiv:1604.06737.
    """

    columns: Sequence[int]
    categories: Sequence[int] | None = None
    size: int | None = None
    rate_factor: float = 1.0
    decay_factor: float = 1.0

    def _check(self) -> None:
        for name in ("columns", "categories"):
            values = getattr(self, name)
            if values is None and name == "categories":
                continue
            least = 0 if name == "columns" else 1
            if not isinstance(values, Sequence) or not all(
                isinstance(value, Integral) and int(value) >= least for value in values
            ):
                raise ValueError(
                    f"{name} of Embedding must be integers from {least}, got {values!r}."
                )
            object.__setattr__(self, name, tuple(map(int, values)))
        if not self.columns:
            raise ValueError("columns of Embedding must not be empty.")
        if len(set(self.columns)) != len(self.columns):
            raise ValueError(f"columns of Embedding must be different, got {self.columns!r}.")
        if self.categories is not None and len(self.categories) != len(self.columns):
            raise ValueError(
                f"categories of Embedding must be as many as columns, got {len(self.categories)}"
                f" and {len(self.columns)}."
            )
        if self.size is not None:
            self._need("size", 1, whole=True)
        self._need("rate_factor", 0)
        self._need("decay_factor", 0)
