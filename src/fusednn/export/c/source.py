"""A model as one file of C99 that needs only the standard library."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np

from fusednn.serving.files.replacing import replacing
from fusednn.serving.model import Model

from .activations import activation_texts, needed_maths
from .attention import ATTENTIVE, attention_text
from .buffers import LEAST_ROWS, Buffer, pointer
from .dense import dense_text
from .functions import function_text
from .head import head_text, links_of
from .interface import class_function, class_texts, declarations, facts, interface_of
from .maths import Maths
from .ops import Lowering
from .recurrent import RECURRENT, recurrent_text
from .series import has_ends, has_steps, length_text
from .steps import (
    REMEMBER,
    Steps,
    advance_text,
    remember_text,
    step_declarations,
    step_functions,
    step_macros,
    steps_of,
)
from .text import in_words
from .windows import WINDOWED, windows_text

STACK_BYTES = 32 * 1024
"""Blocks of rows fit into it; blocks of `LEAST_ROWS` rows may take twice as much."""
MOST_ROWS = 32

_INTRODUCTION = """\
/* A neural network in C99, written by fusednn to {file}.

   {facts}

   Compile it with    cc -std=c99 -O3 -c {file}    and link with -lm.
   -march=native -ffp-contract=fast make it faster on the machine that compiles it. -ffast-math,
   -Ofast and -ffinite-math-only are refused.
   To get only the declarations, #define MACRO_DECLARATIONS before you #include this file.

   Arrays hold rows one after the other, as {real}. The functions return MACRO_OK or one of the
   codes below. They keep no state, so several threads may call them at the same time. They use up
   to {kilobytes} KB of stack, and the heap only if layers are too wide for that.
   Results for rows with infinity or NaN are meaningless; NAME_check finds such rows.
*/
"""

BEGINNING = """\
#ifndef MACRO_DECLARATIONS

#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || \\
    (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__)
#error "this file needs IEEE 754 arithmetic: compile without -ffast-math and its parts"
#endif

#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef __GNUC__
#define MACRO_INLINE static inline __attribute__((always_inline))
#else
#define MACRO_INLINE static inline
#endif

"""

_FORWARD = """\
#define MACRO_BLOCK ((size_t){block}) /* rows at a time */
#define MACRO_WORK {work} /* numbers in the buffers per row */
#define MACRO_Z_STRIDE {stride}

/* Computes the logits of up to MACRO_BLOCK rows; returns a pointer into `work`.{ends} */
static REAL *NAME_forward(const REAL *x, size_t rows, {steps}REAL *work)
{{
    {lines}
    return {logits};
}}

