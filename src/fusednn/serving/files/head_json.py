"""Converts the meaning of a network's outputs (`Head`) to a JSON value and back."""

from __future__ import annotations

from typing import Any

from fusednn.serving.labels_and_values import INVERSES
from fusednn.serving.model import BINARY, COLUMNS, MULTICLASS, MULTILABEL, VALUES, Head

from . import label_json
from .fields import Refused, flag, list_of, number, one_of, optional, record, refuse, whole
from .op_fields import MOST_WIDTH

HEAD_LINKS = {
    BINARY: ("logistic",),
    MULTICLASS: ("softmax",),
    MULTILABEL: ("logistic",),
    COLUMNS: ("softmax",),
    VALUES: ("identity", "exp"),
}
"""The output activations that each kind of head may have."""


def written_head(head: Head, version: int) -> dict[str, Any]:
    """Converts a head to a JSON value in the given version of the format.

    Raises
    ------
    TypeError
        If classes are neither numbers, bools nor strings.
    """
    written = {**head._asdict(), "classes": [label_json.written(part) for part in head.classes]}
    written["least"] = list(head.least)
    return {key: written[key] for key in HEADS[version]}


_FIRST = {
    "kind": one_of(HEAD_LINKS),
    "link": one_of(("identity", "logistic", "softmax", "exp")),
    "classes": list_of(label_json.read),
    "per_target": whole(1, MOST_WIDTH),
    "point": optional(whole(0, MOST_WIDTH)),
}
_SECOND = {
    **_FIRST,
    "inverse": one_of(INVERSES),
    "least": list_of(number(-1e30, 1e30)),
    "column": flag,
}
HEADS = {1: _FIRST, **dict.fromkeys(range(2, 11), _SECOND)}
"""The keys of each version of the format, and their checks."""

_DEFAULTS = Head(VALUES, "identity")[len(_FIRST) :]
"""The values of the later keys that version 1 implies."""


def version_of(head: Head) -> int:
    """The first version of the format that can express a head."""
    return 1 if head[len(_FIRST) :] == _DEFAULTS else 2


def read_head(value, where: str, outputs: int, version: int) -> Head:
    """Reads the head of a network with `outputs` outputs from a JSON value."""
    head = Head(**record(HEADS[version])(value, where))
    if head.link not in HEAD_LINKS[head.kind]:
        raise refuse(f"{where}.link", f"one of {HEAD_LINKS[head.kind]}", head.link)
    counts = [len(part) for part in head.classes]
    if head.kind != VALUES and (head.per_target, head.point) != (1, 0):
        raise Refused(f"{where} has per_target and point of a regressor")
    if head.kind != VALUES and head[len(_FIRST) :] != _DEFAULTS:
        raise Refused(f"{where} has inverse, least and column of a regressor")
    if head.kind == VALUES:
        fits = not counts and outputs % head.per_target == 0
        fits = fits and (head.point is None or head.point < head.per_target)
        if head.least:
            normal = head.link, head.per_target, head.point
            fits = fits and normal == ("identity", 2, 0) and 2 * len(head.least) == outputs
    elif head.kind == BINARY:
        fits = counts in ([1], [2]) and outputs == 1
    elif head.kind == COLUMNS:
        fits = 0 not in counts and sum(counts) == outputs
    else:
        fits = counts == [outputs]
    if not fits:
        raise Refused(f"{where} does not fit a network of {outputs} outputs")
    return head
