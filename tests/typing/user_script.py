"""A user's program. `.ci/run types` has mypy check it against the installed wheel.

`assert_type` fails where mypy sees another type, such as Any. In `refused` an ignored error that
mypy does not find is an error.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import fusednn
from fusednn import (
    LossCurveDisplay,
    MLPClassifier,
    MLPRegressor,
    NetworkClassifier,
    NetworkRegressor,
    Predictor,
    TabularClassifier,
    TabularPredictor,
    TabularRegressor,
    freeze,
    kernels,
    load,
)
from fusednn.layers import BatchNorm, Dense, Dropout, Layer, Reshape
from fusednn.losses import CrossEntropy, Quantile
from fusednn.optimizers import AdamW
from fusednn.schedules import Cosine, WarmUp

Floats = NDArray[np.floating[Any]]

X = np.random.default_rng(0).normal(size=(60, 4))
y = np.arange(60) % 3
t = X.sum(axis=1)


def classify(folder: Path) -> None:
    clf = MLPClassifier(
        (8,),
        "relu",
        solver=AdamW(weight_decay=0.1),
        learning_rate=WarmUp(2, then=Cosine()),
        loss=CrossEntropy(label_smoothing=0.1),
        class_weight={0: 1.0, 1: 2.0, 2: 1},
        random_state=np.random.RandomState(0),
        max_iter=2,
        tol=0,
        n_iter_no_change=np.inf,
    )
    assert_type(clf.fit(X, y), MLPClassifier)
    assert_type(clf.fit(X.tolist(), y.tolist(), X_val=X, y_val=y), MLPClassifier)
    assert_type(clf.partial_fit(X, y, classes=[0, 1, 2]), MLPClassifier)
    assert_type(clf.predict(X), NDArray[Any])
    assert_type(clf.predict_proba(X), Floats | Any)
    assert_type(clf.predict_logits(X), Floats)
    assert_type(clf.score(X, y), float)
    assert_type(clf.coefs_, list[Floats])
    assert_type(clf.loss_curve_, list[float])
    assert_type(clf.classes_, NDArray[Any] | Any)
    loss, coefs, intercepts = clf.loss_and_gradient(X, y)
    assert_type(loss, float)
    assert_type(coefs, list[Floats])
    assert_type(intercepts, list[Floats])
    *_, dx = clf.loss_and_gradient(X, y, inputs=True)
    print(clf.predict_proba(X)[:, 1].max(), clf.classes_.tolist(), dx)

    clf.save(folder / "model", notes={"made": "here"})
    assert_type(MLPClassifier.load(folder / "model"), MLPClassifier)
    predictor = load(folder / "model", n_jobs=1)
    assert_type(predictor, Predictor | Any)  # or a TabularPredictor
    assert isinstance(predictor, Predictor)
    assert_type(predictor(X), Floats)
    assert_type(predictor.predict(X[0]), NDArray[Any])
    assert_type(predictor.notes, dict[str, Any])
    assert_type(freeze(clf, weights=None), Predictor | Any)  # or a TabularPredictor


def regress() -> None:
    reg = MLPRegressor("gaussian", solver="adam", dtype="float32", max_iter=2, tol=0)
    assert_type(reg.fit(X, t), MLPRegressor)
    assert_type(reg.predict(X), Floats)
    mean, std = reg.predict(X, return_std=True)
    assert_type(mean, Floats)
    assert_type(std, Floats)
    frozen = freeze(reg)
    assert isinstance(frozen, Predictor)
    mean, std = frozen.predict(X, return_std=True)
    assert_type(std, Floats)


def read_tables(folder: Path) -> None:
    rows = [{"n": i, "town": "Rome" if i % 3 else None} for i in range(40)]
    clf = TabularClassifier("fast", random_state=0)
    assert_type(clf.fit(rows, [i % 2 for i in range(40)]), TabularClassifier)
    predictor = freeze(clf)
    assert isinstance(predictor, TabularPredictor)
    assert_type(predictor.predict_proba({"n": 3, "town": "Oslo"}), NDArray[np.float64])
    reg = TabularRegressor("fast", random_state=0, time_limit=2).fit(rows, [*range(40)])
    frozen = freeze(reg)
    assert isinstance(frozen, TabularPredictor)
    mean, std = frozen.predict(rows, return_std=True)
    assert_type(std, NDArray[np.float64])
    reg.save(folder / "table", notes={"made": "here"})
    assert_type(TabularRegressor.load(folder / "table"), TabularRegressor)
    print(mean[:1], predictor.classes_.tolist())


def choose_layers() -> None:
    layers: list[Layer] = [Dense(8, "relu"), BatchNorm(), Dropout(0.2)]
    net = NetworkClassifier(layers, learning_rate=lambda epoch: 0.9**epoch, max_iter=2, tol=0)
    assert_type(net.initialize(X, y), NetworkClassifier)
    assert_type(net.fit(X, y), NetworkClassifier)
    assert_type(net.set_weights(net.get_weights()), NetworkClassifier)
    assert_type(net.layers_, tuple[Layer, ...])
    quantiles = NetworkRegressor([Dense(8)], loss=Quantile((0.1, 0.9)), max_iter=2, tol=0)
    assert_type(quantiles.fit(X, t).predict(X), Floats)
    assert_type(quantiles.loss_and_gradient(X, t)[0], float)


def call_kernels() -> None:
    out, w, b = np.empty((60, 2)), np.ones((4, 2)), np.zeros(2)
    code = kernels.ACTIVATIONS["relu"].code
    assert_type(code, int | None)
    assert code is not None
    kernels.dense_forward(out, X, w, b, code)
    assert_type(kernels.exp(0.0), float)


def refused(clf: MLPClassifier) -> None:
    """Mistakes; only type checkers read this."""
    MLPClassifier(solver="admw")  # type: ignore[arg-type]  # no such solver
    MLPClassifier(hidden_layer_sizes="100")  # type: ignore[arg-type]  # a string
    NetworkClassifier([8])  # type: ignore[list-item]  # no layer
    clf.fit(X)  # type: ignore[call-arg]  # no y
    clf.fit(None, y)  # type: ignore[arg-type]  # no X
    clf.predict(X).fit()  # type: ignore[attr-defined]  # an array
    freeze(clf, weights="int4")  # type: ignore[arg-type]  # no such weights
    load(3)  # type: ignore[arg-type]  # no path
    Reshape(28, "28")  # type: ignore[arg-type]  # a string
    LossCurveDisplay(losses=1.0)  # type: ignore[arg-type]  # no list
    print(fusednn.MLPClasifier)  # type: ignore[attr-defined]  # misspelled


def main() -> None:
    with TemporaryDirectory() as folder:
        classify(Path(folder))
        read_tables(Path(folder))
    regress()
    choose_layers()
    call_kernels()
    print(fusednn.__version__, file=sys.stderr)


if __name__ == "__main__":
    main()
