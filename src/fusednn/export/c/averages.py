"""What an ensemble's C file declares, and its way from the networks' outputs to answers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fusednn.serving.ensembles.ensemble import Ensemble, Target
from fusednn.serving.ensembles.targets import Classes, Quantities
from fusednn.serving.model import BINARY, Model

from .buffers import LEAST_ROWS
from .text import number

DOUBLE = np.dtype(np.float64)

_DECLARATIONS = """\
#include <stddef.h>
#include <stdint.h>

#define MACRO_N_COLUMNS {columns}
#define MACRO_N_OUTPUTS {outputs}
{classes}
#define MACRO_OK 0
#define MACRO_NULL_POINTER 1
#define MACRO_NO_MEMORY 2
#define MACRO_NOT_FINITE 3

#ifdef __cplusplus
extern "C" {{{{
#endif

/* A row of the table; comments have the columns' names. A number is NaN if it is missing. A text
   is in UTF-8, and NULL or empty if it is missing; unseen texts are allowed. A date is in
   microseconds since the begin of 1970, INT64_MIN if it is missing. */
{{struct}}
/* {what}, for n rows: out (n, MACRO_N_OUTPUTS). */
int NAME_predict(const NAME_row *rows, size_t n, double *out);

/* MACRO_NOT_FINITE if a number is infinite, else MACRO_OK. NAME_predict takes such numbers for
   very large ones. */
int NAME_check(const NAME_row *rows, size_t n);
{labels}
#ifdef __cplusplus
}}}}
#endif

"""
_LABELS = """
/* The number of the most probable class, for n rows: out (n). */
int NAME_labels(const NAME_row *rows, size_t n, int64_t *out);

/* The label of a class in UTF-8, by its number. A label that contains a NUL appears shorter. */
const char *NAME_class(size_t number);
"""

_MEMBER = """\
        z = NAME_forward_{number}(x, count, work);
        for (r = 0; r < count; r++, z += {stride}) {{
            double *const sum = sums + r * MACRO_N_OUTPUTS;
{lines}
        }}
"""

_BLOCKS = """\
{head}
{{
    double sums[MACRO_BLOCK * MACRO_N_OUTPUTS];
    {memory}
    size_t start, count, r, c;
    if (n == 0)
        return MACRO_OK;
    if ({lacking})
        return MACRO_NULL_POINTER;{allocate}
    for (start = 0; start < n; start += count) {{
        REAL *z;
        count = n - start < MACRO_BLOCK ? n - start : MACRO_BLOCK;
        for (r = 0; r < count; r++)
            {prepare}
        for (c = 0; c < count * MACRO_N_OUTPUTS; c++)
            sums[c] = 0;
{members}\
        for (r = 0; r < count; r++) {{
            double *const sum = sums + r * MACRO_N_OUTPUTS;
{ending}
        }}
    }}{release}
    return MACRO_OK;
}}

"""
_FROM_ROWS = {
    "head": """\
/* Writes the answers for n rows: numbers of classes if there is a place for them, else values. */
static int NAME_answer(const NAME_row *rows, size_t n, double *values, int64_t *numbers)""",
    "lacking": "rows == NULL || (values == NULL && numbers == NULL)",
    "prepare": "NAME_prepare(rows + start + r, x + r * MACRO_WIDTH);",
}
_FROM_INPUTS = {
    "head": """
/* The weighted sums of the networks' outputs for n rows that are prepared already. */
int fusednn_sums(const REAL *rows, size_t n, double *values);
int fusednn_sums(const REAL *rows, size_t n, double *values)""",
    "lacking": "rows == NULL || values == NULL",
    "prepare": "memcpy(x + r * MACRO_WIDTH, rows + (start + r) * MACRO_WIDTH,"
    " MACRO_WIDTH * sizeof *x);",
    "ending": """\
            memcpy(values + (start + r) * MACRO_N_OUTPUTS, sum,
                   MACRO_N_OUTPUTS * sizeof *sum);""",
}
_PUBLIC = """\
int NAME_predict(const NAME_row *rows, size_t n, double *out)
{
    return NAME_answer(rows, n, out, NULL);
}

