"""Declares the operands in an op's record, beside its kernel; slot numbers follow from the order.

    FORWARD = operands(out=ROWS, x=ROWS, w=REALS, b=REALS, fan_in=COUNT, floor=NUMBER)

    @op(FORWARD)
    def dense_forward(record, frame, scratch, lo, hi):
        stride = record[FORWARD.out_stride]

A declaration is a named tuple of slot numbers, which Numba reads as constants. Slot 0 of a record
is the op's address, slot 1 its positions, the rows of each sample, and slot 2 the address of the
number of rows of each sample that it runs for, or 0.
"""

from collections import namedtuple
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from . import records
from ._jit import Function, kernel


class Kind(NamedTuple):
    """The kind of an operand.

    Parameters
    ----------
    name : str
        "array", "rows", "count", "number", "function", "width" or "padded".
    element : dtype or str or None
        The dtype of an array; None is the network's.
    optional : bool
        Whether it may be None or missing; its word is then 0.
    of : str
        The operand of kind "rows" whose columns a width counts.
    """

    name: str
    element: object = None
    optional: bool = False
    of: str = ""


ROWS = Kind("rows")
"""Rows of a block in the network's type: two slots, the address and NAME_stride, in elements."""
BYTES = Kind("rows", element=np.dtype(np.uint8))
"""The same of uint8."""
ANY_ROWS = Kind("rows", element=object)
"""The same in any type."""
REALS = Kind("array")
"""The address of values in the network's type."""
FLOAT64, INT64, INT32 = (
    Kind("array", np.dtype(kind)) for kind in (np.float64, np.int64, np.int32)
)
COUNT = Kind("count")
"""An integer: a size, a code or a flag."""
NUMBER = Kind("number")
"""The bits of a float64."""
FUNCTION = Kind("function")
"""The address of a compiled function."""


def maybe(kind: Kind) -> Kind:
    """The same kind, optional."""
    return kind._replace(optional=True)


def width_of(name: str) -> Kind:
    """The number of columns of another operand, which is filled in from its rows."""
    return Kind("width", of=name)


def padded_width_of(name: str) -> Kind:
    """The same, rounded up to whole vectors."""
    return Kind("padded", of=name)


def operands(before=None, /, **kinds):
    """Declares the operands of a record, which follow the op's address and positions.

    Parameters
    ----------
    before : declaration, optional
        Its slots come first; ops that call the same kernels share it.
    **kinds : Kind
        The kind of each operand by name, in the order of their slots.

    Returns
    -------
    named tuple of int
        The slot of each operand, and that of the stride of rows. It has the attributes `kinds`
        (kinds by name), `entries` (for each operand: name, slot, *kind) and `size` (words of a
        record).
    """
    kinds = {**(before.kinds if before else {}), **kinds}
    slots = []
    for name, kind in kinds.items():
        slots += [name, f"{name}_stride"] if kind.name == "rows" else [name]
    made = namedtuple("Operands", slots)
    first = records.FIRST_OPERAND
    made.kinds, made.size = kinds, first + len(slots)
    declared = made(*range(first, made.size))
    # for the code that writes records, in the order of the slots
    made.entries = tuple((name, getattr(declared, name), *kind) for name, kind in kinds.items())
    return declared


DECLARED: dict[Any, Any] = {}
"""The declaration of each op's operands."""


def op(declared: Any) -> Callable[[Function], Function]:
    """The decorator of an op: a kernel (record, frame, scratch, lo, hi) that a plan calls.

    It returns 0, or a status that stops the team; it never raises.
    """

    def decorate(function: Function) -> Function:
        made = kernel(function)
        DECLARED[made] = declared
        return made

    return decorate
