"""The one table of ops that run on a GPU."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from .entries import always

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
    scratch_of : callable, optional
        Gives the elements of scratch for each block by the record, instead of `scratch`; a device
        function too.
    over_padding : bool
        Whether it runs for all rows at once, also for those behind the ends of series: they make
        no difference, since no row depends on another and no element is an index, or it leaves
        them alone.
    units : callable, optional
        Gives the number of blocks that have work for each row, by the record; else it is one.
    others : tuple of (callable, callable)
        Functions for some of the functions of a record: whether it is for these, and the function.
    small : int
        Elements of scratch where no tile is large, as in programs; 0: `scratch`.
    """

    function: Callable
    spread: str = GRID
    scratch: int = 0
    once: bool = False
    scratch_of: Callable | None = None
    units: Callable | None = None
    over_padding: bool = False
    others: tuple[tuple[Callable, Callable], ...] = ()
    small: int = 0

    def function_for(self, functions: Mapping[str, Any]) -> Callable:
        """The device function for a record with these functions, by their names."""
        for fits, function in self.others:
            if fits(functions):
                return function
        return self.function

    def sized(self) -> Callable:
        """The device function that gives the elements of scratch for each block by a record."""
        return self.scratch_of or always(self.scratch)

    def elements(self, record: Any) -> int:
        """The elements of scratch for each block that runs a record."""
        return int(self.sized()(record))

    def blocks_with_work(self, rows: int, record: Any) -> int:
        """The blocks that have work where all share so many rows of a record."""
        return rows if self.units is None else rows * int(self.units(record))


TWINS: dict[Any, Twin] = {}
"""By the op of the CPU; `every_twin` fills it."""


def twin(
    op: Any,
    spread: str = GRID,
    where: Callable | None = None,
    **options: Any,
) -> Callable[[Callable], Callable]:
    """The decorator of a device function that does an op's work on a GPU; options as in `Twin`.

    With `where` it is for some of the functions of a record, and follows one that is for all.
    """

    def decorate(function: Callable) -> Callable:
        if where is None:
            TWINS[op] = Twin(function, spread, **options)
        else:
            known = TWINS[op]
            TWINS[op] = known._replace(others=(*known.others, (where, function)))
        return function

    return decorate


def takes(name: str, parameter: str) -> Callable[[Mapping[str, Any]], bool]:
    """Whether the function of this name has a parameter, for `where`."""

    def fits(functions: Mapping[str, Any]) -> bool:
        given: Any = functions.get(name)
        return parameter in inspect.signature(getattr(given, "py_func", given)).parameters

    return fits


def ported(op: Any) -> None:
    """Has each thread of a GPU run the op of the CPU for rows of its own.

    Such an op leaves its scratch alone: threads have none. A twin written by hand goes first.
    """
    TWINS.setdefault(op, Twin(op, THREAD))


@cache
def every_twin() -> dict[Any, Twin]:
    """The table, when all modules that fill it are imported."""
    ops = importlib.import_module("fusednn.kernels.cuda.ops")
    for module in pkgutil.walk_packages(ops.__path__, f"{ops.__name__}."):
        importlib.import_module(module.name)
    return TWINS
