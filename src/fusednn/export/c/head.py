"""From logits to answers in C: links, probabilities, classes, and the public functions."""

from __future__ import annotations

from itertools import accumulate

import numpy as np

from fusednn.kernels import coefficients as table
from fusednn.serving.model import BINARY, MULTILABEL, Model

from .interface import has_std, interface_of, rows_at_end
from .series import check_text, has_ends, has_steps
from .text import number

_INVERSES = {
    "identity": ((), "{z}"),
    "exp": (("exp",), "NAME_exp({z})"),
    "expm1": (
        ("exp", "expm1"),
        "{z} > {most} ? NAME_exp({z}) - 1 : NAME_expm1({z} > {most} ? {most} : {z})",
    ),
    "square": ((), "{z} * {z}"),
}
"""For each of `serving.labels_and_values.INVERSES`: the functions it calls, and its C text."""


def links_of(model: Model) -> set[str]:
    """The elementary functions that are applied to the logits."""
    links = {"logistic": {"logistic"}, "softmax": {"exp"}, "exp": {"exp"}}
    found = links.get(model.head.link, set()) | {*_INVERSES[model.head.inverse][0]}
    return found | ({"exp"} if has_std(model) else set())


def _groups(model: Model) -> list[int]:
    return list(model.head.groups) or [model.ops[-1].fan_out]


def _link(model: Model, logits: int) -> str:
    """C code that applies the output activation to a row z in place."""
    link, lines = model.head.link, []
    if link in ("logistic", "exp"):
        lines = [f"for (c = 0; c < {logits}; c++)", f"    z[c] = NAME_{link}(z[c]);"]
    elif link == "softmax":
        groups = _groups(model)
        starts = accumulate(groups[:-1], initial=0)
        lines = [f"NAME_softmax(z + {at}, {n});" for at, n in zip(starts, groups, strict=True)]
    return "\n            ".join(lines)


SOFTMAX = """\
/* z = softmax(z); subtracts the largest number first. */
static void NAME_softmax(REAL *z, size_t n)
{
    REAL largest = z[0], total = 0;
    size_t c;
    for (c = 1; c < n; c++)
        largest = z[c] > largest ? z[c] : largest;
    for (c = 0; c < n; c++)
        z[c] = NAME_exp(z[c] - largest);
    for (c = 0; c < n; c++)
        total += z[c];
    for (c = 0; c < n; c++)
        z[c] /= total;
}
"""

LARGEST = """\
/* The index of the largest number; the first of equal ones. */
static int64_t NAME_largest(const REAL *z, size_t n)
{
    size_t c, best = 0;
    for (c = 1; c < n; c++)
        if (z[c] > z[best])
            best = c;
    return (int64_t)best;
}
"""


def _values(model: Model, outputs: int) -> str:
    """C code that writes a row of `values`, of so many outputs, from z."""
    head = model.head
    if head.kind == BINARY:
        return "values[0] = 1 - z[0], values[1] = z[0];"
    step = head.per_target if head.point is not None else 1
    at = f"c * {step} + {head.point}" if step > 1 else "c"
    most = number(2 * table.TANH_MOST[int(model.dtype == np.float64)], model.dtype)
    value = _INVERSES[head.inverse][1].format(z=f"z[{at}]", most=most)
    return f"for (c = 0; c < {outputs}; c++)\n                    values[c] = {value};"


def _numbers(model: Model) -> str:
    """C code that writes a row of `numbers` from z."""
    head = model.head
    if head.kind == BINARY:
        one = len(head.classes[0]) == 1  # the only class, whatever the output
        return "numbers[0] = 0;" if one else "numbers[0] = z[0] > HALF;"
    if head.kind == MULTILABEL:
        return (
            f"for (c = 0; c < {model.ops[-1].fan_out}; c++)\n                    "
            "numbers[c] = z[c] > HALF;"
        )
    groups = _groups(model)
    starts = list(accumulate(groups[:-1], initial=0))
    calls = [
        f"numbers[{number}] = NAME_largest(z + {at}, {n});"
        for number, (at, n) in enumerate(zip(starts, groups, strict=True))
    ]
    return "\n                ".join(calls)


