"""From the bytes of a request to the bytes of its answer: checked rows, a prediction, JSON."""

from __future__ import annotations

import time
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, FailFast, Field, create_model
from pydantic_core import to_json

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class Values(BaseModel):
    """What a regressor answers."""

    predictions: list[Any] = Field(
        description="For each row a value, or a list where there are several targets or"
        " quantiles; null for a value too large for the network's type."
    )


class Classes(BaseModel):
    """What a classifier answers."""

    predictions: list[Any] = Field(
        description="For each row its class; where a row has several labels or columns, a list."
    )
    probabilities: list[Any] = Field(
        description="For each row the probability of each class, in the order of GET /model; with"
        " several columns of classes a list of such tables, one for each column."
    )


def request_model(features: int, max_rows: int) -> type[BaseModel]:
    """The model of a request: finite numbers, no strings and no booleans, as wide as the network.

    The first wrong value ends the check: a body full of wrong ones costs no more than a right one.
    """
    row = Annotated[list[Number], Field(min_length=features, max_length=features), FailFast()]
    rows = Annotated[list[row], Field(min_length=1, max_length=max_rows), FailFast()]
    return create_model("Rows", __doc__="Rows of numbers, one for each feature.", rows=(rows, ...))


class Answerer:
    """Answers bodies with a predictor; safe to be called from several threads.

    Parameters
    ----------
    predictor : fusednn.Predictor
    max_rows : int
        More rows than these are refused.

    Attributes
    ----------
    request, answer : type of BaseModel
        The shapes of both bodies, for the documentation.
    """

    def __init__(self, predictor, max_rows: int):
        self._predictor, self._max_rows = predictor, max_rows
        self._classifies = hasattr(predictor, "classes_")
        self.request = request_model(predictor.n_features_in_, max_rows)
        self.answer = Classes if self._classifies else Values

    def __call__(self, body: bytes | bytearray) -> tuple[bytes, int]:
        """The answer as JSON, and the number of rows.

        Raises
        ------
        ValueError
            With what is wrong with the body; a `pydantic.ValidationError` where it is its form.
        """
        rows = self.request.model_validate_json(body).rows  # type: ignore[attr-defined]  # a class made by create_model
        X = np.array(rows, np.float64)
        answer = {"predictions": self._predictor.predict(X).tolist()}
        if self._classifies:
            answer["probabilities"] = _listed(self._predictor.predict_proba(X, validate=False))
        return to_json(answer, inf_nan_mode="null"), len(rows)

    def prepare(self, most: int) -> None:
        """Answers one row, and a body of `most` bytes: all that compiles, or loads, does so here.

        Parameters
        ----------
        most : int
            How long a body can be.
        """
        self(self._body(0))
        self(self._body(most))

    def longest_within(self, seconds: float, most: int = 16_384) -> int:
        """How long a body may be for its answer to take `seconds` at most, found by trying.

        It halves `most` until a body with as many rows as fit is answered in time; 0 if none is.
        """
        while most > 2 * self._predictor.n_features_in_:
            if min(_timed(self, self._body(most)) for _ in range(4)) <= seconds:
                return most
            most //= 2
        return 0

    def _body(self, most: int) -> bytes:
        """As many rows as `most` bytes hold and the limit allows, and one at least."""
        row = b"[" + b",".join([b"0"] * self._predictor.n_features_in_) + b"]"
        count = max(1, min(self._max_rows, most // (len(row) + 1)))
        return b'{"rows":[' + b",".join([row] * count) + b"]}"


def _listed(probabilities) -> list:
    if isinstance(probabilities, list):  # of several columns of classes
        return [part.tolist() for part in probabilities]
    return probabilities.tolist()


def _timed(answerer: Answerer, body: bytes) -> float:
    began = time.perf_counter()
    answerer(body)
    return time.perf_counter() - began
