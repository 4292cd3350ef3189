"""What callers see of a C file: declarations, the labels of classes, and what it was made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from fusednn.serving.model import BINARY, COLUMNS, MULTILABEL, VALUES, Model, shown_sizes

from .text import in_words, remark, string


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
        "N_FEATURES": model.inputs,
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
        else _DECLARED_STD
        if has_std(model)
        else "",
    )


def has_std(model: Model) -> bool:
    """Whether there are standard deviations of what is predicted."""
    return bool(model.head.least) and model.head.inverse == "identity"


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

/* Whether no number of n rows that is read is infinite or NaN: MACRO_OK or MACRO_NOT_FINITE. */
int NAME_check(const REAL *x, size_t n);
{labels}
#ifdef __cplusplus
}}
#endif
"""

_DECLARED_LABELS = """
/* Of n rows {numbers}: out (n, MACRO_N_LABELS). */
int NAME_labels(const REAL *x, size_t n, int64_t *out);

/* The label of a class in UTF-8, by its place in what NAME_predict gives. Labels that are bytes
   stand as in Python, b'a'; one with a NUL in it ends there for most readers. */
const char *NAME_class(size_t number);
"""


_DECLARED_STD = """
/* Of n rows the standard deviations of the predicted values: out (n, MACRO_N_OUTPUTS). */
int NAME_std(const REAL *x, size_t n, REAL *out);
"""


def facts(model: Model) -> str:
    """What a reader of the file wants to know of the network, for inside a comment."""
    sizes = shown_sizes(model.inputs, model.ops)
    lines = [f"Made of: {remark(model.names[1])}, {'-'.join(map(str, sizes))}, {model.dtype}."]
    for labels in model.head.classes:
        lines.append(f"Classes: {remark(np.asarray(labels).tolist())}")
    if model.features is not None:
        lines.append(f"Features: {remark(model.features)}")
    return "\n   ".join(lines)
