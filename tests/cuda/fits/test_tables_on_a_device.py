"""Models of raw tables: trained on a device, and frozen for one, they have the bits of the CPU."""

import pickle

import numpy as np
import pytest
from running.host_device import opened_as_cuda

from fusednn import TabularClassifier, TabularRegressor, freeze, load

RANDOM = np.random.default_rng(0)
ROWS = [
    {"size": size, "price": price, "town": "Rome" if size > price else ("Oslo" if k % 5 else None)}
    for k, (size, price) in enumerate(RANDOM.normal(size=(120, 2)).tolist())
]
LABELS = ["yes" if row["size"] > 0 else ("no" if row["price"] > 0 else "maybe") for row in ROWS]
VALUES = [row["size"] * row["price"] for row in ROWS]
SMALL = {"n_folds": 2, "random_state": 0, "n_jobs": 2}


def outputs(model):
    answers = [model.oof_.tobytes(), model.predict(ROWS)]
    if isinstance(model, TabularClassifier):
        answers.append(model.predict_proba(ROWS).tobytes())
    return [one.tolist() if isinstance(one, np.ndarray) else one for one in answers]


@pytest.mark.parametrize(
    "preset",
    ["fast", *(pytest.param(name, marks=pytest.mark.long) for name in ("realmlp", "default"))],
)
@pytest.mark.parametrize(("kind", "y"), [(TabularClassifier, LABELS), (TabularRegressor, VALUES)])
def test_fits(preset, kind, y):
    expected = outputs(kind(preset, **SMALL).fit(ROWS, y))
    with opened_as_cuda() as devices:
        model = kind(preset, device="cuda", importances=True, **SMALL).fit(ROWS, y)
    assert devices
    assert all(device.replayed and device.closed for device in devices)
    assert outputs(model) == expected  # by the CPU
    assert model.feature_importances_.shape == (3,)


@pytest.fixture(scope="module")
def classifier():
    return TabularClassifier("fast", **SMALL).fit(ROWS, LABELS)


def test_predictors(classifier, tmp_path):
    expected = freeze(classifier)
    with opened_as_cuda() as devices:
        predictor = freeze(classifier, device="cuda")
        assert len(devices) == len(classifier.members_)
        for rows in (ROWS[0], ROWS[:1], ROWS):
            found = predictor.predict_proba(rows)
            assert found.tobytes() == expected.predict_proba(rows).tobytes()
        assert all(device.replayed for device in devices)
        again = pickle.loads(pickle.dumps(predictor))
        assert (predictor.device, again.device) == ("cuda", "cuda")
        predictor.save(tmp_path / "model.fnn")
        del predictor, again
    assert all(device.closed for device in devices)
    assert load(tmp_path / "model.fnn").device == "cpu"


def test_what_is_refused(classifier):
    with pytest.raises(ValueError, match="weights='int8' are for the CPU"):
        freeze(classifier, device="cuda", weights="int8")
    with pytest.raises(ValueError, match="device must be one of"):
        freeze(classifier, device="gpu")
    with pytest.raises(ValueError, match="'device' parameter"):
        TabularClassifier(device="gpu").fit(ROWS, LABELS)
