"""Dense layers."""

from __future__ import annotations

from dataclasses import dataclass

from .layer import Layer

STANDARD, TANGENT = PARAMETRIZATIONS = "standard", "ntk"


class Weighted(Layer):
    """What dense layers have in common."""

    init: str | None
    weight_norm: bool
    max_norm: float | None
    parametrization: str

    def _check_weights(self) -> None:
        """Refuses options of weights that no layer could have."""
        name = type(self).__name__
        if self.init is not None:
            self._need_name("init")
        self._need_factors("rate_factor", "decay_factor", "bias_rate_factor")
        if self.max_norm is not None:
            self._need("max_norm", 1e-30)
            if self.weight_norm:
                raise ValueError(f"max_norm and weight_norm of {name} cannot both be used.")
        if self.parametrization not in PARAMETRIZATIONS:
            raise ValueError(
                f"parametrization of {name} must be 'standard' or 'ntk', got"
                f" {self.parametrization!r}."
            )
        if self.parametrization == TANGENT and self.weight_norm:
            raise ValueError(f"weight_norm of {name} needs parametrization='standard'.")


@dataclass(frozen=True, repr=False)
class Dense(Weighted):
    """out = activation(x w + b).

    Parameters
    ----------
    units : int
        The number O of outputs, at least 1.
    activation : str, default="identity"
        A name that `Activation` takes. A last layer with "softmax" is the output layer itself;
        its `units` must then be the number of classes, three or more.
    init : str or None, default=None
        How the weights (I, O) are drawn: "glorot_uniform", "glorot_normal", "he_uniform",
        "he_normal", "lecun_uniform", "lecun_normal", "orthogonal", "zeros" or "data". None is
        He's normal distribution before ReLU and similar activations, LeCun's before SELU, and
        Glorot's uniform distribution otherwise. Biases begin at zero.
        With "data" the training samples decide: weights are normal, scaled so that each unit's
        x w has a standard deviation of 1 over up to 8,192 of them, and its bias is minus a
        random mean of x w at five of them, as in RealMLP. x is what the layers before make of
        the samples in predictions, without noise and with the first statistics of `BatchNorm`.
    bias : bool, default=True
        Whether there are biases b (O,).
    weight_norm : bool, default=False
        Whether the weights are trained as directions v (I, O) and norms g (O,), one for each
        unit: w = g v / |v| (Salimans and Kingma, 2016). They have no weight decay and no L1
        term.
    max_norm : float or None, default=None
        The largest Euclidean norm of the weights that lead to a unit; weights of a larger norm
        are scaled down after each step (Srivastava et al., 2014).
    rate_factor, decay_factor : float, default=1.0
        Factor of the learning rate for the whole layer (0 freezes it), and factor of `alpha`,
        `l1` or the optimizer's weight decay for its weights. "lbfgs" takes no `rate_factor`.
    bias_rate_factor : float, default=1.0
        Factor of the biases' learning rate, besides `rate_factor`.
    parametrization : {"standard", "ntk"}, default="standard"
        What the solver trains, any but "lbfgs": the weights w, or with "ntk" W = w sqrt(I), so
        that out = activation(x W / sqrt(I) + b) (Jacot, Gabriel and Hongler, 2018). Decay, `alpha`
        and `l1` then act on W. By default W is normal with variance 1, and so w as "lecun_normal".
        `get_weights` shows w, and `clip_norm` and `clip_value` look at its gradient.

    References
    ----------
    Holzmüller, Grinsztajn and Steinwart, "Better by default: Strong pre-tuned MLPs and boosted
    trees on tabular data", NeurIPS 2024, appendix A.1, for "data".
    Jacot, Gabriel and Hongler, "Neural tangent kernel: Convergence and generalization in neural
    networks", NeurIPS 2018, for "ntk".

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn import NetworkRegressor
    >>> from fusednn.layers import Dense
    >>> X, y = np.ones((10, 3)), np.ones(10)
    >>> model = NetworkRegressor([Dense(8, "relu"), Dense(4, "relu", bias=False)])
    >>> [[array.shape for array in layer] for layer in model.initialize(X, y).get_weights()]
    [[(3, 8), (8,)], [(8, 4)], [(4, 1), (1,)]]
    """

    units: int
    activation: str = "identity"
    init: str | None = None
    bias: bool = True
    weight_norm: bool = False
    max_norm: float | None = None
    rate_factor: float = 1.0
    decay_factor: float = 1.0
    bias_rate_factor: float = 1.0
    parametrization: str = STANDARD

    def _check(self) -> None:
        self._need_name("activation")
        self._need("units", 1, whole=True)
        self._check_weights()
