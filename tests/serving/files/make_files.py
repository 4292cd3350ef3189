"""Writes the files of this version of the format that later ones must read.

    PYTHONPATH=tests python tests/serving/files/make_files.py

Files of earlier versions are never written again. What they must answer stands beside them.
"""

import json
from pathlib import Path

import numpy as np
from cases.saved_models import NUMBERS, SMALL, X, fit_quietly

from fusednn import NetworkRegressor, freeze
from fusednn.layers import (
    AvgPool1D,
    BatchNorm,
    Conv1D,
    Conv2D,
    ConvTranspose1D,
    Flatten,
    LayerNorm,
    Residual,
    UpSample1D,
)
from fusednn.serving.files.reading import VERSION

FOLDER = Path(__file__).with_name("written")
SERIES = [
    Conv1D(3, 2, "tanh", padding=(1, 2), dilation=2),
    Residual([BatchNorm(), Conv1D(3, 3, "relu"), LayerNorm()]),
    Residual([ConvTranspose1D(3, 2, "silu", stride=2, groups=3)], shortcut=[UpSample1D(2)]),
    AvgPool1D(3, 2, padding=1, ceil_mode=True),
    Flatten(),
]


def main():
    """What version 5 has and version 4 has not: samples with axes."""
    series = fit_quietly(NetworkRegressor(SERIES, **SMALL), X[:, :, np.newaxis], NUMBERS)
    answers = {"predictor": _answers(freeze(series), X[:, :, np.newaxis])}
    freeze(series).save(FOLDER / f"predictor_{VERSION}.safetensors", notes={"made": "here"})

    images = X[:, :4].reshape(-1, 2, 2)
    every = NetworkRegressor([Conv2D(3, 2, "relu"), Flatten()], standardize=True, **SMALL)
    fit_quietly(every.set_params(max_iter=9), images, NUMBERS)
    every.save(FOLDER / f"estimator_{VERSION}.safetensors")
    answers["estimator"] = _answers(freeze(every), images)
    fit_quietly(every.set_params(warm_start=True, warm_start_optimizer=True), images, NUMBERS)
    answers["estimator later"] = _answers(freeze(every), images)
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
