"""An ensemble as one file of C99: rows of raw columns in, probabilities or values out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fusednn.serving.ensembles.ensemble import Ensemble, check_weights, dtype_of, fitting_member
from fusednn.serving.ensembles.targets import Classes
from fusednn.serving.files.replacing import replacing

from .averages import Block, answer_text, declarations_text, member_text, numbers_text
from .buffers import Buffer, pointer
from .head import SOFTMAX
from .interface import class_function
from .ops import Lowering
from .preparation import Preparing, struct_text
from .source import BEGINNING, STACK_BYTES, buffers_text, converted, functions_text, words_of
from .text import in_words, remark

_INTRODUCTION = """\
/* A model of raw tables in C99, written by fusednn to {file}: a preparation of the columns, and
   {count} of type {real}, whose outputs are averaged.

   {facts}

   Compile it with    cc -std=c99 -O3 -c {file}    and link with -lm.
   -march=native -ffp-contract=fast make it faster on the machine that compiles it. -ffast-math,
   -Ofast and -ffinite-math-only are refused.
   To get only the declarations, #define MACRO_DECLARATIONS before you #include this file.

   The functions return MACRO_OK or one of the codes below. They keep no state, so several threads
   may call them at the same time. They use up to {kilobytes} KB of stack, and the heap only if
   layers are too wide for that.
*/
"""

_FORWARD = """\
/* The outputs of network {number} before its last function; returns a pointer into `work`. */
static REAL *NAME_forward_{number}(const REAL *x, size_t rows, REAL *work)
{{
    {lines}
    return {logits};
}}

"""


def write_c_ensemble(ensemble: Ensemble, path: Path, name: str, about: str = "") -> None:
    """Writes an ensemble; the file appears when it is complete.

    Parameters
    ----------
    ensemble : Ensemble
    path : Path
    name : str
        A C identifier.
    about : str, default=""
        Definitions for a shared library, which gets `fusednn_sums` too.

    Raises
    ------
    ValueError
        If a member does not fit, or a category or a label is too long for C.
    """
    with replacing(path) as beside, open(beside, "w", encoding="ascii", newline="\n") as file:
        for text in c_ensemble(ensemble, name, path.name, about):
            file.write(text)


def c_ensemble(ensemble: Ensemble, name: str, file: str, about: str = "") -> Iterator[str]:
    """The text of the file, in pieces."""
    preparation, members, target = ensemble[:3]
    check_weights([member.weight for member in members])
    dtype = dtype_of(members)
    words, width = words_of(dtype, name), ensemble.width
    yield in_words(_INTRODUCTION, words).format(
        file=re.sub("[^A-Za-z0-9_.-]", "_", file),
        count=f"{len(members)} network{'s' * (len(members) > 1)}",
        facts=_facts(ensemble),
        real=words["REAL"],
        kilobytes=2 * STACK_BYTES // 1024,
    )
    declarations = in_words(declarations_text(ensemble), words)
    yield declarations.format(struct=struct_text(preparation, words))
    yield in_words(BEGINNING, words)
    lowerings: list[Lowering] = []
    forwards, sums, links = [], [], set()
    for at, member in enumerate(members):
        model = fitting_member(member.model, preparation, target, f"members[{at}]")
        lowering = Lowering(iter(model.arrays), dtype, lowerings[-1] if lowerings else None)
        z = yield from converted(lowering, lowering.ops(model.ops, Buffer(width)), words)
        logits = lowering.own(z, model.ops[-1].fan_out)
        lines = "\n    ".join(buffers_text(lowering) + lowering.calls)
        forwards.append(_FORWARD.format(number=at, lines=lines, logits=pointer(logits)))
        sums.append(member_text(at, model, member.weight, logits.stride))
        lowerings.append(lowering)
        links.add({"softmax": "exp"}.get(model.head.link, model.head.link))
    work = max(sum(one.buffers.sizes) for one in lowerings)
    row_bytes = (work + width) * np.dtype(dtype).itemsize + 8 * target.outputs
    has_scratch = any(one.buffers.has_scratch for one in lowerings)
    block = Block.of(width, work, row_bytes, has_scratch, STACK_BYTES)
    yield in_words(numbers_text(target), words)
    yield in_words(functions_text(links - {"identity"}, lowerings, dtype), words)
    yield in_words(f"{SOFTMAX}\n", words) if "exp" in links else ""
    yield from Preparing(preparation, words).text()
    yield in_words(block.text() + "".join(forwards), words)
    yield in_words(answer_text(target, "".join(sums), block, bool(about)), words)
    if isinstance(target, Classes):
        yield class_function([str(label) for label in target.labels.tolist()], words)
    yield about
    yield "\n#endif\n"


def _facts(ensemble: Ensemble) -> str:
    """Lines for a comment: the estimator, classes and columns."""
    preparation, target = ensemble.preparation, ensemble.target
    lines = [f"Made from: {remark(ensemble.name)}."]
    if isinstance(target, Classes):
        lines.append(f"Classes: {remark(target.labels.tolist())}")
    lines.append(f"Columns: {remark(preparation.columns)}")
    return "\n   ".join(lines)
