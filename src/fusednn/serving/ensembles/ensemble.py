"""A fitted model of raw tables as a value: preparation, members, and what the answer means."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from fusednn.graph.layers.embedding import Embedding
from fusednn.graph.layers.layer import Layer
from fusednn.graph.layers.token_embedding import TokenEmbedding
from fusednn.serving.model import BINARY, MULTICLASS, VALUES, Head, Model, output_axes
from fusednn.tables.preparing.preparation import Preparation

from .targets import Classes, Quantities

Target = Classes | Quantities


class Member(NamedTuple):
    """
    A network of an ensemble.

    Parameters
    ----------
    model : Model
        It reads the preparation's values and, behind them, its codes. It puts out probabilities
        of classes, or quantities in the scale of training.
    weight : float
        Above 0. All weights add up to 1.
    """

    model: Model
    weight: float


class Ensemble(NamedTuple):
    """
    A fitted model of raw tables.

    Parameters
    ----------
    preparation : Preparation
    members : tuple of Member
        At least one.
    target : Classes or Quantities
    name : str
        The estimator's class, for messages.
    notes : dict or None
        The user's notes, which JSON can express.
    """

    preparation: Preparation
    members: tuple[Member, ...]
    target: Target
    name: str = "TabularClassifier"
    notes: dict[str, Any] | None = None

    @property
    def width(self) -> int:
        """The columns that every member reads."""
        return width_of(self.preparation)


def width_of(preparation: Preparation) -> int:
    """The columns of values and codes."""
    return len(preparation.names) + len(preparation.code_names)


def check_weights(weights: Sequence[float]) -> None:
    """
    Refuse weights that are not above 0, or do not add up to 1.

    Raises
    ------
    ValueError
        The message has no full stop, as of `fitting_member`.
    """
    positive = all(0 < weight <= 1 for weight in weights)
    if not positive or not math.isclose(math.fsum(weights), 1, rel_tol=0, abs_tol=1e-6):
        raise ValueError("the weights of its members must be above 0 and add up to 1")


def head_of(target: Target, ops: Sequence[Layer]) -> Head:
    """What a member's outputs mean: one output of two classes is the second's probability."""
    if isinstance(target, Quantities):
        point = None if target.quantiles else 0
        return Head(VALUES, "identity", per_target=target.each, point=point)
    is_one = ops[-1].fan_out == 1
    kind, link = (BINARY, "logistic") if is_one else (MULTICLASS, "softmax")
    return Head(kind, link, (target.labels,))


def model_of(
    ops: tuple[Layer, ...], arrays: Iterable[np.ndarray], head: Head, dtype: Any, name: str
) -> Model:
    """The model of a member of an ensemble of this name."""
    return Model(ops, arrays, head, np.dtype(dtype), (name, name))


def fitting_member(model: Model, preparation: Preparation, target: Target, where: str) -> Model:
    """
    Refuse a network that does not fit the preparation and the target.

    Parameters
    ----------
    model : Model
        Its arrays are not looked at.
    preparation : Preparation
    target : Classes or Quantities
    where : str
        The member, for messages.

    Returns
    -------
    Model
        The same with the target's labels, whatever labels the network was fitted to.

    Raises
    ------
    ValueError
    """
    width = width_of(preparation)
    if model.columns is not None or model.inputs != width:
        raise ValueError(f"{where} must read the {width} columns of its preparation")
    _check_codes(model, preparation, where)
    head = head_of(target, model.ops)
    outputs = len(target.labels) if isinstance(target, Classes) else target.outputs
    found = 2 if head.kind == BINARY else model.ops[-1].fan_out
    if output_axes(model.ops) or found != outputs:
        raise ValueError(f"{where} must put out {outputs} numbers for each row")
    if (model.head.link, model.head.inverse) != (head.link, "identity"):
        raise ValueError(f"{where} must end with the function {head.link}")
    return model_of(model.ops, model.arrays, head, model.dtype, model.names[1])


def _check_codes(model: Model, preparation: Preparation, where: str) -> None:
    """Refuses embeddings without a vector for each code, since codes are not checked in calls."""
    first, values = model.ops[0], len(preparation.names)
    if isinstance(first, TokenEmbedding):
        raise ValueError(f"{where} must not begin with tokens")
    if not isinstance(first, Embedding):
        return
    for column, count in zip(first.columns, first.categories, strict=True):
        known = preparation.code_counts[column - values] if column >= values else math.inf
        if count < known:
            raise ValueError(f"{where} must have a vector for each code of its preparation")


def dtype_of(members: Sequence[Member]) -> np.dtype:
    """
    The type of all members.

    Raises
    ------
    ValueError
        If they have several.
    """
    first, *others = {np.dtype(member.model.dtype) for member in members}
    if others:
        raise ValueError("all members must be of one type")
    return first
