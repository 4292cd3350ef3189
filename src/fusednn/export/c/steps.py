"""A network over series in C that takes one step at a time, with a state of the caller's."""

from __future__ import annotations

from collections.abc import Iterator

from fusednn.graph.layers.history import History
from fusednn.graph.layers.layer import Layer, walked
from fusednn.graph.layers.recurrent import Recurrent
from fusednn.graph.layers.stepped_attention import SteppedAttention, SteppedPositions
from fusednn.graph.one_step import most_steps
from fusednn.serving.model import Model, ops_of_a_step

from .buffers import Buffer, pointer
from .dense import split
from .interface import interface_of
from .ops import Lowering
from .recurrent import ACTIVATIONS, function_name
from .text import number

REMEMBER = "remember"

_REMEMBER = """\
/* Replaces the oldest row of the ring, `length` rows and then the place of the oldest, by x, and
   copies every `dilation`-th row up to it to out. */
static void NAME_remember(const REAL *x, REAL *out, size_t out_stride, REAL *ring, size_t length,
                   size_t dilation, size_t width)
{
    const size_t oldest = (size_t)ring[length * width];
    size_t row;
    memcpy(ring + oldest * width, x, width * sizeof(REAL));
    ring[length * width] = (REAL)((oldest + 1) % length);
    for (row = 0; row < length; row += dilation, out += out_stride)
        memcpy(out, ring + (oldest + 1 + row) % length * width, width * sizeof(REAL));
}
"""

_ADVANCE = """\
/* Computes the logits of the next step; returns a pointer into `work`. */
static REAL *NAME_advance(REAL *state, const REAL *x, REAL *work)
{{
    const size_t rows = 1;
    {lines}
    (void)rows;
    (void)state;
    return {logits};
}}

"""

_DECLARED = """
/* A series that arrives step by step: `state` are MACRO_N_STATE numbers of the caller's, which
   NAME_reset sets to before the first step. A step has MACRO_N_STEP_FEATURES numbers. The answers,
   MACRO_N_STEP_LOGITS and MACRO_N_STEP_OUTPUTS numbers, are those of NAME_logits and NAME_predict
   for the step; of one answer for a series, as if it ended with the step.{bound} */
int NAME_reset(REAL *state);
int NAME_step(REAL *state, const REAL *x, REAL *out);
int NAME_step_predict(REAL *state, const REAL *x, REAL *out);
"""

_BOUND = """
   Behind MACRO_MOST_STEPS steps there are no more positions: MACRO_TOO_MANY_STEPS, and the state
   is as before."""

_FULL = """\
    if (state[{at}] >= MACRO_MOST_STEPS)
        return MACRO_TOO_MANY_STEPS;
"""

_PUBLIC = """
int NAME_reset(REAL *state)
{
    size_t i = MACRO_N_STATE;
    if (state == NULL)
        return MACRO_NULL_POINTER;
    while (i-- > 0)
        state[i] = 0;
    return MACRO_OK;
}

int NAME_step(REAL *state, const REAL *x, REAL *out)
{
    if (state == NULL)
        return MACRO_NULL_POINTER;
FULL    return NAME_continue(NAME_RAW, state, x, 1, out, NULL);
}

int NAME_step_predict(REAL *state, const REAL *x, REAL *out)
{
    if (state == NULL)
        return MACRO_NULL_POINTER;
FULL    return NAME_continue(NAME_LINKED, state, x, 1, out, NULL);
}
"""


def steps_of(model: Model) -> tuple[Layer, ...]:
    """The ops of one step; none if the network cannot be run so."""
    try:
        return ops_of_a_step(model.ops, model.columns)
    except ValueError:
        return ()


def step_macros(model: Model, ops: tuple[Layer, ...]) -> dict[str, int]:
    """The sizes of the state that the ops of one step keep, of a step, and of its answers."""
    answers = interface_of(model._replace(ops=ops))
    return {
        "N_STATE": max(1, sum(_kept(op) for op in ops)),  # C has no arrays of no elements
        "N_STEP_FEATURES": ops[0].fan_in,
        "N_STEP_LOGITS": answers.logits,
        "N_STEP_OUTPUTS": answers.outputs,
    } | (
        {} if (bound := most_steps(ops)) is None else {"MOST_STEPS": bound[0], "TOO_MANY_STEPS": 4}
    )


def step_declarations(ops: tuple[Layer, ...]) -> str:
    """The prototypes of the functions for one step."""
    return _DECLARED.replace("{bound}", "" if most_steps(ops) is None else _BOUND)


def step_functions(ops: tuple[Layer, ...]) -> str:
    """The public functions for one step."""
    bound, full = most_steps(ops), ""
    if bound is not None:
        full = _FULL.format(at=_kept_before(ops, bound[1]))
    return _PUBLIC.replace("FULL", full)


