"""Writes the files of this version of the format that later ones must read.

    PYTHONPATH=tests python tests/serving/files/make_files.py

Files of earlier versions are never written again. What they must answer stands beside them.
"""

import json
from pathlib import Path

import numpy as np
from cases.saved_models import SMALL, X, fit_quietly

from fusednn import VariationalAutoencoder, freeze
from fusednn.layers import Dense
from fusednn.serving.files.reading import VERSION

FOLDER = Path(__file__).with_name("written")


def main():
    """What version 8 has and version 7 has not: drawn codes, which predictors do not have."""
    layers = [Dense(5, "tanh")], [Dense(4, "relu"), Dense(X.shape[1])]
    options = {name: value for name, value in SMALL.items() if name != "standardize"}
    every = VariationalAutoencoder(*layers, latent=2, beta=0.5, **options)
    fit_quietly(every, X, None)
    every.save(FOLDER / f"estimator_{VERSION}.safetensors")
    answers = {"estimator": _answers(freeze(every), X)}
    fit_quietly(every.set_params(warm_start=True, warm_start_optimizer=True), X, None)
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
