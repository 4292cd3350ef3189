"""Writes the files of this version of the format that later ones must read.

    PYTHONPATH=tests python tests/serving/files/make_files.py

Files of earlier versions are never written again. What they must answer stands beside them.
"""

import json
from pathlib import Path

import numpy as np
from cases.saved_models import CODES, NUMBERS, SMALL, X, estimators, fit_quietly
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from fusednn import NetworkRegressor, freeze
from fusednn.layers import (
    AvgPool1D,
    BatchNorm,
    Conv1D,
    ConvTranspose1D,
    Embedding,
    Flatten,
    GlobalMaxPool,
    LayerNorm,
    Reshape,
    Residual,
    UpSample1D,
)
from fusednn.serving.files.reading import VERSION

FOLDER = Path(__file__).with_name("written")
SERIES = [
    Reshape(5, 1),
    Conv1D(3, 2, "tanh", padding=(1, 2), dilation=2),
    Residual([BatchNorm(), Conv1D(3, 3, "relu"), LayerNorm()]),
    Residual([ConvTranspose1D(3, 2, "silu", stride=2, groups=3)], shortcut=[UpSample1D(2)]),
    AvgPool1D(3, 2, padding=1, ceil_mode=True),
    Flatten(),
]


def main():
    """What version 4 has and version 3 has not: the ops of windows, and shortcuts."""
    pipeline = make_pipeline(MinMaxScaler(), NetworkRegressor(SERIES, **SMALL))
    fit_quietly(pipeline, X, NUMBERS)
    answers = {"predictor": _answers(freeze(pipeline), X)}
    freeze(pipeline).save(FOLDER / f"predictor_{VERSION}.safetensors", notes={"made": "here"})

    layers = [Embedding([5], size=3), Reshape(4, 2), Conv1D(3, 2, "silu"), GlobalMaxPool()]
    embedding = fit_quietly(NetworkRegressor(layers, **SMALL), CODES, NUMBERS)
    answers["embedding"] = _answers(freeze(embedding), CODES)
    freeze(embedding).save(FOLDER / f"embedding_{VERSION}.safetensors")

    every, *data = estimators()["windows"]
    fit_quietly(every.set_params(max_iter=9), *data)
    every.save(FOLDER / f"estimator_{VERSION}.safetensors")
    answers["estimator"] = _answers(freeze(every), X)
    fit_quietly(every.set_params(warm_start=True, warm_start_optimizer=True), *data)
    answers["estimator later"] = _answers(freeze(every), X)
    text = json.dumps(answers, ensure_ascii=False, indent=0)
    (FOLDER / f"answers_{VERSION}.json").write_text(text + "\n")


def _answers(predictor, X, **options):
    rows = X[:4].astype(predictor.dtype)
    return {
        "rows": rows.tolist(),
        "logits": predictor(rows).tolist(),
        "predictions": np.asarray(predictor.predict(rows, **options)).tolist(),
    }


if __name__ == "__main__":
    main()
