"""Attention, positions, and the block that Transformers are made of."""

from __future__ import annotations

from dataclasses import dataclass, field

from .layer import Layer


@dataclass(frozen=True, repr=False)
class MultiHeadAttention(Layer):
    """Each step of a series gathers what it needs from the others, by several heads.

        out = softmax(q k^T / sqrt(size)) v w_out + b_out        [q, k, v] = x w + b

    x is (T, C) with the channels last, and so is out. A head has `size` = C / heads columns of q,
    k and v. Its softmax is over the steps that a step may attend to.

    Parameters
    ----------
    heads : int
        A divisor of C.
    causal : bool, default=False
        Whether a step attends to itself and the steps before it alone.
    dropout : float, default=0.0
        The share of the weights, after the softmax, that a step of training drops, in [0, 1).
    kv_heads : int or None, default=None
        Heads of keys and values, a divisor of `heads`: as many adjacent heads share one (Ainslie
        et al., 2023). None is `heads`.
    bias : bool, default=True
        Whether there are b and b_out.
    rate_factor, decay_factor, bias_rate_factor : float, default=1.0
        As in `Dense`.

    Notes
    -----
    `get_weights` gives w (C, C + 2 size kv_heads), b, w_out (C, C) and b_out; the columns of w are
    those of q of all heads, then k, then v. The weights begin uniform as Glorot and Bengio
    propose, w as one matrix, and the biases at 0.

    References
    ----------
    Vaswani et al., "Attention is all you need", 2017. Ainslie et al., "GQA: training generalized
    multi-query transformer models", 2023.

    Examples
    --------
    >>> from fusednn import NetworkClassifier
    >>> from fusednn.layers import Dense, GlobalAvgPool, LayerNorm, MultiHeadAttention, Residual
    >>> attention = Residual([LayerNorm(), MultiHeadAttention(4, dropout=0.1)])
    >>> network = NetworkClassifier([Dense(32), attention, GlobalAvgPool()])
    """

    heads: int
    causal: bool = False
    dropout: float = 0.0
    kv_heads: int | None = field(default=None, kw_only=True)
    bias: bool = field(default=True, kw_only=True)
    rate_factor: float = field(default=1.0, kw_only=True)
    decay_factor: float = field(default=1.0, kw_only=True)
    bias_rate_factor: float = field(default=1.0, kw_only=True)

    def _check(self) -> None:
        _check_heads(self)
        self._need_factors("rate_factor", "decay_factor", "bias_rate_factor")


@dataclass(frozen=True, repr=False)
class TransformerBlock(Layer):
    """Attention, then a dense layer and back, each added to what it reads.

    With `norm_first` x <- x + attention(norm(x)), then x <- x + feed(norm(x)); else
    x <- norm(x + attention(x)), then x <- norm(x + feed(x)). feed(x) is
    activation(x w + b) w_out + b_out.

    Parameters
    ----------
    heads : int
        As in `MultiHeadAttention`.
    units : int or None, default=None
        Columns inside of feed. None is four times the channels.
    activation : str, default="gelu"
        For the feed-forward: a name that `Dense` takes, or "swiglu", silu(x w) times x v
        (Shazeer, 2020).
    causal : bool, default=False
        As in `MultiHeadAttention`.
    dropout : float, default=0.0
        For the weights of attention, and for both branches before the sums, in [0, 1).
    norm_first : bool, default=True
    kv_heads : int or None, default=None
        As in `MultiHeadAttention`.
    norm : {"layer", "rms"}, default="layer"
        `LayerNorm` or `RMSNorm`.
    bias : bool, default=True
        Whether attention and feed have biases; norms have theirs.

    References
    ----------
    Vaswani et al., "Attention is all you need", 2017. Xiong et al., "On layer normalization in the
    transformer architecture", ICML 2020. Shazeer, "GLU variants improve transformer", 2020.

    Examples
    --------
    An encoder of two blocks for series of 16 steps and 3 channels:

    >>> import numpy as np
    >>> from fusednn import NetworkClassifier
    >>> from fusednn.layers import Dense, GlobalAvgPool, PositionalEncoding, TransformerBlock
    >>> blocks = [TransformerBlock(4, dropout=0.1)] * 2
    >>> layers = [Dense(32), PositionalEncoding(), *blocks, GlobalAvgPool()]
    >>> X, y = np.random.RandomState(0).normal(size=(40, 16, 3)), [0, 1] * 20
    >>> model = NetworkClassifier(layers).initialize(X, y)
    >>> model.hidden_activations(X, 3).shape
    (40, 16, 32)
    """

    heads: int
    units: int | None = None
    activation: str = "gelu"
    causal: bool = False
    dropout: float = 0.0
    norm_first: bool = True
    kv_heads: int | None = field(default=None, kw_only=True)
    norm: str = field(default="layer", kw_only=True)
    bias: bool = field(default=True, kw_only=True)

    def _check(self) -> None:
        _check_heads(self)
        if self.units is not None:
            self._need("units", 1, whole=True)
        self._need_name("activation")
        _need_flag(self, "norm_first")
        if self.norm not in ("layer", "rms"):
            raise ValueError(
                f"norm of TransformerBlock must be 'layer' or 'rms', got {self.norm!r}."
            )


