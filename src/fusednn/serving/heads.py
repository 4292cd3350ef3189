"""The meaning of a network's outputs as a JSON value, and back."""

from __future__ import annotations

from typing import Any

from . import labels
from .description import MOST_WIDTH
from .fields import Refused, list_of, one_of, optional, record, refuse, whole
from .model import BINARY, COLUMNS, MULTICLASS, MULTILABEL, VALUES, Head

HEAD_LINKS = {
    BINARY: ("logistic",),
    MULTICLASS: ("softmax",),
    MULTILABEL: ("logistic",),
    COLUMNS: ("softmax",),
    VALUES: ("identity", "exp"),
}
"""Of each kind of output the output activations that it may have."""


def written_head(head: Head) -> dict[str, Any]:
    """The meaning of the outputs as a JSON value.

    Raises
    ------
    TypeError
        If there are classes that are neither numbers, bools nor strings.
    """
    return {**head._asdict(), "classes": [labels.written(part) for part in head.classes]}


_HEAD = record(
    {
        "kind": one_of(HEAD_LINKS),
        "link": one_of(("identity", "logistic", "softmax", "exp")),
        "classes": list_of(labels.read),
        "per_target": whole(1, MOST_WIDTH),
        "point": optional(whole(0, MOST_WIDTH)),
    }
)


def read_head(value, where: str, outputs: int) -> Head:
    """The meaning of so many outputs that a JSON value stands for."""
    head = Head(**_HEAD(value, where))
    if head.link not in HEAD_LINKS[head.kind]:
        raise refuse(f"{where}.link", f"one of {HEAD_LINKS[head.kind]}", head.link)
    counts = [len(part) for part in head.classes]
    if head.kind != VALUES and (head.per_target, head.point) != (1, 0):
        raise Refused(f"{where} has per_target and point of a regressor")
    if head.kind == VALUES:
        fits = not counts and outputs % head.per_target == 0
        fits = fits and (head.point is None or head.point < head.per_target)
    elif head.kind == BINARY:
        fits = counts in ([1], [2]) and outputs == 1
    elif head.kind == COLUMNS:
        fits = 0 not in counts and sum(counts) == outputs
    else:
        fits = counts == [outputs]
    if not fits:
        raise Refused(f"{where} does not fit a network of {outputs} outputs")
    return head
