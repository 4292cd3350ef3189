"""Fits of tiny networks of many kinds, for devices: a model, samples and targets by names."""

import numpy as np
from scipy import sparse

from fusednn import (
    GAN,
    Autoencoder,
    MLPClassifier,
    MLPRegressor,
    NetworkClassifier,
    VariationalAutoencoder,
)
from fusednn.augment import Crop, Jitter, Stretch
from fusednn.layers import (
    GRU,
    BatchNorm,
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAvgPool,
    LayerNorm,
    MaxPool2D,
    Periodic,
    PiecewiseLinear,
)

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(23, 3))
LABELS, VALUES = (X[:, 0] > 0).astype(int), X[:, 1] * X[:, 2]
SERIES = RANDOM.normal(size=(23, 5, 2))
FEW = {"batch_size": 9, "max_iter": 2, "random_state": 0}
RAGGED = np.where(np.arange(5)[:, None] < RANDOM.integers(1, 6, (23, 1, 1)), SERIES, np.nan)
COLOURS = RANDOM.normal(size=(8, 4, 4, 3))
IMAGES = RANDOM.normal(size=(8, 5, 4, 1))
TINY = {"batch_size": 9, "max_iter": 2, "random_state": 0, "tol": 0.0}
FITS = {
    "float32": (MLPClassifier((5, 4), dtype="float32", **TINY), X, LABELS),
    "float64": (MLPRegressor(hidden_layer_sizes=(4,), activation="tanh", **TINY), X, VALUES),
    "noise": (MLPClassifier((4,), dropout=0.3, normalization="batch", **TINY), X, LABELS),
    "sgd": (
        MLPRegressor(hidden_layer_sizes=(4,), solver="sgd", clip_norm=0.1, ema_decay=0.9, **TINY),
        X,
        VALUES,
    ),
    "Periodic": (
        NetworkClassifier([Periodic(4, 3), Dropout(0.2), Dense(4, "relu")], **TINY),
        X,
        LABELS,
    ),
    "periodic sines": (
        NetworkClassifier(
            [Dense(3, "tanh"), Periodic(3, 2, kind="plr"), Dense(3)], dtype="float32", **TINY
        ),
        X,
        LABELS,
    ),
    "bins": (NetworkClassifier([PiecewiseLinear(4), Dense(4, "relu")], **TINY), X, LABELS),
    "embedded bins": (NetworkClassifier([PiecewiseLinear(4, 3), Dense(3)], **TINY), X, LABELS),
    "augmentations": (
        NetworkClassifier([Flatten()], augment=[Stretch(0.3), Crop(4), Jitter(0.1)], **TINY),
        SERIES,
        LABELS,
    ),
    "drawn codes": (VariationalAutoencoder([Dense(4), Dense(2)], [Dense(3)], **FEW), X, None),
    "a game": (GAN([Dense(4), Dense(3)], [Dense(4, "relu")], 2, penalty=1.0, **FEW), X, LABELS),
    "bounded weights": (
        GAN([Dense(3)], [Dense(4, "relu"), Dense(2)], 2, loss="wasserstein", **FEW),
        X,
        None,
    ),
    "spectral norm": (
        GAN([Dense(3)], [Dense(4), Dense(2)], 2, spectral_norm=True, dtype="float32", **FEW),
        X,
        None,
    ),
    "tables": (
        NetworkClassifier([Embedding([0], [3]), Dense(4, "relu")], **TINY),
        np.c_[np.arange(23) % 3, X],
        LABELS,
    ),
    "early stopping": (MLPClassifier((4,), early_stopping=True, **TINY), X, LABELS),
    "L-BFGS": (MLPClassifier((4,), solver="lbfgs", max_iter=3, random_state=0), X, LABELS),
    "tied": (Autoencoder([Dense(4, "relu")], tied=True, **TINY), X, None),
    "CSR": (MLPClassifier((5,), **TINY), sparse.csr_matrix(X * (X > 0)), LABELS),
    "series": (
        NetworkClassifier([Conv1D(3, 2, "relu"), Dense(4), GRU(3), Dense(3)], **TINY),
        RAGGED,
        LABELS,
    ),
    "groups": (
        NetworkClassifier(
            [
                Conv2D(6, 2, "relu", padding="same", groups=3),
                ConvTranspose2D(4, 2, groups=2),
                Conv2D(4, 2, groups=4),
                Flatten(),
            ],
            **{**TINY, "batch_size": 5},
        ),
        COLOURS,
        LABELS[: len(COLOURS)],
    ),
    "images": (
        NetworkClassifier(
            [
                *(Conv2D(3, 3, "relu", padding="same"), BatchNorm(), MaxPool2D(2)),
                *(Conv2D(6, 2, groups=3), ConvTranspose2D(2, 2, "relu"), Flatten(), Dense(3)),
            ],
            **{**TINY, "batch_size": 5},
        ),
        IMAGES,
        LABELS[: len(IMAGES)],
    ),
    "a convolution": (
        NetworkClassifier([Conv1D(3, 2, "relu"), GlobalAvgPool(), LayerNorm(), Dense(3)], **TINY),
        SERIES,
        LABELS,
    ),
}