"""


_ENDS = "\n   Sets how many rows of results each sample has."


def write_c(model: Model, path: Path, name: str, more: str = "") -> None:
    """Writes a model array by array; the file appears when it is complete.

    Parameters
    ----------
    model : Model
    path : Path
    name : str
        A C identifier.
    more : str
        Text to append.
    """
    with replacing(path) as beside, open(beside, "w", encoding="ascii", newline="\n") as file:
        for text in c_source(model, name, path.name):
            file.write(text)
        file.write(more)


def c_source(model: Model, name: str, file: str) -> Iterator[str]:
    """The text of the file, in pieces."""
    dtype = np.dtype(model.dtype)
    words = words_of(dtype, name)
    shown = re.sub("[^A-Za-z0-9_.-]", "_", file)
    introduction = in_words(_INTRODUCTION, words)
    kilobytes = 2 * STACK_BYTES // 1024
    yield introduction.format(
        file=shown, facts=facts(model), real=words["REAL"], kilobytes=kilobytes
    )
    ops = steps_of(model)
    macros = step_macros(model, ops) if ops else {}
    yield in_words(
        declarations(model, macros, step_declarations(ops) if ops else "") + BEGINNING, words
    )
    arrays = list(model.arrays) if ops else model.arrays
    lowering = Lowering(iter(arrays), dtype)
    z = yield from converted(lowering, lowering.model(model), words)
    logits, lowerings = lowering.own(z, model.ops[-1].fan_out), [lowering]
    if ops:
        steps = Steps(lowering, iter(arrays))
        z = yield from converted(steps, steps.ops(ops, Buffer(ops[0].fan_in)), words)
        answer = steps.own(z, ops[-1].fan_out)
        lowerings.append(steps)
    yield in_words(functions_text(links_of(model), lowerings, dtype), words)
    work = max(sum(one.buffers.sizes) for one in lowerings)
    block, on_heap = _block(work * dtype.itemsize)
    lines = buffers_text(lowering) + lowering.calls
    if has_ends(model):
        lines.append(f"*own = {logits.steps};")
    forward = _FORWARD.format(
        block=block,
        work=work,
        stride=logits.stride,
        ends=_ENDS if has_ends(model) else "",
        steps=_parameters(model),
        lines="\n    ".join(lines),
        logits=pointer(logits),
    )
    forward = length_text(model) + forward
    forward += advance_text(steps, answer, buffers_text(steps)) if ops else ""
    yield in_words(forward + head_text(model, on_heap, bool(ops)), words)
    yield in_words(step_functions(ops), words) if ops else ""
    yield class_function(class_texts(model), words) if interface_of(model).labels else ""
    yield "\n#endif\n"


def converted(lowering: Lowering, pieces, words: dict[str, str]):
    """Yields the arrays of a network, and returns the location of its output."""
    while True:
        try:
            yield in_words(next(pieces), words)
        except StopIteration as end:
            return end.value


def _parameters(model: Model) -> str:
    """What `NAME_forward` takes for series of any length."""
    if not has_steps(model):
        return ""
    return "size_t steps, size_t *own, " if has_ends(model) else "size_t steps, "


def buffers_text(lowering: Lowering) -> list[str]:
    """The definitions of the buffers in `work`."""
    starts = accumulate(lowering.buffers.sizes[:-1], initial=0)
    return [
        f"REAL *const b{number} = work + MACRO_BLOCK * {start};"
        for number, start in enumerate(starts)
    ]


def words_of(dtype: np.dtype, name: str) -> dict[str, str]:
    """Replacements for the words of the templates."""
    single = dtype == np.float32
    return {
        "MACRO_": f"{name.upper()}_",
        "NAME_": f"{name}_",
        "INLINE": f"{name.upper()}_INLINE",
        "REAL": "float" if single else "double",
        "BITS": "uint32_t" if single else "uint64_t",
        "SQRT": "sqrtf" if single else "sqrt",
        "HALF": "0.5f" if single else "0.5",
    }


def functions_text(links: set[str], lowerings: Sequence[Lowering], dtype: np.dtype) -> str:
    """The functions that `NAME_forward`, `NAME_advance` and the head call.

    `links` are the elementary functions that are applied to the logits.
    """
    maths = Maths(dtype)
    functions = set().union(*(one.functions for one in lowerings))
    rows = set().union(*(one.activations for one in lowerings))
    inner = set().union(*(one.inner_activations for one in lowerings))
    needed = set().union(*(one.maths for one in lowerings))
    apart = WINDOWED | RECURRENT | ATTENTIVE | {"dense", REMEMBER}
    texts = [dense_text(dtype)] if "dense" in functions else []
    texts += [maths.text(needed_maths(rows | inner) | links | needed)]
    texts += [activation_texts(rows, maths, inner)]
    texts += [function_text(name) for name in sorted(functions - apart)]
    texts += [windows_text(functions & WINDOWED)]
    texts += [recurrent_text(functions & RECURRENT)]
    texts += [remember_text(functions)]
    texts += [attention_text(functions & ATTENTIVE)]
    return "\n".join(text for text in texts if text) + "\n"


def _block(row_bytes: int) -> tuple[int, bool]:
    """The number of rows at a time, and whether their buffers are on the heap."""
    rows = min(MOST_ROWS, STACK_BYTES // row_bytes // LEAST_ROWS * LEAST_ROWS)
    return max(rows, LEAST_ROWS), LEAST_ROWS * row_bytes > 2 * STACK_BYTES
