"""The meaning of a network's outputs as a JSON value, and back."""

from __future__ import annotations

from typing import Any

from fusednn.serving.labels_and_values import INVERSES
from fusednn.serving.model import BINARY, COLUMNS, MULTICLASS, MULTILABEL, VALUES, Head

from . import label_json
from .description import MOST_WIDTH
from .fields import Refused, flag, list_of, number, one_of, optional, record, refuse, whole

HEAD_LINKS = {
    BINARY: ("logistic",),
    MULTICLASS: ("softmax",),
    MULTILABEL: ("logistic",),
    COLUMNS: ("softmax",),
    VALUES: ("identity", "exp"),
}
"""The output activations that each kind of output may have."""


def written_head(head: Head, version: int) -> dict[str, Any]:
    """The meaning of the outputs as a JSON value of a version of the format.

    Raises
    ------
    TypeError
        If there are classes that are neither numbers, bools nor strings.
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
HEADS = {1: _FIRST, 2: _SECOND, 3: _SECOND}
"""The keys of each version of the format, and their checks."""

_NOTHING = Head(VALUES, "identity")[len(_FIRST) :]
"""What later versions say of the outputs where it is what the first one means."""


def version_of(head: Head) -> int:
    """The first version of the format that has all that is said of the outputs."""
    return 1 if head[len(_FIRST) :] == _NOTHING else 2


def read_head(value, where: str, outputs: int, version: int) -> Head:
    """The meaning of so many outputs that a JSON value of a version of the format stands for."""
    head = Head(**record(HEADS[version])(value, where))
    if head.link not in HEAD_LINKS[head.kind]:
        raise refuse(f"{where}.link", f"one of {HEAD_LINKS[head.kind]}", head.link)
    counts = [len(part) for part in head.classes]
    if head.kind != VALUES and (head.per_target, head.point) != (1, 0):
        raise Refused(f"{where} has per_target and point of a regressor")
    if head.kind != VALUES and head[len(_FIRST) :] != _NOTHING:
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
