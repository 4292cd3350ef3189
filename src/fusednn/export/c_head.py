"""What the logits mean, in C: the functions that callers see, and what they say of themselves."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from fusednn.serving.model import BINARY, COLUMNS, MULTILABEL, VALUES, Model

from .c_text import in_words, remark, string


class Interface(NamedTuple):
    """How many numbers each function gives for a row.

    Parameters
    ----------
    logits, outputs, labels : int
        Of `NAME_logits`, `NAME_predict` and `NAME_labels`; no labels are 0.
    """

    logits: int
    outputs: int
    labels: int


def interface_of(model: Model) -> Interface:
    """The numbers of a model's answers."""
    head, outputs = model.head, model.ops[-1].fan_out
    if head.kind == VALUES:
        count = outputs if head.point is None else len(range(head.point, outputs, head.per_target))
        return Interface(outputs, count, 0)
    if head.kind == BINARY:
        return Interface(outputs, 2, 1)
    groups = {COLUMNS: len(head.groups), MULTILABEL: outputs}
    return Interface(outputs, outputs, groups.get(head.kind, 1))


def links_of(model: Model) -> set[str]:
    """The elementary functions that the output activation calls."""
    return {"logistic": {"logistic"}, "softmax": {"exp"}, "exp": {"exp"}}.get(
        model.head.link, set()
    )


def _groups(model: Model) -> list[int]:
    return list(model.head.groups) or [model.ops[-1].fan_out]


def _link(model: Model, logits: int) -> str:
    """The output activation of a row z in place."""
    link, lines = model.head.link, []
    if link in ("logistic", "exp"):
        lines = [f"for (c = 0; c < {logits}; c++)", f"    z[c] = NAME_{link}(z[c]);"]
    elif link == "softmax":
        groups = _groups(model)
        starts = accumulate(groups[:-1], initial=0)
        lines = [f"NAME_softmax(z + {at}, {n});" for at, n in zip(starts, groups, strict=True)]
    return "\n            ".join(lines)


SOFTMAX = """\
/* z = softmax(z); the largest is taken away first. */
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
/* The first of the largest numbers. */
static int64_t NAME_largest(const REAL *z, size_t n)
{
    size_t c, best = 0;
    for (c = 1; c < n; c++)
        if (z[c] > z[best])
            best = c;
    return (int64_t)best;
}
"""


def _values(model: Model, interface: Interface) -> str:
    """A row of `values` from z."""
    head = model.head
    if head.kind == BINARY:
        return "values[0] = 1 - z[0], values[1] = z[0];"
    step = head.per_target if head.point is not None else 1
    at = f"c * {step} + {head.point}" if step > 1 else "c"
    return f"for (c = 0; c < {interface.outputs}; c++)\n                    values[c] = z[{at}];"


def _numbers(model: Model) -> str:
    """A row of `numbers` from z."""
    head = model.head
    if head.kind == BINARY:
        return "numbers[0] = z[0] > HALF;"
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


def head_text(model: Model, on_heap: bool) -> str:
    """The functions that callers see, behind `NAME_forward`."""
    interface, texts = interface_of(model), []
    labels = interface.labels > 0
    if model.head.link == "softmax":
        texts.append(SOFTMAX)
    if labels and model.head.kind not in (BINARY, MULTILABEL):
        texts.append(LARGEST)
    link, values = _link(model, interface.logits), _values(model, interface)
    work = "REAL work[MACRO_BLOCK * MACRO_WORK];"
    ask, leave = "", ""
    if on_heap:
        work = "REAL *work;"
        ask = """
    work = (REAL *)malloc(sizeof(REAL) * MACRO_BLOCK * MACRO_WORK);
    if (work == NULL)
        return MACRO_NO_MEMORY;"""
        leave = "\n    free(work);"
    numbers = ""
    if labels:
        numbers = f"""\
 else {{
                {_numbers(model)}
                numbers += MACRO_N_LABELS;
            }}"""
    linked = f"\n            {link}" if link else ""
    texts.append(f"""\
enum {{ NAME_RAW, NAME_LINKED, NAME_CHOSEN }};

/* The answers of one kind for n rows: in `values`, or in `numbers` those of classes. */
static int NAME_answer(int kind, const REAL *x, size_t n, REAL *values, int64_t *numbers)
{{
    {work}
    size_t start, rows, r, c;
    if (n == 0)
        return MACRO_OK;
    if (x == NULL || (kind == NAME_CHOSEN ? numbers == NULL : values == NULL))
        return MACRO_NULL_POINTER;{ask}
    for (start = 0; start < n; start += rows) {{
        rows = n - start < MACRO_BLOCK ? n - start : MACRO_BLOCK;
        REAL *z = NAME_forward(x + start * MACRO_N_FEATURES, rows, work);
        for (r = 0; r < rows; r++, z += MACRO_Z_STRIDE) {{
            if (kind == NAME_RAW) {{
                for (c = 0; c < MACRO_N_LOGITS; c++)
                    values[c] = z[c];
                values += MACRO_N_LOGITS;
                continue;
            }}{linked}
            if (kind == NAME_LINKED) {{
                {values}
                values += MACRO_N_OUTPUTS;
            }}{numbers}
        }}
    }}{leave}
    return MACRO_OK;
}}
""")
    texts.append(_PUBLIC + (_PUBLIC_LABELS if labels else ""))
    return "\n".join(texts)


