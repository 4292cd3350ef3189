"""Prints digests of what was trained, answered and written here; a script for other processes."""

import hashlib
import json
import tempfile
import warnings
from pathlib import Path

import numpy as np
import scipy.linalg  # noqa: F401 - loads SciPy's BLAS, which is told of
from sklearn.neural_network import MLPRegressor as Theirs
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
from threadpoolctl import threadpool_info

from fusednn import (
    MLPClassifier,
    MLPRegressor,
    NetworkClassifier,
    NetworkRegressor,
    export_c,
    freeze,
)
from fusednn.layers import BatchNorm, Dense, Residual
from fusednn.optimizers import NAdam
from fusednn.schedules import Cosine, Exponential

SHORT = {"max_iter": 4, "random_state": 0}
WIDE = {"hidden_layer_sizes": (33,), **SHORT}
LAYERS = [
    BatchNorm(),
    Dense(31, "tanh", weight_norm=True),
    BatchNorm(),
    Residual([Dense(31, "relu"), BatchNorm()]),
    Dense(5, "relu"),
    BatchNorm(),
]
MODELS = {
    "float64": MLPRegressor(standardize=True, **WIDE),
    "float32": MLPClassifier(standardize=True, dtype="float32", **WIDE),
    "many steps": MLPRegressor(batch_size=10, **WIDE),
    "averages": MLPClassifier(standardize=True, ema_decay=0.9, **WIDE),
    "stopping": MLPRegressor(standardize=True, early_stopping=True, **WIDE),
    "network": NetworkRegressor(LAYERS, standardize=True, **SHORT),
    "classes": NetworkClassifier(LAYERS, dtype="float32", **SHORT),
    "nadam": MLPRegressor(solver=NAdam(), learning_rate=Exponential(0.99), **WIDE),
    "cosine": MLPRegressor(solver="sgd", learning_rate=Cosine(), **WIDE),
    "standard": make_pipeline(StandardScaler(), MLPRegressor(**WIDE)),
    "range": make_pipeline(MinMaxScaler((-1, 3)), MLPRegressor(**WIDE)),
    "robust": make_pipeline(RobustScaler(), MLPClassifier(**WIDE)),
}


def digest(*arrays):
    """A digest of the bytes of arrays."""
    parts = (np.ascontiguousarray(array).tobytes() for array in arrays)
    return hashlib.sha256(b"".join(parts)).hexdigest()[:12]


def trained(model):
    """The weights of an estimator, or of the last of a pipeline, and its losses."""
    model = model[-1] if hasattr(model, "steps") else model
    return [*model._parameters(), np.array(model.loss_curve_)]


def written(model):
    """The bytes of files."""
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder) / "model.safetensors", Path(folder) / "model.c"
        freeze(model).save(paths[0])
        export_c(model, paths[1])
        return [np.frombuffer(path.read_bytes(), np.uint8) for path in paths]


def everything():
    """Digests by name, and what does depend on the CPU."""
    warnings.simplefilter("ignore")
    rng = np.random.RandomState(0)
    X = rng.uniform(-2, 5, size=(150, 67)) * rng.uniform(0.1, 9, size=67)
    y = X[:, :5].sum(axis=1) / 9
    found = {}
    for name, model in MODELS.items():
        model.fit(X, y > y.mean() if hasattr(model, "predict_proba") else y)
        frozen = freeze(model)
        rows = X.astype(frozen.dtype)
        found[name] = {
            "trained": digest(*trained(model)),
            "answers": digest(model.predict(X), frozen(rows), frozen(rows[3])),
            "files": digest(*written(model)),
        }
    theirs = make_pipeline(StandardScaler(), Theirs(**WIDE)).fit(X, y)
    for array in theirs[-1].coefs_ + theirs[-1].intercepts_:  # BLAS trained it
        array[:] = rng.uniform(-1, 1, array.shape)
    found["scikit-learn's"] = digest(freeze(theirs)(X))
    kernels = [one["architecture"] for one in threadpool_info() if "architecture" in one]
    points = np.linspace(-9, 9, 999)
    return {
        "found": found,
        "kernels": sorted(kernels),
        "product": digest(X.T @ X),
        "function": digest(np.exp(points), np.exp(points.astype(np.float32))),
    }


if __name__ == "__main__":
    print(json.dumps(everything()))
