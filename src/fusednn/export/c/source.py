"""A model as one file of C99 that needs only the standard library."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import numpy as np

from fusednn.serving.files.replacing import replacing
from fusednn.serving.model import Model

from .activations import activation_texts, needed_maths
from .buffers import LEAST_ROWS, pointer
from .dense import dense_text
from .functions import function_text
from .head import head_text, links_of
from .interface import class_function, declarations, facts
from .maths import Maths
from .ops import Lowering
from .recurrent import RECURRENT, recurrent_text
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

_BEGINNING = """\
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

/* Computes the logits of up to MACRO_BLOCK rows; returns a pointer into `work`. */
static REAL *NAME_forward(const REAL *x, size_t rows, REAL *work)
{{
    {lines}
    return {logits};
}}

"""


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
    dtype, words = np.dtype(model.dtype), words_of(model, name)
    shown = re.sub("[^A-Za-z0-9_.-]", "_", file)
    introduction = in_words(_INTRODUCTION, words)
    kilobytes = 2 * STACK_BYTES // 1024
    yield introduction.format(
        file=shown, facts=facts(model), real=words["REAL"], kilobytes=kilobytes
    )
    yield in_words(declarations(model) + _BEGINNING, words)
    lowering = Lowering(iter(model.arrays), dtype)
    steps = lowering.model(model)
    while True:
        try:
            yield in_words(next(steps), words)
        except StopIteration as end:
            logits = lowering.own(end.value, model.ops[-1].fan_out)
            break
    yield in_words(_functions(model, lowering, dtype), words)
    block, on_heap = _block(sum(lowering.buffers.sizes) * dtype.itemsize)
    starts = accumulate(lowering.buffers.sizes[:-1], initial=0)
    buffers = [
        f"REAL *const b{number} = work + MACRO_BLOCK * {start};"
        for number, start in enumerate(starts)
    ]
    forward = _FORWARD.format(
        block=block,
        work=sum(lowering.buffers.sizes),
        stride=logits.stride,
        lines="\n    ".join(buffers + lowering.calls),
        logits=pointer(logits),
    )
    yield in_words(forward + head_text(model, on_heap), words)
    yield from class_function(model, words)
    yield "\n#endif\n"


def words_of(model: Model, name: str) -> dict[str, str]:
    """Replacements for the words of the templates."""
    single = model.dtype == np.float32
    return {
        "MACRO_": f"{name.upper()}_",
        "NAME_": f"{name}_",
        "INLINE": f"{name.upper()}_INLINE",
        "REAL": "float" if single else "double",
        "BITS": "uint32_t" if single else "uint64_t",
        "SQRT": "sqrtf" if single else "sqrt",
        "HALF": "0.5f" if single else "0.5",
    }


def _functions(model: Model, lowering: Lowering, dtype: np.dtype) -> str:
    """The functions that `NAME_forward` and the head call."""
    maths = Maths(dtype)
    names = sorted(lowering.functions - WINDOWED - RECURRENT - {"dense"})
    texts = [dense_text(dtype)] if "dense" in lowering.functions else []
    rows, inner = lowering.activations, lowering.inner_activations
    texts += [maths.text(needed_maths(rows | inner) | links_of(model))]
    texts += [activation_texts(rows, maths, inner)]
    texts += [function_text(name) for name in names]
    texts += [windows_text(lowering.functions & WINDOWED)]
    texts += [recurrent_text(lowering.functions & RECURRENT)]
    return "\n".join(text for text in texts if text) + "\n"


def _block(row_bytes: int) -> tuple[int, bool]:
    """The number of rows at a time, and whether their buffers are on the heap."""
    rows = min(MOST_ROWS, STACK_BYTES // row_bytes // LEAST_ROWS * LEAST_ROWS)
    return max(rows, LEAST_ROWS), LEAST_ROWS * row_bytes > 2 * STACK_BYTES
