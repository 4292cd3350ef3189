"""Convolutions of images and series, and what layers over windows share; channels are last."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral

from .layer import Layer

PADDINGS = "valid", "same"


def _is_whole(value, least: int) -> bool:
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    return whole and int(value) >= least


@dataclass(frozen=True, repr=False)
class Windowed(Layer):
    """What layers over windows have in common."""

    def _check_axes(self, name: str, least: int = 1) -> None:
        """Refuses a field that is neither an integer nor, over images, a pair of integers."""
        value, axes = getattr(self, name), self._axes
        if _is_whole(value, least):
            return
        pair = isinstance(value, tuple | list) and len(value) == axes
        if axes == 1 or not pair or not all(_is_whole(part, least) for part in value):
            what = "an integer" if axes == 1 else "an integer, or a pair of integers,"
            raise ValueError(
                f"{name} of {type(self).__name__} must be {what} from {least}, got {value!r}."
            )
        object.__setattr__(self, name, tuple(map(int, value)))

    @property
    def _axes(self) -> int:
        return 1 if type(self).__name__.endswith("1D") else 2

    def along_axes(self, name: str) -> tuple[int, ...]:
        """A field's value for each axis.

        Parameters
        ----------
        name : str
            The name of the field.

        Returns
        -------
        tuple of int
        """
        value = getattr(self, name)
        return value if isinstance(value, tuple) else (int(value),) * self._axes


class Kernels(Windowed):
    """What convolutions and their transposes have in common."""

    filters: int
    groups: int
    padding: str | int | tuple
    init: str | None
    max_norm: float | None

    def _check(self) -> None:
        self._need_name("activation")
        if self.init is not None:
            self._need_name("init")
        self._need("filters", 1, whole=True)
        self._need("groups", 1, whole=True)
        for name in ("kernel_size", "stride", "dilation"):
            self._check_axes(name)
        if self.filters % self.groups:
            raise ValueError(
                f"filters of {type(self).__name__} must be a multiple of groups, got"
                f" {self.filters} filters and {self.groups} groups."
            )
        self._need_factors("rate_factor", "decay_factor", "bias_rate_factor")
        if self.max_norm is not None:
            self._need("max_norm", 1e-30)
        self._check_padding()

    def _check_padding(self) -> None:
        """Sets tuples in place of lists; refuses other paddings."""
        value = self.padding
        if isinstance(value, str):
            if value in self._paddings():
                return
        elif _is_whole(value, 0):
            return
        elif isinstance(value, tuple | list) and len(value) == 2:
            parts = tuple(tuple(part) if isinstance(part, list) else part for part in value)
            inner = self._axes == 2
            if all(_is_whole(part, 0) or (inner and self._is_pair(part)) for part in parts):
                object.__setattr__(self, "padding", parts)
                return
        names = ", ".join(map(repr, self._paddings()))
        pair = "a pair (before, after)" if self._axes == 1 else "a pair (rows, columns)"
        raise ValueError(
            f"padding of {type(self).__name__} must be {names}, an integer from 0, or {pair} of"
            f" them, got {value!r}."
        )

    @staticmethod
    def _is_pair(value) -> bool:
        return isinstance(value, tuple) and len(value) == 2 and all(_is_whole(v, 0) for v in value)

    def _paddings(self) -> tuple[str, ...]:
        return PADDINGS if self._axes == 2 else (*PADDINGS, "causal")

    def zeros_around(self) -> tuple[tuple[int, int], ...]:
        """Zeros before and after the input, along each axis."""
        value = self.padding
        if isinstance(value, str):
            sizes, dilations = self.along_axes("kernel_size"), self.along_axes("dilation")
            whole = [d * (k - 1) for k, d in zip(sizes, dilations, strict=True)]
            if value == "valid":
                return ((0, 0),) * self._axes
            if value == "causal":
                return tuple((count, 0) for count in whole)
            return tuple((count // 2, count - count // 2) for count in whole)
        if isinstance(value, tuple):
            if self._axes == 1:
                return (value,)
            return tuple(part if isinstance(part, tuple) else (part, part) for part in value)
        return ((int(value), int(value)),) * self._axes


@dataclass(frozen=True, repr=False)
class _Convolution(Kernels):
    """What both convolutions have in common."""

    filters: int
    kernel_size: int | tuple[int, int]
    activation: str = "identity"
    stride: int | tuple[int, int] = 1
    padding: str | int | tuple = "same"
    dilation: int | tuple[int, int] = 1
    groups: int = 1
    init: str | None = None
    bias: bool = True
    max_norm: float | None = None
    rate_factor: float = 1.0
    decay_factor: float = 1.0
    bias_rate_factor: float = 1.0


@dataclass(frozen=True, repr=False)
class Conv1D(_Convolution):
    """Convolution along the steps of series: out[t] = activation(sum over k of x[t + k] w[k] + b).

    x is (T, C) with the channels last, out is (T', O). Cross-correlation, as in other libraries.

    Parameters
    ----------
    filters : int
        O, the channels of the output.
    kernel_size : int
        Steps of a window.
    activation : str, default="identity"
        A name that `Activation` takes.
    stride : int, default=1
        Steps from one window to the next.
    padding : {"valid", "same", "causal"}, int or (int, int), default="same"
        Zeros before and after the series. "same" takes dilation (kernel_size - 1) zeros in all,
        the larger half at the end, so T steps give ceil(T / stride); "causal" puts all of them
        before it, so no output depends on a later step; "valid" takes none. A pair is (before,
        after).
    dilation : int, default=1
        Steps from one element of a window to the next.
    groups : int, default=1
        Divides the channels and the filters into so many groups; a filter reads its own group.
        As many groups as channels are a depthwise convolution.
    init, bias, max_norm, rate_factor, decay_factor, bias_rate_factor
        As in `Dense`, for weights (kernel_size, C / groups, O) as a matrix with a column for
        each filter.

    Examples
    --------
    >>> from fusednn import NetworkClassifier
    >>> from fusednn.layers import Conv1D, GlobalAvgPool, Reshape
    >>> layers = [Reshape(50, 16), Conv1D(32, 5, "relu"), GlobalAvgPool()]
    >>> network = NetworkClassifier(layers)
    """


@dataclass(frozen=True, repr=False)
class Conv2D(_Convolution):
    """Convolution of images: out = activation(sum over the window of x w + b).

    x is (H, W, C) with the channels last, out is (H', W', O). Cross-correlation, as in other
    libraries.

    Parameters
    ----------
    filters : int
        O, the channels of the output.
    kernel_size : int or (int, int)
        Rows and columns of a window.
    activation : str, default="identity"
        A name that `Activation` takes.
    stride : int or (int, int), default=1
        Rows and columns from one window to the next.
    padding : {"valid", "same"}, int or pair, default="same"
        Zeros around the image. "same" takes dilation (kernel_size - 1) zeros in all along each
        axis, the larger half at the end, so n rows give ceil(n / stride); "valid" takes none. A
        pair is (rows, columns), each a number or a pair (before, after).
    dilation : int or (int, int), default=1
        Rows and columns from one element of a window to the next.
    groups : int, default=1
        As in `Conv1D`.
    init, bias, max_norm, rate_factor, decay_factor, bias_rate_factor
        As in `Dense`, for weights (rows, columns, C / groups, O) as a matrix with a column for
        each filter.

    Examples
    --------
    >>> from fusednn import NetworkClassifier
    >>> from fusednn.layers import Conv2D, Dense, Flatten, MaxPool2D, Reshape
    >>> layers = [Reshape(28, 28, 1), Conv2D(32, 3, "relu"), MaxPool2D(2), Flatten(), Dense(128)]
    >>> network = NetworkClassifier(layers)
    """
