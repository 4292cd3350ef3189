"""Predictors that are written to files, and the headers of these files."""

import json
from functools import cache
from pathlib import Path

from cases.saved_models import LABELS, X, estimators, fit_quietly, others

from fusednn import MLPClassifier, freeze
from fusednn.serving.files.reading import KEY

KEPT = Path(__file__).parents[1] / "serving" / "files" / "written"


@cache
def fitted(name):
    estimator, X, y = (estimators() | others())[name]
    return fit_quietly(estimator, X, y), X


@cache
def small():
    return freeze(fit_quietly(MLPClassifier((4,), max_iter=2, random_state=0), X, LABELS))


def assert_same_array(one, other):
    assert one.dtype == other.dtype
    assert one.shape == other.shape
    assert (
        one.tolist() == other.tolist() if one.dtype == object else one.tobytes() == other.tobytes()
    )


def header_of(path):
    """The plan, the header without it, and the bytes behind."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    return json.loads(header.pop("__metadata__")[KEY]), header, data[8 + length :]
