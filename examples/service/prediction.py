"""Converts the bytes of a request to the bytes of its answer: checks, prediction, JSON."""

from __future__ import annotations

import time
from typing import Annotated, Any

import numpy as np
from pydantic import (
    BaseModel,
    Discriminator,
    FailFast,
    Field,
    StrictBool,
    StrictStr,
    Tag,
    create_model,
)
from pydantic_core import to_json

import fusednn

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class Values(BaseModel):
    """The answer of a regressor."""

    predictions: list[Any] = Field(
        description="A value for each row, or a list if there are several targets or quantiles;"
        " null for a value too large for the network's type."
    )


class Classes(BaseModel):
    """The answer of a classifier."""

    predictions: list[Any] = Field(
        description="The class of each row, or a list if there are several labels or columns."
    )
    probabilities: list[Any] = Field(
        description="The probability of each class for each row, in the order of GET /model. With"
        " several columns of classes, a list of such tables, one for each column."
    )


def request_model(features: int, max_rows: int) -> type[BaseModel]:
    """The schema of a request: rows of finite numbers, as wide as the network's input.

    The first wrong value ends the check, so wrong bodies cost no more than right ones.
    """
    row = Annotated[list[Number], Field(min_length=features, max_length=features), FailFast()]
    rows = Annotated[list[row], Field(min_length=1, max_length=max_rows), FailFast()]
    return create_model("Rows", __doc__="Rows of numbers, one for each feature.", rows=(rows, ...))


KINDS = {bool: "boolean", int: "number", float: "number", str: "text", type(None): "null"}
Cell = Annotated[
    Annotated[StrictBool, Tag("boolean")]
    | Annotated[Number, Tag("number")]
    | Annotated[StrictStr, Tag("text")]
    | Annotated[None, Tag("null")],
    Discriminator(
        lambda value: KINDS.get(type(value)),
        custom_error_type="cell_type",
        custom_error_message="Input should be a number, a text, a boolean or null",
    ),
]


def table_model(predictor, max_rows: int) -> type[BaseModel]:
    """The schema of a request to a model of raw tables: rows of cells, by name if it knows names.

    The model itself says which column is missing or has a value of another type.
    """
    row: Any = Annotated[list[Cell], FailFast()]
    if hasattr(predictor, "feature_names_in_"):
        row = dict[str, Cell]
    rows = Annotated[list[row], Field(min_length=1, max_length=max_rows), FailFast()]
    return create_model("Rows", __doc__="Rows of a table; null is missing.", rows=(rows, ...))


class Answerer:
    """Answers requests by a predictor; several threads may call it.

    Parameters
    ----------
    predictor : fusednn.Predictor or fusednn.TabularPredictor
    max_rows : int
        Requests of more rows are refused.

    Attributes
    ----------
    request, answer : type of BaseModel
        Schemas of both bodies.

    Raises
    ------
    ValueError
        If a label or the name of a column cannot be written as JSON in UTF-8.
    """

    def __init__(self, predictor, max_rows: int):
        _check_texts(predictor)
        self._predictor, self._max_rows = predictor, max_rows
        self._classifies = hasattr(predictor, "classes_")
        self._number = b"0"  # of which rows of our own consist
        self._reads_tables = isinstance(predictor, fusednn.TabularPredictor)
        if self._reads_tables:
            self.request = table_model(predictor, max_rows)
        else:
            self.request = request_model(predictor.n_features_in_, max_rows)
        self.answer = Classes if self._classifies else Values

    def __call__(self, body: bytes | bytearray) -> tuple[bytes, int]:
        """The answer as JSON, and the number of rows.

        Raises
        ------
        ValueError
            If the body is invalid; a `pydantic.ValidationError` if it does not match the schema.
        """
        rows = self.request.model_validate_json(body).rows  # type: ignore[attr-defined]  # a class made by create_model
        if self._reads_tables:
            answer = self._of_table(rows)
        else:
            X = np.array(rows, np.float64)
            answer = {"predictions": self._predictor.predict(X).tolist()}
            if self._classifies:
                shares = self._predictor.predict_proba(X, validate=False)
                answer["probabilities"] = _listed(shares)
        return to_json(answer, inf_nan_mode="null"), len(rows)

    def _of_table(self, rows: list) -> dict[str, list]:
        """The answer to rows of a table."""
        if not self._classifies:
            return {"predictions": self._predictor.predict(rows).tolist()}
        shares = self._predictor.predict_proba(rows)
        labels = self._predictor.classes_[shares.argmax(axis=1)]
        return {"predictions": labels.tolist(), "probabilities": shares.tolist()}

    def prepare(self, most: int) -> None:
        """Answers one row and a body of `most` bytes, so that everything is compiled or loaded.

        Parameters
        ----------
        most : int
            The most bytes of a body.
        """
        try:
            self(self._body(0))
        except ValueError:  # 0 is the padding of tokens, and a row needs another
            self._number = b"1"
            self(self._body(0))
        self(self._body(most))

    def longest_within(self, seconds: float, most: int = 16_384) -> int:
        """Measures the most bytes of a body that is answered within `seconds`.

        It halves `most` until a body filled with rows is answered in time; 0 if none is.
        """
        while most > 2 * self._predictor.n_features_in_:
            if min(_timed(self, self._body(most)) for _ in range(4)) <= seconds:
                return most
            most //= 2
        return 0

    def _body(self, most: int) -> bytes:
        """A body of at least one row, and as many as `most` bytes and the limit allow."""
        row = self._row()
        count = max(1, min(self._max_rows, most // (len(row) + 1)))
        return b'{"rows":[' + b",".join([row] * count) + b"]}"

    def _row(self) -> bytes:
        """A row as JSON; of a table it has no values."""
        if not self._reads_tables:
            return b"[" + b",".join([self._number] * self._predictor.n_features_in_) + b"]"
        if hasattr(self._predictor, "feature_names_in_"):
            return to_json(dict.fromkeys(self._predictor.feature_names_in_.tolist()))
        return to_json([None] * self._predictor.n_features_in_)


def _check_texts(predictor) -> None:
    labels = getattr(predictor, "classes_", [])
    labels = np.concatenate(labels) if isinstance(labels, list) and labels else labels
    for what, texts in (
        ("label", labels),
        ("column name", getattr(predictor, "feature_names_in_", [])),
    ):
        for text in np.asarray(texts).tolist():
            if isinstance(text, str) and any("\ud800" <= one <= "\udfff" for one in text):
                raise ValueError(
                    f"the model has the {what} {text!r} with half of a surrogate pair, which JSON"
                    " cannot hold: fit it with another."
                )


def _listed(probabilities) -> list:
    if isinstance(probabilities, list):  # several columns of classes
        return [part.tolist() for part in probabilities]
    return probabilities.tolist()


def _timed(answerer: Answerer, body: bytes) -> float:
    began = time.perf_counter()
    answerer(body)
    return time.perf_counter() - began
