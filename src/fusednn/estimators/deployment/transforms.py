"""What stands before a network: choices of columns and scalers, as one choice and scalers."""

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
    """Columns of X, and what is then done to them.

    Parameters
    ----------
    width : int
        Columns of X.
    columns : ndarray of int
    scalers : list of Affine
        The first is applied first.
    """

    width: int
    columns: np.ndarray
    scalers: list[Affine]

    def of(self, columns) -> Inputs:
        """Some columns of what it makes."""
        chosen = self.columns[columns]
        return Inputs(self.width, chosen, [scaler.of(columns) for scaler in self.scalers])

    def then(self, other: Inputs) -> Inputs:
        """Both, one behind the other."""
        before = self.of(other.columns)
        return before._replace(scalers=[*before.scalers, *other.scalers])


def steps_of(pipeline: Pipeline) -> list:
    """The steps of a pipeline, those of pipelines within it in their place."""
    steps: list = []
    for _, step in pipeline.steps:
        if step is None or (isinstance(step, str) and step == "passthrough"):
            continue
        steps += steps_of(step) if isinstance(step, Pipeline) else [step]
    return steps


def before(model: Model, steps: list, folds: bool) -> Model:
    """A model behind fitted transformers.

    Parameters
    ----------
    model : Model
    steps : list
        One at least; the first is applied first.
    folds : bool
        As `scalers.behind` takes it.

    Raises
    ------
    NotFittedError
        If one is not fitted.
    TypeError
        If one is of another kind, or scales the codes of an Embedding.
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
    )


def _begins_dense(ops) -> bool:
    """Whether a dense layer reads the columns, or one that scalers alone stand before."""
    kinds = [type(op) for op in ops if type(op) is not Rescale]
    return kinds[0] is Dense


def _in_order(ops, arrays: list, order: np.ndarray) -> list[np.ndarray]:
    """Parameters by column of what stands before the dense layer, and its weights, reordered."""
    done: list[np.ndarray] = []
    for op in ops:
        if not isinstance(op, Rescale):
            break
        done += [array[order] for array in arrays[len(done) : len(done) + len(op.parameters())]]
    weights, *rest = arrays[len(done) :]
    return [*done, weights[order], *rest]


def chained(steps: list, dtype) -> Inputs:
    """What fitted transformers do to rows of this type; they are refused as by `before`."""
    first, *others = [_inputs(step, dtype) for step in steps]
    for other in others:
        first = first.then(other)
    return first


def _inputs(step, dtype) -> Inputs:
    """What a fitted transformer does."""
    if type(step) is ColumnTransformer:
        return _of_columns(step, dtype)
    if type(step) is FunctionTransformer and step.func is None:
        check_is_fitted(step, "n_features_in_")
        return _all_of(step.n_features_in_, [])
    if type(step) in SCALERS:  # a subclass may transform in its own way
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
    """The parts of a ColumnTransformer, side by side."""
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
