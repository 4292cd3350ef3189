"""The series that a network reads: whether an op fixes their steps, and ops for other steps."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from .layers.layer import Layer
from .layers.reshape import Reshape
from .layers.token_embedding import TokenEmbedding
from .lengths import along_steps
from .network import Network


class StepsError(ValueError):
    """An op does not take series of so many steps.

    Parameters
    ----------
    number : int
        The number of the op.
    why : str
        What is wrong, without a subject.
    """

    def __init__(self, number: int, why: str):
        super().__init__(why)
        self.number, self.why = number, why


class Series(NamedTuple):
    """The series that a network reads.

    Parameters
    ----------
    steps, features : int
    channels_first : bool
        Whether a sample of the data is (features, steps), else (steps, features).
    are_tokens : bool
        Whether a sample is (steps,), of one code each.
    padding : int or None
        The code that is padding at the end of samples of tokens; NaN is at that of others.
    """

    steps: int
    features: int
    channels_first: bool
    are_tokens: bool = False
    padding: int | None = None

    @property
    def may_be_padded(self) -> bool:
        """Whether samples may have padding."""
        return not self.are_tokens or self.padding is not None

    def axes(self, steps: int) -> tuple[int, ...]:
        """The axes of a sample of so many steps."""
        if self.are_tokens:
            return (steps,)
        return (self.features, steps) if self.channels_first else (steps, self.features)

    @property
    def free_axes(self) -> tuple[int | None, int | None]:
        """The axes of a sample of any number of steps, with None for these."""
        return (self.features, None) if self.channels_first else (None, self.features)

    @property
    def free_text(self) -> str:
        """The same for messages."""
        return f"({self.features}, steps)" if self.channels_first else f"(steps, {self.features})"

    def steps_of(self, axes: tuple[int, ...]) -> int:
        """The steps of a sample with these axes; 0 if it is no such series."""
        if len(axes) != 2 or self.are_tokens:
            return 0
        steps = axes[1 if self.channels_first else 0]
        return steps if axes == self.axes(steps) else 0


def series_of(ops: Sequence[Layer]) -> Series | None:
    """The series that ops read; None if their samples are rows or images."""
    first = ops[0]
    if isinstance(first, TokenEmbedding):
        return Series(first.fan_in, 1, False, are_tokens=True, padding=first.padding)
    if not isinstance(first, Reshape) or len(first.shape) != 2:
        return None
    steps, features = first.out_shape((first.fan_in,))
    return Series(steps, features, first.channels_first)


def free_series(ops: Sequence[Layer]) -> Series | None:
    """The series that ops read, if none of them fixes the steps."""
    series = series_of(ops)
    if series is None or _fixes(ops[1:], ops[0].out_shape((ops[0].fan_in,))):
        return None
    return series


def _fixes(ops: Sequence[Layer], shape: tuple[int, ...]) -> bool:
    """Whether one of the ops fixes the steps of samples of this shape."""
    for op in ops:
        if len(shape) < 2:  # one row for each sample
            return False
        parts = [getattr(op, name, ()) for name in ("inner", "shortcut")]
        if isinstance(op, Reshape) or any(_fixes(part, shape) for part in parts):
            return True
        shape = op.out_shape(shape)
    return False


def network_for(network: Network, columns: int) -> Network:
    """The network for rows of so many columns: itself, or that of series of other steps.

    Raises
    ------
    StepsError
        If an op fixes the steps, or leaves none.
    """
    series = series_of(network.ops)
    if columns == network.inputs or series is None:
        return network
    return network._replace(ops=ops_of_steps(network.ops, columns // series.features))


@lru_cache(maxsize=256)
def ops_of_steps(ops: tuple[Layer, ...], steps: int) -> tuple[Layer, ...]:
    """The ops of a network for series of so many steps; raises as `network_for` does."""
    found: list[Layer] = []
    try:
        found.extend(op for op, _ in along_steps(ops, steps))
    except ValueError as error:
        raise StepsError(len(found), str(error)) from None
    return tuple(found)
