"""Converts windows to JSON values and back; checks convolutions, pools and upsampling."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import accumulate
from math import prod
from operator import mul
from typing import Any

from fusednn.graph.layers.convolution import Convolution
from fusednn.graph.layers.pooling import Pooling
from fusednn.graph.layers.transposed_convolution import TransposedConvolution
from fusednn.graph.layers.upsampling import UpSampling
from fusednn.graph.windows import MOST_TAPS, Windows
from fusednn.plan.binding.taps_within import count_within

from .fields import Refused, flag, list_of, record, whole

MOST = (1 << 31) - 1
MOST_AXES = 2

_SIZES = list_of(whole(1, MOST), 1, MOST_AXES)
_FIELDS = {
    "sizes": _SIZES,
    "kernel": _SIZES,
    "stride": _SIZES,
    "padding": list_of(list_of(whole(0, MOST), 2, 2), 1, MOST_AXES),
    "dilation": _SIZES,
    "overhangs": flag,
}


def written(windows: Windows) -> dict[str, Any]:
    """An object of plain lists, with a value for each axis."""
    lists = {name: list(value) for name, value in zip(_FIELDS, windows[:-1], strict=False)}
    return lists | {
        "padding": [list(pair) for pair in windows.padding],
        "overhangs": windows.overhangs,
    }


def read(value, where: str, most: int) -> Windows:
    """Reads windows.

    Parameters
    ----------
    value : object
    where : str
        The value's place in the file.
    most : int
        The most pixels that a sample with its padding may have, and the most windows.
    """
    windows = Windows(**record(_FIELDS)(value, where))
    if len({len(part) for part in windows[:-1]}) > 1:
        raise Refused(f"{where} must have as many values for each axis")
    if min(windows.counts) < 1:
        raise Refused(f"{where} must fit into the sizes with their padding")
    # an output cannot have more windows than the padded sample has pixels
    if any(count > most for count in accumulate(windows.framed, mul)):
        raise Refused(f"{where} has more pixels than a network of its tensors can have")
    return windows


def _check_convolution(parts: dict[str, Any], where: str, most: int, over: str = "fan_in") -> int:
    """`over`: the channels of what the windows lie over."""
    groups, windows = parts["groups"], parts["windows"]
    if windows.overhangs:
        raise Refused(f"{where}.windows.overhangs must be false")
    if parts["fan_in"] % groups or parts["fan_out"] % groups:
        raise Refused(f"{where}.groups must divide fan_in and fan_out")
    return prod(windows.framed) * parts[over]


def _check_upsampling(parts: dict[str, Any], where: str, most: int) -> int:
    sizes, factors = parts["shape"], parts["factors"]
    if len(factors) > MOST_AXES or len(sizes) != len(factors) + 1:
        raise Refused(f"{where} must have a factor for each axis but the last, one or two")
    if any(count > most for count in accumulate(sizes + factors, mul)):
        raise Refused(f"{where} has more pixels than a network of its tensors can have")
    return 0


def _check_pooling(parts: dict[str, Any], where: str, most: int) -> int:
    windows = parts["windows"]
    if max(windows.dilation) > 1:
        raise Refused(f"{where}.windows.dilation must be 1")
    pairs = zip(windows.padding, windows.kernel, strict=True)
    if any(2 * max(padding) > taps for padding, taps in pairs):
        raise Refused(f"{where}.windows.padding must be at most half of the kernel")
    if parts["is_whole"] and prod(windows.counts) > 1:
        raise Refused(f"{where}.windows must be one window, because it is_whole")
    taps = count_within(windows)
    if taps > MOST_TAPS:
        raise Refused(f"{where}.windows have more than {MOST_TAPS} taps together")
    return taps


CHECKS: dict[type, Callable[[dict[str, Any], str, int], int]] = {
    Convolution: _check_convolution,
    TransposedConvolution: partial(_check_convolution, over="fan_out"),
    UpSampling: _check_upsampling,
    Pooling: _check_pooling,
}
"""Refuse fields that an op could not have, or more elements of an output than the given most;
return the elements that the op needs besides outputs."""
