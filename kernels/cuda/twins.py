"""The one table of ops that run on a GPU."""

from collections.abc import Callable
from typing import Any, NamedTuple

GRID, BLOCK, THREAD = "grid", "block", "thread"
"""Who runs a task of an op: all blocks together, one block for each task, or one thread for each
of its rows."""


class Twin(NamedTuple):
    """An op of the CPU as a GPU runs it.

    Parameters
    ----------
    function : callable
        Takes the op's arguments, and the functions of its record by their names.
    spread : str
        GRID, BLOCK or THREAD.
    scratch : int
        Elements of scratch for each block.
    once : bool
        Whether the first task stands for all, which would only be read and passed over.
    by_sample : bool
        Whether a thread takes all rows of a sample, as the op takes them together.
    """

    function: Callable
    spread: str = GRID
    scratch: int = 0
    once: bool = False
    by_sample: bool = False


TWINS: dict[Any, Twin] = {}
"""By the op of the CPU."""


def twin(
    op: Any, spread: str = GRID, scratch: int = 0, once: bool = False
) -> Callable[[Callable], Callable]:
    """The decorator of a device function that does an op's work on a GPU."""

    def decorate(function: Callable) -> Callable:
        TWINS[op] = Twin(function, spread, scratch, once)
        return function

    return decorate


def ported(op: Any, by_sample: bool = False) -> None:
    """Has each thread of a GPU run the op of the CPU for rows of its own, or a sample.

    Such an op leaves its scratch alone: threads have none.
    """
    TWINS[op] = Twin(op, THREAD, by_sample=by_sample)
