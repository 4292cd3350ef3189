"""A preparation of tables as ONNX operators: an input for each column, numbers and codes out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import TensorProto

from fusednn.tables.preparing.features import Category, Moment, Quantity
from fusednn.tables.preparing.preparation import Preparation
from fusednn.tables.preparing.raw_types import (
    MISSING_MOMENT,
    Raw,
    is_whole,
    numbers_of,
    raw_type_of,
    texts_of,
)
from fusednn.tables.preparing.scaling import BEYOND, LARGEST, LIMIT, Scale

from .dates import add_parts
from .graph import Graph
from .heads import Output

ML, ML_VERSION = "ai.onnx.ml", 2
"""The domain of the operator that looks up texts."""
KINDS = {
    Raw.NUMBER: TensorProto.DOUBLE,
    Raw.TEXT: TensorProto.STRING,
    Raw.MOMENT: TensorProto.INT64,
}


def column_inputs(preparation: Preparation, taken: Sequence[str]) -> list[Output]:
    """
    The inputs of the graph, one for each column, of shape (N, 1).

    An input has its column's name, or `column_i` where the name is empty, is an output's, or has
    half of a surrogate pair, which ONNX cannot hold.
    """
    found: list[Output] = []
    for place, feature in enumerate(preparation.features):
        name = feature.name
        others = {*taken, *(one.name for one in found)}
        if not name or name in others or not is_whole(name):
            name = f"column_{place}"
        found.append(Output(name, KINDS[raw_type_of(feature)], (1,)))
    return found


def add_preparation(graph: Graph, preparation: Preparation, inputs: Sequence[Output]) -> str:
    """Adds all columns that members read, (N, columns) in the graph's type; returns the name."""
    return _Adding(graph).columns(preparation, [one.name for one in inputs])


class _Adding:
    """Collects columns of each kind, which become inputs of members together."""

    def __init__(self, graph: Graph):
        self._graph = graph
        self._numbers: list[str] = []  # (N, 1) float64, NaN where missing
        self._scales: list[Scale] = []
        self._gone: list[str] = []  # (N, 1) bool
        self._others: list[tuple[str, int]] = []  # (N, width) in the graph's type
        self._number_places: list[int] = []
        self._gone_places: list[int] = []
        self._other_places: list[int] = []

    def columns(self, preparation: Preparation, inputs: Sequence[str]) -> str:
        """Adds everything; returns the name."""
        at, coded = 0, len(preparation.names)
        for number, (feature, x) in enumerate(zip(preparation.features, inputs, strict=True)):
            with self._graph.place(f"column{number}"):
                if isinstance(feature, Category):
                    is_code = feature.becomes == "codes"
                    self._category(feature, x, coded if is_code else at)
                    coded += is_code
                else:
                    self._scaled(feature, x, at)
            at += len(feature.numbers) + len(feature.flags)
        parts, places = [], []
        if self._numbers:
            parts.append(self._clipped())
            places += self._number_places
        if self._gone:
            gone = self._together(self._gone)
            one, less = self._graph.number(1), self._graph.number(-1)
            parts.append(self._graph.node("Where", gone, one, less))
            places += self._gone_places
        parts += [name for name, _ in self._others]
        places += self._other_places
        found = self._together(parts)
        if places == sorted(places):
            return found
        order = self._graph.indices("order", np.argsort(places))
        return self._graph.node("Gather", found, order, axis=1)

    def _scaled(self, feature: Quantity | Moment, x: str, at: int) -> None:
        """Collects the numbers of a column, and whether they are missing."""
        graph = self._graph
        if isinstance(feature, Quantity):
            read = [(x, feature.scale)] if feature.scale.factor > 0 else []
            if feature.indicator:
                self._gone.append(graph.node("IsNaN", x))
        else:
            gone = graph.node("Equal", x, graph.indices("missing", MISSING_MOMENT))
            parts = add_parts(graph, x, feature.start, [part for part, _ in feature.parts])
            nan = graph.number(np.nan, float)
            read = [
                (graph.node("Where", gone, nan, found), scale)
                for found, (_, scale) in zip(parts, feature.parts, strict=True)
            ]
            if feature.indicator:
                self._gone.append(gone)
        for name, scale in read:
            self._numbers.append(name)
            self._scales.append(scale)
            self._number_places.append(at)
            at += 1
        if feature.indicator:
            self._gone_places.append(at)

    def _clipped(self) -> str:
        """All numbers scaled and clipped smoothly, as `Scale.applied` does; 0 where missing."""
        graph = self._graph
        x = self._together(self._numbers)
        centers = graph.array("centers", [[one.center for one in self._scales]], float)
        factors = graph.array("factors", [[one.factor for one in self._scales]], float)
        gone = graph.node("IsNaN", x)  # first, since runtimes lose NaN when they clip
        x = graph.node("Sub", graph.node("Where", gone, centers, x), centers)
        x = self._between(x, LARGEST)
        x = self._between(graph.node("Mul", x, factors), BEYOND)
        part = graph.node("Div", x, graph.number(LIMIT, float))
        square = graph.node("Add", graph.number(1, float), graph.node("Mul", part, part))
        return graph.cast(graph.node("Div", x, graph.node("Sqrt", square)), graph.dtype)

    def _between(self, x: str, most: float) -> str:
        graph = self._graph
        return graph.node("Clip", x, graph.number(-most, float), graph.number(most, float))

    def _category(self, feature: Category, x: str, at: int) -> None:
        """Collects a column's codes, or the flags that belong to them."""
        graph = self._graph
        if feature.becomes == "nothing":
            return
        codes = self._codes(feature, x)
        if feature.becomes == "codes":
            self._others.append((graph.cast(codes, graph.dtype), 1))
            self._other_places.append(at)
            return
        width = len(feature.flags)
        rows = np.empty((len(feature.categories) + 1, width))
        feature.write_flags(rows, np.arange(len(rows)))
        flat = graph.node("Reshape", codes, graph.indices("rows", [-1]))
        found = graph.node("Gather", graph.array("inputs", rows), flat, axis=0)
        self._others.append((found, width))
        self._other_places += range(at, at + width)

    def _codes(self, feature: Category, x: str) -> str:
        """The codes of a column, (N, 1) int64; 0 for a missing or unseen category."""
        graph, count = self._graph, len(feature.categories)
        if raw_type_of(feature) == Raw.TEXT:
            texts = enumerate(texts_of(feature), 1)
            known = {text: code for code, text in texts if text is not None}
            known = known or {b"": 0}  # the operator needs a key; a missing text has code 0
            return graph.node(
                "LabelEncoder",
                x,
                domain=ML,
                keys_strings=list(known),
                values_int64s=list(known.values()),
                default_int64=0,
            )
        keys = graph.array("categories", [numbers_of(feature)], float)
        same = graph.cast(graph.node("Equal", x, keys), np.float32)
        numbers = graph.array("codes", np.arange(1, count + 1)[:, np.newaxis], np.float32)
        return graph.cast(graph.node("MatMul", same, numbers), np.int64)

    def _together(self, names: Sequence[str]) -> str:
        return names[0] if len(names) == 1 else self._graph.node("Concat", *names, axis=1)