_PUBLIC = """\
int NAME_predict(const REAL *x, size_t n, REAL *out)
{
    return NAME_answer(NAME_LINKED, x, n, out, NULL);
}

int NAME_logits(const REAL *x, size_t n, REAL *out)
{
    return NAME_answer(NAME_RAW, x, n, out, NULL);
}

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

_PUBLIC_LABELS = """
int NAME_labels(const REAL *x, size_t n, int64_t *out)
{
    return NAME_answer(NAME_CHOSEN, x, n, NULL, out);
}
"""


_CLASS = """
const char *NAME_class(size_t number)
{{
    static const char *const names[MACRO_N_CLASSES] = {{
{lines}    }};
    return number < MACRO_N_CLASSES ? names[number] : NULL;
}}
"""


def class_function(model: Model, words: dict[str, str]) -> Iterator[str]:
    """The function that gives the labels of classes."""
    if interface_of(model).labels:
        lines = [f"        {string(label)},\n" for label in class_texts(model)]
        yield in_words(_CLASS, words).format(lines="".join(lines))


def class_texts(model: Model) -> list[str]:
    """The labels of the classes, those of several columns one after the other."""
    return [str(label) for labels in model.head.classes for label in np.asarray(labels).tolist()]


def declarations(model: Model) -> str:
    """What callers include."""
    interface, head = interface_of(model), model.head
    macros = {
        "N_FEATURES": model.ops[0].fan_in,
        "N_LOGITS": interface.logits,
        "N_OUTPUTS": interface.outputs,
    }
    if interface.labels:
        macros |= {"N_CLASSES": len(class_texts(model)), "N_LABELS": interface.labels}
    lines = [f"#define MACRO_{key} {value}\n" for key, value in macros.items()]
    what = _WHAT_VALUES if head.kind == VALUES else _WHAT_CLASSES
    several = ", those of each column beside one another" if head.kind == COLUMNS else ""
    return _DECLARATIONS.format(
        macros="".join(lines),
        what=what.format(several=several),
        labels=_DECLARED_LABELS.format(
            numbers="for each label 0 or 1"
            if head.kind == MULTILABEL
            else "the numbers of the predicted classes in their column"
            if head.kind == COLUMNS
            else "the number of the predicted class"
        )
        if interface.labels
        else "",
    )


_WHAT_VALUES = "the predicted values"
_WHAT_CLASSES = "the probabilities of the classes{several}"

_DECLARATIONS = """\
#include <stddef.h>
#include <stdint.h>

{macros}
#define MACRO_OK 0
#define MACRO_NULL_POINTER 1
#define MACRO_NO_MEMORY 2
#define MACRO_NOT_FINITE 3

#ifdef __cplusplus
extern "C" {{
#endif

/* Of n rows x (n, MACRO_N_FEATURES) {what}:
   out (n, MACRO_N_OUTPUTS). */
int NAME_predict(const REAL *x, size_t n, REAL *out);

/* The same before the output activation: out (n, MACRO_N_LOGITS). */
int NAME_logits(const REAL *x, size_t n, REAL *out);

/* Whether no number of n rows is infinite or NaN: MACRO_OK or MACRO_NOT_FINITE. */
int NAME_check(const REAL *x, size_t n);
{labels}
#ifdef __cplusplus
}}
#endif
"""

_DECLARED_LABELS = """
/* Of n rows {numbers}: out (n, MACRO_N_LABELS). */
int NAME_labels(const REAL *x, size_t n, int64_t *out);

/* The label of a class in UTF-8, by its place in what NAME_predict gives. */
const char *NAME_class(size_t number);
"""


def facts(model: Model) -> str:
    """What a reader of the file wants to know of the network, for inside a comment."""
    sizes = [model.ops[0].fan_in, *(op.fan_out for op in model.ops)]
    lines = [f"Made of: {remark(model.names[1])}, {'-'.join(map(str, sizes))}, {model.dtype}."]
    for labels in model.head.classes:
        lines.append(f"Classes: {remark(np.asarray(labels).tolist())}")
    if model.features is not None:
        lines.append(f"Features: {remark(model.features)}")
    return "\n   ".join(lines)
