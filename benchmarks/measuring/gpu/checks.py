"""What is compared on a GPU with the CPU: ops by their cases in the tests, networks, estimators.

The cases are those of the tests, whose folder is added to where modules are found.
"""

import sys
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

TESTS = Path(__file__).resolve().parents[3] / "tests"
DTYPES = np.float32, np.float64


class Check(NamedTuple):
    """A computation for both.

    Parameters
    ----------
    name : str
    dtype : type
    on_cpu : callable
        Returns the arrays by their names.
    on_device : callable
        The same on a device, which its argument opens.
    """

    name: str
    dtype: type
    on_cpu: Callable
    on_device: Callable

    @property
    def key(self):
        """Its name and its type."""
        return f"{self.name}, {self.dtype.__name__}"


@contextmanager
def opened_by(opened):
    """Inside the `with`, "cuda" is what `opened` opens."""
    from fusednn.training.cuda import opening

    before = opening.OPENED["cuda"]
    opening.OPENED["cuda"] = opened
    try:
        yield
    finally:
        opening.OPENED["cuda"] = before


def every_check():
    """All checks: ops that have a twin, networks of every op, and estimators."""
    if str(TESTS) not in sys.path:
        sys.path.insert(0, str(TESTS))
    return [*_ops(), *_networks(), *_estimators()]


def _ops():
    from cases.ops.every_case import CASES
    from fusednn.kernels.cuda.twins import every_twin
    from running.device_ops import run_on
    from running.op_cases import Memory, run

    twins = every_twin()
    for name, case in CASES.items():
        for dtype in DTYPES:
            if dtype not in getattr(case, "dtypes", DTYPES):
                continue
            if case(Memory(dtype, np.nan)).op in twins:
                yield Check(
                    f"op {name}",
                    dtype,
                    lambda case=case, dtype=dtype: run(case, dtype, np.nan)[1],
                    lambda opened, case=case, dtype=dtype: run_on(case, dtype, opened),
                )


def _networks():
    from cases.op_networks import CASES
    from running.network_runs import draw, gradients, trained

    def compute(network, dtype, device):
        drawn = draw(network, dtype)
        found = [*trained(network, *drawn, device), *gradients(network, *drawn, device)]
        return {f"array {number}": np.asarray(array) for number, array in enumerate(found)}

    for name, network in CASES.items():
        for dtype in DTYPES:
            yield _by_device(
                f"network {name}",
                dtype,
                lambda device, network=network, dtype=dtype: compute(network, dtype, device),
                by_launches,
            )


def by_launches(opened):
    """Opens the device without programs, each of which would be compiled for some 20 s."""
    device = opened()
    device.shared = 0
    return device


def _by_device(name, dtype, compute, opens=None):
    def on_device(opened):
        with opened_by(partial(opens, opened) if opens else opened):
            return compute("cuda")

    return Check(name, dtype, lambda: compute("cpu"), on_device)


def _estimators():
    for name, make in ESTIMATORS.items():
        for dtype in DTYPES:
            yield _by_device(
                name, dtype, lambda device, make=make, dtype=dtype: _fitted(make, dtype, device)
            )


def _fitted(make, dtype, device):
    """Parameters, loss and answers of a fit."""
    model, X, y = make(np.dtype(dtype).name, device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y)
    found = {f"parameter {n}": array for n, array in enumerate(model._parameters())}
    answers = model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)
    return {**found, "loss": np.array(model.loss_), "answers": answers}


def _values(rows, features, classes=0):
    random = np.random.default_rng(0)
    X = random.normal(size=(rows, features))
    return X, random.integers(classes, size=rows) if classes else X[:, 0] * X[:, -1]


def _classifier(dtype, device):
    """A program of one block alone."""
    from fusednn import MLPClassifier

    X, y = _values(2000, 20, 3)
    options = {"batch_size": 32, "max_iter": 3, "random_state": 0}
    return MLPClassifier((32, 32), **options, dtype=dtype, device=device), X, y


def _regressor(dtype, device):
    from fusednn import MLPRegressor

    X, y = _values(1000, 9)
    options = {"solver": "lbfgs", "max_iter": 10, "random_state": 0}
    model = MLPRegressor(hidden_layer_sizes=(16,), **options, dtype=dtype, device=device)
    return model, X, y


def _together(dtype, device):
    """A program of all blocks together."""
    from fusednn import MLPClassifier

    X, y = _values(2000, 20, 3)
    return MLPClassifier((256, 256), max_iter=2, random_state=0, dtype=dtype, device=device), X, y


def _wide(dtype, device):
    """All products take large tiles, cut in rows, columns and k."""
    from fusednn import MLPClassifier

    X, y = _values(2460, 1030, 10)
    options = {"batch_size": 1230, "max_iter": 2, "random_state": 0}
    return MLPClassifier((1100, 1100), **options, dtype=dtype, device=device), X, y


ESTIMATORS = {
    "fit of a classifier": _classifier,
    "fit by all blocks together": _together,
    "fit by L-BFGS": _regressor,
    "fit by large tiles": _wide,
}
