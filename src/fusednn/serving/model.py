"""A fitted network for inference: ops, arrays, and the meaning of the outputs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from fusednn.graph.layers.layer import Layer, shapes_along
from fusednn.graph.layers.reshape import Reshape
from fusednn.graph.network import Network
from fusednn.graph.one_step import one_step

from .labels_and_values import COLUMNS, MULTILABEL, VALUES

__all__ = [
    "BINARY",
    "COLUMNS",
    "LOSS_OF_LINK",
    "MULTICLASS",
    "MULTILABEL",
    "VALUES",
    "Columns",
    "Head",
    "Model",
]

BINARY, MULTICLASS = "binary", "multiclass"

LOSS_OF_LINK = {
    "identity": "squared_error",
    "logistic": "logistic",
    "softmax": "softmax",
    "exp": "poisson",
}
"""For each output activation, a loss that implies it: a `Network` is given its loss."""


class Head(NamedTuple):
    """The meaning of a network's outputs.

    Parameters
    ----------
    kind : str
        BINARY (one logistic output, one or two classes), MULTICLASS (a softmax), MULTILABEL (a
        logistic output for each label), COLUMNS (several columns of classes, a softmax for
        each), or VALUES (regression).
    link : {"identity", "logistic", "softmax", "exp"}
        The output activation.
    classes : tuple of ndarray
        The classes. For COLUMNS an array for each column; for VALUES none.
    per_target : int
        For VALUES: the number of adjacent outputs that belong to a target.
    point : int or None
        For VALUES: which of these outputs is predicted. None: all of them.
    inverse : str
        For VALUES: a key of `labels_and_values.INVERSES`, the function applied to predicted
        values after the output activation.
    least : tuple of float
        For VALUES with the mean and the log variance of a normal distribution as outputs: a lower
        bound of the log variance for each target. Otherwise empty.
    column : bool
        For VALUES: whether predictions of one target are a column (N, 1) rather than a vector.
    """

    kind: str
    link: str
    classes: tuple[np.ndarray, ...] = ()
    per_target: int = 1
    point: int | None = 0
    inverse: str = "identity"
    least: tuple[float, ...] = ()
    column: bool = False

    @property
    def groups(self) -> tuple[int, ...]:
        """Sizes of the groups of outputs that each have their own link; empty if all share one."""
        return tuple(map(len, self.classes)) if self.kind == COLUMNS else ()

    def meaning(self) -> dict[str, Any]:
        """Keyword arguments of `Answers`: all fields but the link, which the network applies."""
        return {key: value for key, value in self._asdict().items() if key != "link"}


class Columns(NamedTuple):
    """The columns of X that a network reads; the other columns may hold anything.

    Parameters
    ----------
    inputs : int
        The number of columns of X.
    chosen : tuple of int
        Indices of the columns that the network reads, in its order.
    """

    inputs: int
    chosen: tuple[int, ...]


def axes_of_samples(
    ops: tuple[Layer, ...], axes: tuple[int, ...] | None
) -> tuple[tuple[int, ...], ...]:
    """The axes that samples of X may have: those of the fit, and those that the first op reads."""
    fitted = () if axes is None else (axes,)
    return fitted + (ops[0].axes_read if isinstance(ops[0], Reshape) else ())


def ops_of_a_step(ops: tuple[Layer, ...], columns: Columns | None) -> tuple[Layer, ...]:
    """The ops of a network that takes a series step by step (`graph.one_step`).

    Raises
    ------
    ValueError
        If the network cannot be run so; the message names the layer.
    """
    if columns is not None:
        raise ValueError("A stream takes the features of a step, but columns of X are chosen.")
    return one_step(ops)


def output_axes(ops: tuple[Layer, ...]) -> tuple[int, ...]:
    """The axes of a sample's rows at the end of the ops; none for one row."""
    return shapes_along(ops, (ops[0].fan_in,))[-1][:-1]


def shown_sizes(inputs: int, ops: tuple[Layer, ...]) -> list[int | str]:
    """The width of the data and of each op's output, for messages; several axes are "4x3"."""
    shapes = shapes_along(ops, (ops[0].fan_in,))[1:]
    return [
        inputs,
        *(shape[0] if len(shape) == 1 else "x".join(map(str, shape)) for shape in shapes),
    ]


class Model(NamedTuple):
    """A fitted network for inference.

    Parameters
    ----------
    ops : tuple of Layer
        Folded by `plan.folding`.
    arrays : iterable of ndarray
        The parameters in the order of the ops, in the shapes that users see: weights (I, O).
    head : Head
    dtype : dtype
        float32 or float64.
    names : tuple of str
        Class names of the object that checks the input, and of the estimator. They differ only
        for pipelines.
    features : tuple of str or None
        Names of the columns.
    notes : dict or None
        The user's notes, which JSON can express.
    columns : Columns or None
        None: all columns, in order.
    axes : tuple of int or None
        The axes of a sample of X as the estimator was fitted to them; None: a row.
    """

    ops: tuple[Layer, ...]
    arrays: Iterable[np.ndarray]
    head: Head
    dtype: np.dtype
    names: tuple[str, str]
    features: tuple[str, ...] | None = None
    notes: dict[str, Any] | None = None
    columns: Columns | None = None
    axes: tuple[int, ...] | None = None

    @property
    def inputs(self) -> int:
        """The number of columns of X."""
        return self.ops[0].fan_in if self.columns is None else self.columns.inputs

    @property
    def network(self) -> Network:
        """The ops as a network; only the output activation of its loss is used."""
        return Network(self.ops, LOSS_OF_LINK[self.head.link], self.head.groups)
