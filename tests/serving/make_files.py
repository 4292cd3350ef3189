"""Writes the files of this version of the format that later ones must read.

    PYTHONPATH=tests python tests/serving/make_files.py

Files of earlier versions are never written again. What they must answer stands beside them.
"""

import json
from pathlib import Path

import numpy as np
from every_kind import CODES, LABELS, NUMBERS, WORDS, X, estimators, fit_quietly
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from fusednn import NetworkClassifier, NetworkRegressor, freeze
from fusednn.layers import BatchNorm, Dense, Embedding, LayerNorm, PReLU, Residual
from fusednn.serving.files import VERSION

FOLDER = Path(__file__).with_name("files")


def main():
    block = Residual([LayerNorm(), Dense(5, "leaky_relu"), BatchNorm(), PReLU(), Dense(5)])
    network = NetworkClassifier([Dense(5, "tanh"), block], max_iter=5, random_state=0)
    pipeline = fit_quietly(make_pipeline(MinMaxScaler(clip=True), network), X, WORDS[LABELS])
    answers = {"predictor": _answers(freeze(pipeline), X)}
    freeze(pipeline).save(FOLDER / f"predictor_{VERSION}.safetensors", notes={"made": "here"})

    embedding = NetworkRegressor([Embedding([5]), Dense(4, "gelu")], max_iter=5, random_state=0)
    fit_quietly(embedding, CODES.astype("f4"), NUMBERS)
    answers["embedding"] = _answers(freeze(embedding), CODES)
    freeze(embedding).save(FOLDER / f"embedding_{VERSION}.safetensors")

    options, *data = estimators()["options"]
    fit_quietly(options.set_params(max_iter=9), *data)
    options.save(FOLDER / f"estimator_{VERSION}.safetensors")
    answers["estimator"] = _answers(freeze(options), X)
    fit_quietly(options.set_params(warm_start=True, warm_start_optimizer=True), *data)
    answers["estimator later"] = _answers(freeze(options), X)
    text = json.dumps(answers, ensure_ascii=False, indent=0)
    (FOLDER / f"answers_{VERSION}.json").write_text(text + "\n")


def _answers(predictor, X):
    rows = X[:4].astype(predictor.dtype)
    return {
        "rows": rows.tolist(),
        "logits": predictor(rows).tolist(),
        "predictions": np.asarray(predictor.predict(rows)).tolist(),
    }


if __name__ == "__main__":
    main()
