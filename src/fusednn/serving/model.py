"""What is left of a fitted network when it only answers: ops, arrays, and what outputs mean."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from fusednn.graph.layers.layer import Layer, shapes_along
from fusednn.graph.network import Network

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
"""A loss that has each output activation: networks name theirs by the loss."""


class Head(NamedTuple):
    """What the outputs of a network mean.

    Parameters
    ----------
    kind : str
        BINARY (one logistic output, two classes or one), MULTICLASS (a softmax), MULTILABEL (a
        logistic output for each label), COLUMNS (several columns of classes, a softmax for
        each), or VALUES (regression).
    link : {"identity", "logistic", "softmax", "exp"}
        The output activation.
    classes : tuple of ndarray
        The classes; of COLUMNS those of each column; of VALUES none.
    per_target : int
        Of VALUES: adjacent outputs that belong to a target.
    point : int or None
        Of VALUES: which of them is what is predicted; None is all of them.
    inverse : str
        Of VALUES: key of `answers.INVERSES`, what is done to predicted values behind the link.
    least : tuple of float
        Of VALUES with two outputs for each target, the mean and the logarithm of the variance of
        a normal distribution: the least that the logarithm is taken for, of each target. Empty
        where outputs are something else.
    column : bool
        Of VALUES: whether predictions of one target are a column (N, 1), not a vector.
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
        """Outputs with a link of their own, by their numbers; empty where all share one."""
        return tuple(map(len, self.classes)) if self.kind == COLUMNS else ()

    def meaning(self) -> dict[str, Any]:
        """What `answers.Answers` is told, by name: all but the link, which the network applies."""
        return {key: value for key, value in self._asdict().items() if key != "link"}


class Columns(NamedTuple):
    """The columns of X that a network reads; what stands in the others does not matter.

    Parameters
    ----------
    inputs : int
        Columns of X.
    chosen : tuple of int
        What the network's columns are, in its order.
    """

    inputs: int
    chosen: tuple[int, ...]


def shown_sizes(inputs: int, ops: tuple[Layer, ...]) -> list[int | str]:
    """The columns of the data and of each op's output, for people; with axes "4x3"."""
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
        As `plan.folding` leaves them.
    arrays : iterable of ndarray
        Their parameters in the order of the ops, as users see them: weights (I, O).
    head : Head
    dtype : dtype
        float32 or float64.
    names : tuple of str
        Of the classes that it was made of: what checks the input, and the estimator; they are
        the same but for pipelines.
    features : tuple of str or None
        Names of the columns.
    notes : dict or None
        What JSON can write, kept for whoever made it.
    columns : Columns or None
        None are all, as they stand.
    """

    ops: tuple[Layer, ...]
    arrays: Iterable[np.ndarray]
    head: Head
    dtype: np.dtype
    names: tuple[str, str]
    features: tuple[str, ...] | None = None
    notes: dict[str, Any] | None = None
    columns: Columns | None = None

    @property
    def inputs(self) -> int:
        """Columns of X."""
        return self.ops[0].fan_in if self.columns is None else self.columns.inputs

    @property
    def network(self) -> Network:
        """The ops as a network; of its loss only the link counts."""
        return Network(self.ops, LOSS_OF_LINK[self.head.link], self.head.groups)
