"""The public part of a C file: declarations, labels of classes, and facts on the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import NamedTuple

import numpy as np

from fusednn.graph.time_axis import free_series
from fusednn.serving.model import (
    BINARY,
    COLUMNS,
    MULTILABEL,
    VALUES,
    Model,
    output_axes,
    shown_sizes,
)

from .series import has_ends, has_steps, least_steps
from .text import in_words, remark, string


class Interface(NamedTuple):
    """The number of results per sample of each function.

    Parameters
    ----------
    logits, outputs, labels : int
        For `NAME_logits`, `NAME_predict` and `NAME_labels`; 0 if there are no labels.
    """

    logits: int
    outputs: int
    labels: int


def rows_at_end(model: Model) -> int:
    """The rows of a sample at the end of a model, each with results of its own."""
    return prod(output_axes(model.ops))


def interface_of(model: Model) -> Interface:
    """The number of results per sample of a model's functions."""
    rows = rows_at_end(model)
    return Interface(*(rows * count for count in _of_a_row(model)))


def _of_a_row(model: Model) -> Interface:
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


def class_function(labels: Sequence[str], words: dict[str, str]) -> str:
    """The C function that returns the labels of classes."""
    lines = [f"        {string(label)},\n" for label in labels]
    return in_words(_CLASS, words).format(lines="".join(lines))


def class_texts(model: Model) -> list[str]:
    """The labels of the classes; the columns of several targets follow one another."""
    return [str(label) for labels in model.head.classes for label in np.asarray(labels).tolist()]


def declarations(model: Model, steps: Mapping[str, int], stepped: str) -> str:
    """The macros and prototypes that callers include, with those of steps if there are any."""
    interface, head = interface_of(model), model.head
    macros = {
        "N_FEATURES": model.inputs,
        "N_LOGITS": interface.logits,
        "N_OUTPUTS": interface.outputs,
    }
    if has_steps(model) and (series := free_series(model.ops)) is not None:
        macros |= {"T": series.steps, "LEAST_T": least_steps(model)}
    if interface.labels:
        macros |= {"N_CLASSES": len(class_texts(model)), "N_LABELS": interface.labels}
    macros |= steps
    lines = [f"#define MACRO_{key} {value}\n" for key, value in macros.items()]
    what = _WHAT_VALUES if head.kind == VALUES else _WHAT_CLASSES
    several = ", side by side for each column" if head.kind == COLUMNS else ""
    axes = output_axes(model.ops)
    more = _AXES.format(axes=" x ".join(map(str, axes))) if axes else ""
    return _DECLARATIONS.format(
        macros="".join(lines),
        steps=stepped if steps else "",
        more=more,
        what=what.format(several=several),
        series=_series_text(model) if has_steps(model) else "",
        labels=_DECLARED_LABELS.format(
            numbers="0 or 1 for each label"
            if head.kind == MULTILABEL
            else "The numbers of the predicted classes in their columns"
            if head.kind == COLUMNS
            else "The number of the predicted class"
        )
        if interface.labels
        else _DECLARED_STD
        if has_std(model)
        else "",
    )


def _series_text(model: Model) -> str:
    series = free_series(model.ops)
    assert series is not None
    is_code = series.are_tokens
    what = f"the code {series.padding} in" if is_code else _NAN
    return _SERIES.format(what=what, more=_BEHIND if has_ends(model) else "")


def has_std(model: Model) -> bool:
    """Whether the model predicts standard deviations."""
    return bool(model.head.least) and model.head.inverse == "identity"


_SERIES = """
   A sample is a series of MACRO_T steps, or of fewer, from MACRO_LEAST_T on, with {what}
   the steps behind its last one. Its results are those of the series without these{more}."""
_BEHIND = ", and\n   0 behind its end"
_NAN = "NaN in all\n   numbers of"
_WHAT_VALUES = "The predicted values"
_WHAT_CLASSES = "The probabilities of the classes{several}"

_AXES = """
   Each row of x ends as {axes} rows of results, one after the other, in all arrays of results."""

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

/* {what}, for n rows:
   x (n, MACRO_N_FEATURES), out (n, MACRO_N_OUTPUTS).{more}{series} */
int NAME_predict(const REAL *x, size_t n, REAL *out);

/* The same before the output activation: out (n, MACRO_N_LOGITS). */
int NAME_logits(const REAL *x, size_t n, REAL *out);

/* MACRO_NOT_FINITE if a number that the network reads is infinite or NaN, else MACRO_OK. */
int NAME_check(const REAL *x, size_t n);
{labels}{steps}
#ifdef __cplusplus
}}
#endif
"""

_DECLARED_LABELS = """
/* {numbers}, for n rows: out (n, MACRO_N_LABELS). */
int NAME_labels(const REAL *x, size_t n, int64_t *out);

/* The label of a class in UTF-8, by its index in the output of NAME_predict. Bytes are written as
   in Python, b'a'. C strings end at a NUL, so a label that contains one appears shorter. */
const char *NAME_class(size_t number);
"""


_DECLARED_STD = """
/* The standard deviations of the predicted values, for n rows: out (n, MACRO_N_OUTPUTS). */
int NAME_std(const REAL *x, size_t n, REAL *out);
"""


def facts(model: Model) -> str:
    """Lines for a comment: the estimator, sizes, type, classes and features."""
    sizes = shown_sizes(model.inputs, model.ops)
    lines = [f"Made from: {remark(model.names[1])}, {'-'.join(map(str, sizes))}, {model.dtype}."]
    for labels in model.head.classes:
        lines.append(f"Classes: {remark(np.asarray(labels).tolist())}")
    if model.features is not None:
        lines.append(f"Features: {remark(model.features)}")
    return "\n   ".join(lines)
