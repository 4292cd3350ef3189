"""Files of networks whose samples have axes: these are kept, and refused where they do not fit."""

import io
import json
import pickle

import numpy as np
import pytest
from cases.mutations import joined, split
from numpy.testing import assert_array_equal
from oracles.parity import fit_quietly

from fusednn import NetworkRegressor, freeze, load
from fusednn.layers import Conv2D, Flatten
from fusednn.serving.files.fields import Refused
from fusednn.serving.files.reading import KEY
from fusednn.serving.loading import read_predictor

IMAGES = np.random.default_rng(0).normal(size=(40, 5, 4))


def with_axes():
    layers = [Conv2D(3, 2, "relu"), Flatten()]
    model = NetworkRegressor(layers, max_iter=2, random_state=0)
    return fit_quietly(model, IMAGES, IMAGES[:, 0, 0])


def test_axes_of_samples_are_kept(tmp_path):
    model = with_axes()
    predictor = freeze(model)
    model.save(tmp_path / "estimator")
    predictor.save(tmp_path / "predictor")
    for found in (
        load(tmp_path / "estimator"),
        load(tmp_path / "predictor"),
        freeze(NetworkRegressor.load(tmp_path / "estimator")),
        pickle.loads(pickle.dumps(predictor)),
    ):
        assert found.model().axes == (5, 4)
        assert_array_equal(found.predict(IMAGES), predictor.predict(IMAGES))
    for name in ("estimator", "predictor"):
        header, _ = split((tmp_path / name).read_bytes())
        plan = json.loads(header["__metadata__"][KEY])
        assert (plan["version"], plan["axes"]) == (5, [5, 4])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"axes": [5, 5]}, "axes must have the 20 elements of a row"),
        ({"axes": [20]}, "axes must be a list of 2 to 3 values"),
        ({"axes": [5, 2, 2, 1]}, "axes must be a list of 2 to 3 values"),
        ({"axes": [5, 4.0]}, r"axes\[1\] must be an integer"),
        ({"axes": [-5, -4]}, r"axes\[0\] must be an integer from 1"),
        ({"axes": [2**31, 2**31]}, r"axes\[0\] must be an integer from 1"),
        ({"axes": "5x4"}, "axes must be a list"),
        ({"version": 4}, "'axes', which is not known"),
        (
            {"columns": {"inputs": 20, "chosen": [*range(20)]}},
            "axes are of samples whose columns are not chosen",
        ),
    ],
)
def test_axes_that_do_not_fit_are_refused(given, words, tmp_path):
    freeze(with_axes()).save(tmp_path / "model")
    header, tensors = split((tmp_path / "model").read_bytes())
    plan = json.loads(header["__metadata__"][KEY])
    header["__metadata__"][KEY] = json.dumps({**plan, **given})
    with pytest.raises(Refused, match=words):
        read_predictor(io.BytesIO(joined(header, tensors)))