def head_text(model: Model, on_heap: bool, is_stepped: bool = False) -> str:
    """The public C functions, and those between them and `NAME_forward`.

    `is_stepped`: there is `NAME_advance` too, for one step.
    """
    several, texts = rows_at_end(model), []
    logits, outputs, columns = (count // several for count in interface_of(model))
    labels = columns > 0
    if model.head.link == "softmax":
        texts.append(SOFTMAX)
    if labels and model.head.kind not in (BINARY, MULTILABEL):
        texts.append(LARGEST)
    link, values = _link(model, logits), _values(model, outputs)
    work = "REAL work[MACRO_BLOCK * MACRO_WORK];"
    allocate, release = "", ""
    if on_heap:
        work = "REAL *work;"
        allocate = """
    work = (REAL *)malloc(sizeof(REAL) * MACRO_BLOCK * MACRO_WORK);
    if (work == NULL)
        return MACRO_NO_MEMORY;"""
        release = "\n    free(work);"
    numbers = ""
    if labels:
        numbers = f"""\
 else {{
                {_numbers(model)}
                numbers += {columns};
            }}"""
    deviations = ""
    if has_std(model):
        deviations = f"""\
 else if (kind == NAME_DEVIATIONS) {{
                for (c = 0; c < {outputs}; c++) {{
                    const REAL found = z[2 * c + 1], least = NAME_least[c];
                    values[c] = NAME_exp(HALF * (found < least ? least : found));
                }}
                values += {outputs};
            }}"""
        least = ", ".join(number(value, model.dtype) for value in model.head.least)
        texts.append(f"static const REAL NAME_least[{outputs}] = {{{least}}};\n")
    alike, steps, counts = "", "", "start, rows, r, c"
    if has_steps(model):
        alike = "rows = NAME_alike(x + start * MACRO_N_FEATURES, rows, &steps);"
        alike = "\n        " + ("if (!state)\n            " if is_stepped else "") + alike
        steps, counts = "steps, ", "start, rows, steps = MACRO_T, r, c"
    if has_ends(model):
        steps, counts = "steps, &own, ", f"start, rows, steps = MACRO_T, own = {several}, r, c"
    kinds = ", NAME_DEVIATIONS" if deviations else ""
    linked = f"\n            {link}" if link else ""
    count = "rows" if several == 1 else f"rows * {several}"
    behind = ""
    if has_ends(model):
        count = "rows * own"
        # the deviation of the logits 0
        filling = "kind == NAME_DEVIATIONS" if deviations else "0"
        fill = f"for (c = 0; c < (kind == NAME_RAW ? {logits} : {outputs}); c++)"
        numbered = f"""\
            if (kind == NAME_CHOSEN)
                for (c = 0; c < {columns}; c++)
                    *numbers++ = 0;
            else
    """
        behind = f"""
        for (; {"!state && " * is_stepped}r < rows * {several}; r++)
{numbered * labels}\
            {fill}
                {"    " * labels}*values++ = {filling};"""
    forward = f"NAME_forward(x + start * MACRO_N_FEATURES, rows, {steps}work)"
    name, state, stepped = "answer", "", " "
    if is_stepped:
        forward = f"state ? NAME_advance(state, x, work) : {forward}"
        name, state = "continue", "REAL *state, "
        count = f"(state ? 1 : {count})"
        stepped = "\n   With a state the one row is the next step. "
    texts.append(f"""\
enum {{ NAME_RAW, NAME_LINKED, NAME_CHOSEN{kinds} }};

/* Writes the answers of one kind for n rows: classes to `numbers`, others to `values`.{stepped}*/
static int NAME_{name}(int kind, {state}const REAL *x, size_t n, REAL *values, int64_t *numbers)
{{
    {work}
    size_t {counts};
    if (n == 0)
        return MACRO_OK;
    if (x == NULL || (kind == NAME_CHOSEN ? numbers == NULL : values == NULL))
        return MACRO_NULL_POINTER;{allocate}
    for (start = 0; start < n; start += rows) {{
        rows = n - start < MACRO_BLOCK ? n - start : MACRO_BLOCK;{alike}
        REAL *z = {forward};
        for (r = 0; r < {count}; r++, z += MACRO_Z_STRIDE) {{
            if (kind == NAME_RAW) {{
                for (c = 0; c < {logits}; c++)
                    values[c] = z[c];
                values += {logits};
                continue;
            }}{linked}
            if (kind == NAME_LINKED) {{
                {values}
                values += {outputs};
            }}{numbers}{deviations}
        }}{behind}
    }}{release}
    return MACRO_OK;
}}
""")
    if is_stepped:
        texts.append(_ANSWER)
    more = _PUBLIC_LABELS if labels else _PUBLIC_STD if deviations else ""
    check = _CHECK if model.columns is None else _CHECK_CHOSEN
    texts.append(_PUBLIC + (check_text(model) if has_steps(model) else check) + more)
    return "\n".join(texts)


_ANSWER = """\
static int NAME_answer(int kind, const REAL *x, size_t n, REAL *values, int64_t *numbers)
{
    return NAME_continue(kind, NULL, x, n, values, numbers);
}
"""

_PUBLIC = """\
int NAME_predict(const REAL *x, size_t n, REAL *out)
{
    return NAME_answer(NAME_LINKED, x, n, out, NULL);
}

int NAME_logits(const REAL *x, size_t n, REAL *out)
{
    return NAME_answer(NAME_RAW, x, n, out, NULL);
}
"""

_CHECK = """
int NAME_check(const REAL *x, size_t n)
{
    size_t i, odd = 0;
    if (n > 0 && x == NULL)
        return MACRO_NULL_POINTER;
    for (i = 0; i < n * MACRO_N_FEATURES; i++)
        odd += !(x[i] - x[i] == 0);
    return odd ? MACRO_NOT_FINITE : MACRO_OK;
}
"""

_CHECK_CHOSEN = """
int NAME_check(const REAL *x, size_t n)
{
    size_t i, c, odd = 0;
    if (n > 0 && x == NULL)
        return MACRO_NULL_POINTER;
    for (i = 0; i < n; i++, x += MACRO_N_FEATURES)
        for (c = 0; c < sizeof NAME_columns_0 / sizeof *NAME_columns_0; c++) {
            const REAL value = x[NAME_columns_0[c]];
            odd += !(value - value == 0);
        }
    return odd ? MACRO_NOT_FINITE : MACRO_OK;
}
"""

_PUBLIC_STD = """
int NAME_std(const REAL *x, size_t n, REAL *out)
{
    return NAME_answer(NAME_DEVIATIONS, x, n, out, NULL);
}
"""

_PUBLIC_LABELS = """
int NAME_labels(const REAL *x, size_t n, int64_t *out)
{
    return NAME_answer(NAME_CHOSEN, x, n, NULL, out);
}
"""