int NAME_check(const NAME_row *rows, size_t n)
{
    size_t r;
    int odd = 0;
    if (n > 0 && rows == NULL)
        return MACRO_NULL_POINTER;
    for (r = 0; r < n; r++)
        odd |= NAME_odd(rows + r);
    return odd ? MACRO_NOT_FINITE : MACRO_OK;
}
"""
_PUBLIC_LABELS = """
int NAME_labels(const NAME_row *rows, size_t n, int64_t *out)
{
    return NAME_answer(rows, n, NULL, out);
}
"""
_ON_HEAP = """
    memory = (REAL *)malloc(sizeof(REAL) * MACRO_BLOCK * (MACRO_WIDTH + MACRO_WORK));
    if (memory == NULL)
        return MACRO_NO_MEMORY;
    x = memory;
    work = memory + MACRO_BLOCK * MACRO_WIDTH;"""

_CLASSES = """\
            double total = 0;
            for (c = 0; c < MACRO_N_OUTPUTS; c++)
                total += sum[c];
            for (c = 0; c < MACRO_N_OUTPUTS; c++)
                sum[c] /= total;
            if (numbers != NULL) {
                size_t best = 0;
                for (c = 1; c < MACRO_N_OUTPUTS; c++)
                    best = sum[c] > sum[best] ? c : best;
                numbers[start + r] = (int64_t)best;
            } else
                memcpy(values + (start + r) * MACRO_N_OUTPUTS, sum,
                       MACRO_N_OUTPUTS * sizeof *sum);"""
_QUANTITIES = """\
            double *const out = values + (start + r) * MACRO_N_OUTPUTS;
            for (c = 0; c < MACRO_N_OUTPUTS; c++) {{
                const size_t t = c / {each};
                const double value = NAME_means[t] + NAME_factors[t] * sum[c];
                const double above = value < NAME_least[t] ? NAME_least[t] : value;
                out[c] = above > NAME_most[t] ? NAME_most[t] : above;
            }}{sort}"""
_SORT = """
            for (c = 0; c < MACRO_N_OUTPUTS; c++) {{
                const double value = out[c];
                size_t at = c;
                for (; at % {each} > 0 && out[at - 1] > value; at--)
                    out[at] = out[at - 1];
                out[at] = value;
            }}"""


class Block(NamedTuple):
    """
    The memory of a call.

    Parameters
    ----------
    rows : int
        Rows at a time.
    width : int
        The inputs of a row.
    work : int
        The numbers in the networks' buffers per row.
    on_heap : bool
    """

    rows: int
    width: int
    work: int
    on_heap: bool

    @classmethod
    def of(cls, width: int, work: int, row_bytes: int, has_scratch: bool, stack: int) -> Block:
        """As many rows as fit into `stack` bytes, up to 32; twice as much for the fewest."""
        least = LEAST_ROWS if has_scratch else 1
        rows = max(least, min(32, stack // row_bytes))
        return cls(rows, width, work, rows * row_bytes > 2 * stack)

    def text(self) -> str:
        """The definitions of the sizes."""
        return (
            f"#define MACRO_BLOCK ((size_t){self.rows}) /* rows at a time */\n"
            f"#define MACRO_WIDTH {self.width} /* inputs per row */\n"
            f"#define MACRO_WORK {self.work} /* numbers in the buffers per row */\n\n"
        )


def declarations_text(ensemble: Ensemble) -> str:
    """The macros and prototypes that callers include; a template with a place for the struct."""
    target = ensemble.target
    is_classifier = isinstance(target, Classes)
    count = f"#define MACRO_N_CLASSES {target.outputs}\n"
    what = "The probabilities of the classes" if is_classifier else "The predicted values"
    if isinstance(target, Quantities) and target.quantiles:
        what += ", quantiles side by side"
    return _DECLARATIONS.format(
        columns=len(ensemble.preparation.features),
        outputs=target.outputs,
        classes=count if is_classifier else "",
        what=what,
        labels=_LABELS if is_classifier else "",
    )


def numbers_text(target: Target) -> str:
    """The arrays of a target's numbers."""
    if isinstance(target, Classes):
        return ""
    lines = []
    for name in ("means", "factors", "least", "most"):
        values = ", ".join(number(value, DOUBLE) for value in getattr(target, name))
        lines.append(f"static const double NAME_{name}[{len(target.means)}] = {{{values}}};\n")
    return "".join(lines) + "\n"


def member_text(place: int, model: Model, weight: float, stride: int) -> str:
    """The code that adds a network's weighted outputs to the sums of a block."""
    w, head = number(weight, DOUBLE), model.head
    if head.kind == BINARY:
        lines = [
            "z[0] = NAME_logistic(z[0]);",
            f"sum[0] += {w} * (double)(1 - z[0]);",
            f"sum[1] += {w} * (double)z[0];",
        ]
    else:
        lines = [
            *["NAME_softmax(z, MACRO_N_OUTPUTS);"] * (head.link == "softmax"),
            "for (c = 0; c < MACRO_N_OUTPUTS; c++)",
            f"    sum[c] += {w} * (double)z[c];",
        ]
    indented = "\n".join(f"            {line}" for line in lines)
    return _MEMBER.format(number=place, stride=stride, lines=indented)


def answer_text(target: Target, members: str, block: Block, sums: bool = False) -> str:
    """
    The public functions, and the one between them and the networks.

    Parameters
    ----------
    target : Classes or Quantities
    members : str
        The code that adds up all networks' outputs.
    block : Block
    sums : bool, default=False
        Whether to add `fusednn_sums`, which takes prepared rows.
    """
    memory, allocate, release = "REAL *x, *work, *memory;", _ON_HEAP, "\n    free(memory);"
    if not block.on_heap:
        memory = "REAL x[MACRO_BLOCK * MACRO_WIDTH], work[MACRO_BLOCK * MACRO_WORK];"
        allocate = release = ""
    if isinstance(target, Classes):
        ending = _CLASSES
    else:
        sort = _SORT.format(each=target.each) if target.quantiles else ""
        ending = _QUANTITIES.format(each=target.each, sort=sort)
    words = {"memory": memory, "allocate": allocate, "release": release, "members": members}
    text = _BLOCKS.format(**words, **_FROM_ROWS, ending=ending) + _PUBLIC
    text += _PUBLIC_LABELS if isinstance(target, Classes) else ""
    return text + (_BLOCKS.format(**words, **_FROM_INPUTS) if sums else "")