def _kept_before(ops: tuple[Layer, ...], wanted: Layer) -> int:
    """The numbers of the state before those of an op."""
    inside = [op for op, _ in walked(ops, (ops[0].fan_in,)) if not getattr(op, "ops", ())]
    at = next(number for number, op in enumerate(inside) if op is wanted)
    return sum(map(_kept, inside[:at]))


def _kept(op: Layer) -> int:
    match op:
        case Recurrent():
            return (1 + (op.cell == "lstm")) * op.units
        case History():
            return op.length * op.fan_in + 1
        case SteppedAttention():
            return 2 * op.length * op.kept + 2
        case SteppedPositions():
            return 1
    return sum(map(_kept, getattr(op, "ops", ())))


class Steps(Lowering):
    """Converts the ops of one step, whose arrays another lowering has defined.

    Parameters
    ----------
    defined : Lowering
        That of the whole series.
    arrays : iterator of ndarray
        The same parameters again.
    """

    def __init__(self, defined: Lowering, arrays: Iterator):
        super().__init__(arrays, defined.dtype)
        self._names, self._state = iter(defined.defined), 0
        self._number, self._has_windows = defined._number, defined._has_windows
        self._has_steps = False

    def _define_all(self, labelled):
        """The names of arrays that are defined already."""
        yield from ()
        return [next(self._names) for _ in labelled]

    def _op(self, op: Layer, x: Buffer):
        match op:
            case Recurrent():
                return (yield from self._recurrent_step(op, x))
            case History():
                return self._history(op, x)
            case SteppedAttention():
                return (yield from self._attention_step(op, x))
            case SteppedPositions():
                [table] = yield from self._vectors(("table",), op)
                x = self.own(x, op.width)
                self.functions.add("add_next_positions")
                places = f"{pointer(x)}, {op.width}, {table}, {self._keep(op)}"
                self.calls.append(f"NAME_add_next_positions({places});")
                return x
        return (yield from super()._op(op, x))

    def _keep(self, op: Layer) -> str:
        """A pointer to the part of the state that an op keeps."""
        first = self._state
        self._state += _kept(op)
        return f"state + {first}"

    def _recurrent_step(self, op: Recurrent, x: Buffer):
        self.take(op)
        name, units = function_name(op.cell), op.units
        names = yield from self._define_all(range(4))
        z, s, out = (self.buffers.place(width) for width in (op.columns, op.columns, units))
        self.functions |= {"dense", name}
        self.inner_activations |= ACTIVATIONS[op.cell]
        sizes = ", ".join(map(str, split(op.columns, self.dtype)))
        read, h = f"{pointer(x)}, {x.stride}, 1, {op.fan_in}, {sizes}", self._keep(op)
        first, second = ", ".join(names[:2]), ", ".join(names[2:])
        self.calls.append(f"NAME_dense({read}, {first}, {pointer(z)}, {z.stride});")
        places = f"{pointer(z)}, {z.stride}, {pointer(out)}, {out.stride}, 1, 1, {units}"
        cells = f"{h} + {units}" if op.cell == "lstm" else "NULL"
        kept = f"{pointer(s)}, {s.stride}, {h}, {cells}, {units}"
        self.calls.append(f"NAME_{name}({places}, 1, 0, {sizes}, {second}, {kept}, 1);")
        for place in (x, z, s):
            self.buffers.release(place)
        return out

    def _attention_step(self, op: SteppedAttention, x: Buffer):
        turns = "NULL"
        if op.base:
            [turns] = yield from self._define_all(range(1))
        out = self.buffers.like(x, op.fan_out)
        weights = self.buffers.scratch(op.length + 2 * op.size)
        self.functions |= {"attend_next", "rotate"}
        self.maths.add("exp")
        scale = number(op.size**-0.5, self.dtype)
        sizes = f"{op.length}, {op.heads}, {op.heads // op.key_heads}, {op.size}, {scale}"
        places = f"{pointer(x)}, {pointer(out)}, {self._keep(op)}"
        self.calls.append(f"NAME_attend_next({places}, {sizes}, {turns}, {pointer(weights)});")
        for place in (x, weights):
            self.buffers.release(place)
        return out

    def _history(self, op: History, x: Buffer) -> Buffer:
        out = self.buffers.place(op.fan_in, op.taps)
        places = f"{pointer(x)}, {pointer(out)}, {out.stride}, {self._keep(op)}"
        self.functions.add(REMEMBER)
        sizes = f"{op.length}, {op.dilation}, {op.fan_in}"
        self.calls.append(f"NAME_remember({places}, {sizes});")
        self.buffers.release(x)
        return out


def remember_text(names: set[str]) -> str:
    """The C function of a ring, if it is needed."""
    return _REMEMBER if REMEMBER in names else ""


def advance_text(steps: Steps, logits: Buffer, buffers: list[str]) -> str:
    """The C function of a step."""
    lines = "\n    ".join(buffers + steps.calls)
    return _ADVANCE.format(lines=lines, logits=pointer(logits))
