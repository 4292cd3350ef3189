"""Both libraries side by side: scikit-learn's own class is the judge of ours."""

import contextlib
import io
import subprocess
import sys
import warnings
from typing import Any, NamedTuple

import numpy as np
import sklearn.neural_network as theirs

import fusednn

CLASSES = {
    "classifier": (theirs.MLPClassifier, fusednn.MLPClassifier),
    "regressor": (theirs.MLPRegressor, fusednn.MLPRegressor),
}

FITTED = (
    "best_loss_",
    "best_validation_score_",
    "loss_",
    "loss_curve_",
    "n_features_in_",
    "n_iter_",
    "n_layers_",
    "n_outputs_",
    "out_activation_",
    "t_",
    "validation_scores_",
)


class Outcome(NamedTuple):
    """What a call did, as its user sees it."""

    value: Any
    error: tuple[str, str] | None
    warnings: list[tuple[str, str]]
    printed: str


def outcome(function) -> Outcome:
    """Calls a function and notes its value, exception, warnings and printed text."""
    value = error = None
    with warnings.catch_warnings(record=True) as caught, io.StringIO() as text:
        warnings.simplefilter("always")
        with contextlib.redirect_stdout(text):
            try:
                value = function()
            except Exception as exception:
                error = type(exception).__name__, str(exception)
        printed = text.getvalue()
    told = [(w.category.__name__, str(w.message)) for w in caught]
    # BLAS computes beyond a row's end now and then, and NumPy tells of what it meets there
    told = [one for one in told if not one[1].endswith("encountered in matmul")]
    return Outcome(value, error, told, printed)


def fit_quietly(estimator, *args, **kwargs):
    """`fit` without the warning of a few passes only."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(*args, **kwargs)


def fit_pair(kind, X, y, sample_weight=None, *, own=None, **params):
    """Theirs and ours, fitted alike; both must warn and print alike."""
    pair = []
    for cls, extra in zip(CLASSES[kind], ({}, own or {}), strict=True):
        params.setdefault("random_state", 3)
        estimator = cls(**params, **extra)
        pair.append((estimator, outcome(lambda e=estimator: e.fit(X, y, sample_weight))))
    (expected, told), (actual, ours) = pair
    assert told.error is None
    assert ours.error is None
    assert ours.warnings == told.warnings, (ours.warnings, told.warnings)
    assert ours.printed == told.printed
    return expected, actual


def parameters(estimator):
    """Coefficients, then intercepts."""
    return [*estimator.coefs_, *estimator.intercepts_]


def assert_same_network(expected, actual, tolerance):
    """The same weights up to `tolerance`, and the same fitted attributes."""
    for name in FITTED:
        assert hasattr(actual, name) == hasattr(expected, name), name
        if hasattr(expected, name):
            one, other = getattr(expected, name), getattr(actual, name)
            if one is None or isinstance(one, (str, int)):
                assert one == other, name
            else:
                np.testing.assert_allclose(
                    other, one, rtol=10 * tolerance, atol=tolerance, err_msg=name
                )
    for one, other in zip(parameters(expected), parameters(actual), strict=True):
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        assert np.abs(one - other).max() <= tolerance


def assert_same_bits(one, other):
    """Two fits of ours that must not differ in a bit."""
    for a, b in zip(parameters(one), parameters(other), strict=True):
        assert a.dtype == b.dtype
        assert a.tobytes() == b.tobytes()
    for name in ("loss_", "loss_curve_", "n_iter_", "validation_scores_"):
        if hasattr(one, name) or hasattr(other, name):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)


def run_python(code, *arguments, options=(), timeout=120, **kwargs):
    """Runs code in a new process; its standard output."""
    process = subprocess.run(
        [sys.executable, *options, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        **kwargs,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout
