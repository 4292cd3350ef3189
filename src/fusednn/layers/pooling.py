"""Pooling of images and series, with channels last."""

from __future__ import annotations

from dataclasses import dataclass

from .layer import Layer
from .windows import Windowed


@dataclass(frozen=True, repr=False)
class _Pool(Windowed):
    """What all pooling has in common."""

    size: int | tuple[int, int]
    stride: int | tuple[int, int] | None = None
    padding: int | tuple[int, int] = 0
    ceil_mode: bool = False

    def _check(self) -> None:
        self._check_axes("size")
        if self.stride is not None:
            self._check_axes("stride")
        self._check_axes("padding", 0)
        pairs = zip(self.along_axes("padding"), self.along_axes("size"), strict=True)
        if any(2 * padding > size for padding, size in pairs):
            raise ValueError(
                f"padding of {type(self).__name__} must be at most half its size, got"
                f" padding={self.padding!r} and size={self.size!r}."
            )
        if not isinstance(self.ceil_mode, bool):
            raise ValueError(
                f"ceil_mode of {type(self).__name__} must be a bool, got {self.ceil_mode!r}."
            )


@dataclass(frozen=True, repr=False)
class MaxPool1D(_Pool):
    """The largest of each window of steps, by channel.

    Parameters
    ----------
    size : int
        Steps of a window.
    stride : int or None, default=None
        From one window to the next; None is `size`.
    padding : int, default=0
        Steps before and after the series that no window takes a value from; at most half of
        `size`.
    ceil_mode : bool, default=False
        Whether there is a last window that reaches beyond the end, if it begins before it.

    Examples
    --------
    >>> from fusednn.layers import MaxPool1D
    >>> MaxPool1D(2)
    MaxPool1D(size=2)
    """


@dataclass(frozen=True, repr=False)
class MaxPool2D(_Pool):
    """The largest of each window of pixels, by channel.

    Parameters
    ----------
    size, stride, padding, ceil_mode
        As in `MaxPool1D`; a pair is (rows, columns).

    Examples
    --------
    >>> from fusednn.layers import MaxPool2D
    >>> MaxPool2D(3, stride=2, padding=1)
    MaxPool2D(size=3, stride=2, padding=1)
    """


@dataclass(frozen=True, repr=False)
class AvgPool1D(_Pool):
    """The mean of each window of steps, by channel; padding counts as zeros.

    Parameters
    ----------
    size, stride, padding, ceil_mode
        As in `MaxPool1D`.

    Examples
    --------
    >>> from fusednn.layers import AvgPool1D
    >>> AvgPool1D(4)
    AvgPool1D(size=4)
    """


@dataclass(frozen=True, repr=False)
class AvgPool2D(_Pool):
    """The mean of each window of pixels, by channel; padding counts as zeros.

    Parameters
    ----------
    size, stride, padding, ceil_mode
        As in `MaxPool1D`; a pair is (rows, columns).

    Examples
    --------
    >>> from fusednn.layers import AvgPool2D
    >>> AvgPool2D((2, 1))
    AvgPool2D(size=(2, 1))
    """


@dataclass(frozen=True, repr=False)
class GlobalMaxPool(Layer):
    """The largest of each channel over a whole sample, which becomes one row of channels.

    Examples
    --------
    >>> from fusednn.layers import GlobalMaxPool
    >>> GlobalMaxPool()
    GlobalMaxPool()
    """


@dataclass(frozen=True, repr=False)
class GlobalAvgPool(Layer):
    """The mean of each channel over a whole sample, which becomes one row of channels.

    Examples
    --------
    >>> from fusednn.layers import GlobalAvgPool
    >>> GlobalAvgPool()
    GlobalAvgPool()
    """
