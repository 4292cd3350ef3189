"""The descriptions of `fusednn.losses`: plain values, checked when made."""

import copy
import dataclasses
import pickle

import numpy as np
import pytest
from every_part import KNOWN
from fusednn.kernels.losses import LOSSES
from oracles.parity import run_python

from fusednn import losses

CLASSES = KNOWN["loss"]


@pytest.mark.parametrize("cls", CLASSES)
def test_a_plain_value(cls):
    one = cls()
    assert one == cls() == copy.deepcopy(one) == pickle.loads(pickle.dumps(one))
    assert hash(one) == hash(cls())
    assert eval(repr(one), vars(losses)) == one
    for field in dataclasses.fields(one):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(one, field.name, 1.0)


@pytest.mark.parametrize("cls", CLASSES)
def test_it_is_lowered_to_a_row_of_the_table(cls):
    links = [("softmax",), ("logistic",)] if issubclass(cls, losses.ClassificationLoss) else [()]
    for link in links:
        name, constants = cls().lowered(*link)
        assert name in LOSSES
        assert len(constants) == len(LOSSES[name].constants)


def test_defaults_are_those_of_the_table():
    for loss in [*losses.REGRESSION.values(), losses.Focal()]:
        link = ["softmax"] if isinstance(loss, losses.Focal) else []
        name, constants = loss.lowered(*link)
        assert constants == LOSSES[name].constants


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: losses.Huber(0), r"'delta' parameter of Huber .* \(0.0, inf\). Got 0 instead"),
        (lambda: losses.Huber(np.inf), "'delta'"),
        (lambda: losses.Huber("1"), "Got '1' instead"),
        (lambda: losses.Gaussian(eps=0.0), "'eps' parameter of Gaussian"),
        (lambda: losses.Focal(-1), "'gamma' parameter of Focal"),
        (lambda: losses.Focal(np.nan), "'gamma' parameter of Focal"),
        (lambda: losses.CrossEntropy(1.5), "'label_smoothing' parameter of CrossEntropy"),
        (lambda: losses.Quantile(()), "'quantiles' parameter of Quantile"),
        (lambda: losses.Quantile(0.5), "'quantiles' parameter of Quantile"),
        (lambda: losses.Quantile((0.5, 1.0)), "'quantiles' parameter of Quantile"),
        (lambda: losses.Quantile("0.5"), "'quantiles' parameter of Quantile"),
    ],
)
def test_values_are_checked(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_quantiles_of_any_sequence():
    one = losses.Quantile(np.array([0.25, 0.5]))
    assert one == losses.Quantile([0.25, 0.5]) == losses.Quantile((0.25, 0.5))


LIGHT = """
import sys
import fusednn
before = set(sys.modules)
fusednn.losses.Huber(2.0)
later = set(sys.modules) - before
later = {name for name in later if name.startswith(("numpy", "fusednn"))}
print(sorted(name for name in later if not name.startswith("fusednn.losses")))
"""


def test_it_is_imported_on_first_use():
    """And neither NumPy nor another part of fusednn with it."""
    assert run_python(LIGHT).strip() == "[]"
