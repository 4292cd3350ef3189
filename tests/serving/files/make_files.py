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
    Dense,
    Flatten,
    MultiHeadAttention,
    PositionalEncoding,
    Residual,
    TransformerBlock,
)
from fusednn.serving.files.reading import VERSION

FOLDER = Path(__file__).with_name("written")
SERIES = [
    Dense(4),
    PositionalEncoding(),
    PositionalEncoding("rotary"),
    Residual([MultiHeadAttention(2, True, kv_heads=1)]),
    TransformerBlock(1, 3, "swiglu", norm_first=False),
    Flatten(),
]


def main():
    """What version 7 has and version 6 has not: attention."""
    series = fit_quietly(NetworkRegressor(SERIES, **SMALL), X[:, :, np.newaxis], NUMBERS)
    answers = {"predictor": _answers(freeze(series), X[:, :, np.newaxis])}
    freeze(series).save(FOLDER / f"predictor_{VERSION}.safetensors", notes={"made": "here"})

    pairs = X[:, :4].reshape(-1, 2, 2)
    layers = [TransformerBlock(2, 3, "relu"), PositionalEncoding("sinusoidal"), Flatten()]
    every = NetworkRegressor(layers, **SMALL)
    fit_quietly(every.set_params(max_iter=9), pairs, NUMBERS)
    every.save(FOLDER / f"estimator_{VERSION}.safetensors")
    answers["estimator"] = _answers(freeze(every), pairs)
    fit_quietly(every.set_params(warm_start=True, warm_start_optimizer=True), pairs, NUMBERS)
    answers["estimator later"] = _answers(freeze(every), pairs)
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