@dataclass(frozen=True, repr=False)
class PositionalEncoding(Layer):
    """Tells attention, which does not see the order of steps, where each step is.

    Parameters
    ----------
    kind : {"learned", "sinusoidal", "rotary"}, default="learned"
        "learned" adds a row of a table (T, C) that is trained to each step. "sinusoidal" adds
        sin(t / 10000^(2 i / C)) to column 2 i of step t, and the cosine to column 2 i + 1.
        "rotary" adds nothing: it turns the queries and keys of each attention layer behind it in
        the list, also inside `Residual`, by angles that grow with the step (Su et al., 2021). The
        columns i and i + size / 2 of a head are turned by t / 10000^(2 i / size).
    rate_factor, decay_factor : float, default=1.0
        For a table that is trained, as in `Dense`.

    Notes
    -----
    The table begins normal with deviation 0.02. `get_weights` gives it if it is trained.

    References
    ----------
    Vaswani et al., "Attention is all you need", 2017. Su et al., "RoFormer: enhanced transformer
    with rotary position embedding", arXiv:2104.09864.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn import NetworkRegressor
    >>> from fusednn.layers import GlobalAvgPool, PositionalEncoding
    >>> X, y = np.zeros((10, 3, 2)), np.ones(10)
    >>> model = NetworkRegressor([PositionalEncoding("sinusoidal"), GlobalAvgPool()])
    >>> model.initialize(X, y).hidden_activations(X, 0)[0].round(2).tolist()
    [[0.0, 1.0], [0.84, 0.54], [0.91, -0.42]]
    """

    kind: str = "learned"
    rate_factor: float = field(default=1.0, kw_only=True)
    decay_factor: float = field(default=1.0, kw_only=True)

    def _check(self) -> None:
        if self.kind not in ("learned", "sinusoidal", "rotary"):
            raise ValueError(
                "kind of PositionalEncoding must be 'learned', 'sinusoidal' or 'rotary', got"
                f" {self.kind!r}."
            )
        self._need("rate_factor", 0)
        self._need("decay_factor", 0)


@dataclass(frozen=True, repr=False)
class Gated(Layer):
    """silu(a) b of [a, b]: what "swiglu" puts behind the first dense layer of a block."""

    units: int


def _check_heads(layer: MultiHeadAttention | TransformerBlock) -> None:
    """Refuses numbers of heads that no attention could have."""
    layer._need("heads", 1, whole=True)
    layer._need("dropout", 0, 1)
    for name in ("causal", "bias"):
        _need_flag(layer, name)
    if layer.kv_heads is None:
        return
    layer._need("kv_heads", 1, whole=True)
    if layer.heads % layer.kv_heads:
        raise ValueError(
            f"kv_heads of {type(layer).__name__} must divide its heads, {layer.heads}; got"
            f" {layer.kv_heads}."
        )


def _need_flag(layer: Layer, name: str) -> None:
    value = getattr(layer, name)
    if not isinstance(value, bool):
        raise ValueError(f"{name} of {type(layer).__name__} must be True or False, got {value!r}.")
