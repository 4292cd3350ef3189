"""Recurrence over the steps of series."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from .layer import Layer


@dataclass(frozen=True, repr=False)
class _Recurrence(Layer):
    """What all recurrences have in common."""

    units: int

    def _check(self) -> None:
        self._need("units", 1, whole=True)
        self._need_factors("rate_factor", "decay_factor", "bias_rate_factor")
        for name in ("return_sequences", "bidirectional"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(
                    f"{name} of {type(self).__name__} must be True or False, got"
                    f" {getattr(self, name)!r}."
                )


@dataclass(frozen=True, repr=False)
class RNN(_Recurrence):
    """The plain recurrence: h_t = activation(x_t w + h_(t-1) v + b), from h = 0.

    x is (T, C) with the channels last, out is the last state (H,), or all states (T, H). Elman,
    "Finding structure in time", 1990.

    Parameters
    ----------
    units : int
        H, the columns of the state.
    activation : {"tanh", "relu"}, default="tanh"
    return_sequences : bool, default=False
        Whether it gives the states of all steps, else the last.
    bidirectional : bool, default=False
        Whether a second recurrence with weights of its own goes from the last step to the first.
        Its states come behind those of the first: 2 H columns. The last state of a direction is
        the one after the step that it reads last.
    rate_factor, decay_factor, bias_rate_factor : float, default=1.0
        As in `Dense`.

    Notes
    -----
    `get_weights` gives w (C, H), v (H, H) and b (H,), and again for a second direction. They begin
    uniform in +-1 / sqrt(H), as in PyTorch.

    Examples
    --------
    >>> from fusednn import NetworkRegressor
    >>> from fusednn.layers import RNN, Reshape
    >>> network = NetworkRegressor([Reshape(50, 16), RNN(32)])
    """

    activation: str = "tanh"
    return_sequences: bool = False
    bidirectional: bool = False
    rate_factor: float = 1.0
    decay_factor: float = 1.0
    bias_rate_factor: float = 1.0

    def _check(self) -> None:
        super()._check()
        if self.activation not in ("tanh", "relu"):
            raise ValueError(
                f"activation of RNN must be 'tanh' or 'relu', got {self.activation!r}."
            )


@dataclass(frozen=True, repr=False)
class LSTM(_Recurrence):
    """Long short-term memory: gates say what a cell keeps, takes in and gives.

    With i, f, o = sigmoid(x_t w + h_(t-1) v + b) and g = tanh of its own such sum, the cell is
    c_t = f c_(t-1) + i g, and the state h_t = o tanh(c_t). Hochreiter and Schmidhuber, 1997; Gers,
    Schmidhuber and Cummins, 2000.

    Parameters
    ----------
    units : int
        H, the columns of the state.
    return_sequences, bidirectional
        As in `RNN`.
    forget_bias : float or None, default=None
        The first value of the biases of f. None draws them as all others; with 1 the cells forget
        less at first (Jozefowicz, Zaremba and Sutskever, 2015).
    rate_factor, decay_factor, bias_rate_factor : float, default=1.0
        As in `Dense`.

    Notes
    -----
    `get_weights` gives w (C, 4 H), v (H, 4 H) and b (4 H,), and again for a second direction.
    Their columns are those of i, f, g and o, in this order.

    Examples
    --------
    >>> from fusednn import NetworkClassifier
    >>> from fusednn.layers import LSTM, Dropout, Reshape
    >>> layers = [Reshape(50, 16), LSTM(64, return_sequences=True), Dropout(0.2), LSTM(64)]
    >>> network = NetworkClassifier(layers)
    """

    return_sequences: bool = False
    bidirectional: bool = False
    forget_bias: float | None = None
    rate_factor: float = 1.0
    decay_factor: float = 1.0
    bias_rate_factor: float = 1.0

    def _check(self) -> None:
        super()._check()
        if self.forget_bias is not None:
            self._need("forget_bias", -inf)


@dataclass(frozen=True, repr=False)
class GRU(_Recurrence):
    """Gated recurrent unit: h_t = (1 - z) n + z h_(t-1), with gates z and r.

    r, z = sigmoid(x_t w + h_(t-1) v + b), and n = tanh(x_t w + b + r (h_(t-1) v + b_n)) of columns
    of its own: the reset gate r acts behind the product, as in PyTorch and cuDNN. Cho et al.,
    2014.

    Parameters
    ----------
    units : int
        H, the columns of the state.
    return_sequences, bidirectional
        As in `RNN`.
    rate_factor, decay_factor, bias_rate_factor : float, default=1.0
        As in `Dense`.

    Notes
    -----
    `get_weights` gives w (C, 3 H), v (H, 3 H), b (3 H,) and b_n (H,), and again for a second
    direction. Columns are those of r, z and n, in this order.

    Examples
    --------
    >>> from fusednn import NetworkClassifier
    >>> from fusednn.layers import GRU, Reshape
    >>> network = NetworkClassifier([Reshape(28, 28), GRU(64, bidirectional=True)])
    """

    return_sequences: bool = False
    bidirectional: bool = False
    rate_factor: float = 1.0
    decay_factor: float = 1.0
    bias_rate_factor: float = 1.0
