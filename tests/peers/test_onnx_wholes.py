"""What holds a network, in ONNX Runtime: transformed targets, choices of columns, searches."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

# Without the peers the module ends above, so these imports cannot come first.
from cases.saved_models import fit_quietly, others
from oracles.onnx_sessions import check_classifier, check_regressor, run

from fusednn import freeze


@pytest.mark.parametrize("name", list(others()))
def test_it_answers_alike(name, tmp_path):
    estimator, X, y = others()[name]
    fit_quietly(estimator, X, y)
    X = X.astype(freeze(estimator).dtype)
    check = check_classifier if hasattr(estimator, "predict_proba") else check_regressor
    session = check(estimator, X, tmp_path / "model.onnx")
    if name == "codes apart":  # NaN in columns that nobody reads
        assert np.isfinite(X[:, 0]).all()
        odd = X.copy()
        odd[:, 0] = np.nan
        np.testing.assert_array_equal(run(session, odd)["variable"], run(session, X)["variable"])
