"""Fitted transformers before a network, converted to one choice of columns and scalers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.rescale import Rescale
from fusednn.serving.model import Columns, Model

from .scalers import SCALERS, Affine, affine_of, behind, nothing, side_by_side


class Inputs(NamedTuple):
    """A choice of columns of X, and the scalers that follow it.

    Parameters
    ----------
    width : int
        The number of columns of X.
    columns : ndarray of int
        The chosen columns, in their new order.
    scalers : list of Affine
        In the order of application.
    """

    width: int
    columns: np.ndarray
    scalers: list[Affine]

    def of(self, columns) -> Inputs:
        """Selects columns of the output."""
        chosen = self.columns[columns]
        return Inputs(self.width, chosen, [scaler.of(columns) for scaler in self.scalers])

    def then(self, other: Inputs) -> Inputs:
        """Applies `other` to the output."""
        before = self.of(other.columns)
        return before._replace(scalers=[*before.scalers, *other.scalers])


def steps_of(pipeline: Pipeline) -> list:
    """Lists the steps of a pipeline; replaces inner pipelines by their steps."""
    steps: list = []
    for _, step in pipeline.steps:
        if step is None or (isinstance(step, str) and step == "passthrough"):
            continue
        steps += steps_of(step) if isinstance(step, Pipeline) else [step]
    return steps


def before(model: Model, steps: list, folds: bool) -> Model:
    """Puts fitted transformers before a model.

    Parameters
    ----------
    model : Model
    steps : list
        At least one transformer, in the order of application.
    folds : bool
        Whether to fold scalers into weights; see `scalers.behind`.

    Raises
    ------
    NotFittedError
        If a transformer is not fitted.
    TypeError
        If a transformer is of an unknown class, or scales the codes of an Embedding.
    """
    inputs = chained(steps, model.dtype)
    if model.columns is not None:
        inputs = inputs.of(np.array(model.columns.chosen))
    network, arrays = behind(
        inputs.scalers, model.network, [*model.arrays], model.dtype, folds=folds
    )
    ops, chosen = network.ops, inputs.columns
    columns: Columns | None = Columns(inputs.width, tuple(map(int, chosen)))
    if np.array_equal(chosen, np.arange(inputs.width)):
        columns = None
    elif np.array_equal(np.sort(chosen), np.arange(inputs.width)) and _begins_dense(ops):
        arrays, columns = _in_order(ops, arrays, np.argsort(chosen)), None
    features = getattr(steps[0], "feature_names_in_", None)
    return model._replace(
        ops=ops,
        arrays=arrays,
        names=(type(steps[0]).__name__, model.names[1]),
        features=None if features is None else tuple(map(str, features)),
        columns=columns,
        axes=None,  # scalers take rows
    )


def _begins_dense(ops) -> bool:
    """Whether the first op, apart from scalers, is a dense layer."""
    kinds = [type(op) for op in ops if type(op) is not Rescale]
    return kinds[0] is Dense


def _in_order(ops, arrays: list, order: np.ndarray) -> list[np.ndarray]:
    """Reorders, by column, the parameters of the scalers and the weights of the dense layer."""
    done: list[np.ndarray] = []
    for op in ops:
        if not isinstance(op, Rescale):
            break
        done += [array[order] for array in arrays[len(done) : len(done) + len(op.parameters())]]
    weights, *rest = arrays[len(done) :]
    return [*done, weights[order], *rest]


def chained(steps: list, dtype) -> Inputs:
    """Combines fitted transformers for rows of this type; raises the errors of `before`."""
    first, *others = [_inputs(step, dtype) for step in steps]
    for other in others:
        first = first.then(other)
    return first


def _inputs(step, dtype) -> Inputs:
    """Converts a fitted transformer."""
    if type(step) is ColumnTransformer:
        return _of_columns(step, dtype)
    if type(step) is FunctionTransformer and step.func is None:
        check_is_fitted(step, "n_features_in_")
        return _all_of(step.n_features_in_, [])
    if type(step) in SCALERS:  # no subclasses, which may override `transform`
        check_is_fitted(step)
        return _all_of(step.n_features_in_, [affine_of(step, dtype)])
    known = ", ".join(kind.__name__ for kind in SCALERS)
    raise TypeError(
        f"freeze takes a Pipeline of {known}, a ColumnTransformer of these and a network; got"
        f" {step!r}. Transform X by it first, and freeze the steps behind it."
    )


def _all_of(width: int, scalers: list[Affine]) -> Inputs:
    return Inputs(width, np.arange(width), scalers)


def _of_columns(transformer: ColumnTransformer, dtype) -> Inputs:
    """Converts a ColumnTransformer: concatenates its parts."""
    check_is_fitted(transformer)
    width, weights = transformer.n_features_in_, transformer.transformer_weights or {}
    parts = []
    for name, part, _ in transformer.transformers_:
        columns = np.array(transformer._transformer_to_input_indices[name], np.intp)
        if (isinstance(part, str) and part == "drop") or not len(columns):
            continue
        steps = [] if isinstance(part, str) else [part]  # "passthrough"
        steps = steps_of(part) if type(part) is Pipeline else steps
        made = chained(steps, dtype) if steps else _all_of(len(columns), [])
        weight = weights.get(name)
        if weight is not None:
            made = made._replace(scalers=[*made.scalers, _weighted(len(made.columns), weight)])
        parts.append(Inputs(width, columns[made.columns], made.scalers))
    most = max(len(part.scalers) for part in parts)
    padded = [
        [*part.scalers, *[nothing(len(part.columns))] * (most - len(part.scalers))]
        for part in parts
    ]
    scalers = [side_by_side([*step]) for step in zip(*padded, strict=True)]
    return Inputs(width, np.concatenate([part.columns for part in parts]), scalers)


def _weighted(width: int, weight: float) -> Affine:
    return nothing(width)._replace(factor=np.full(width, float(weight)))
