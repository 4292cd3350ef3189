"""Writes the files of this version of the format that later ones must read.

    PYTHONPATH=tests python tests/serving/make_files.py

Files of earlier versions are never written again. What they must answer stands beside them.
"""

import json
from pathlib import Path

import numpy as np
from every_kind import NUMBERS, SMALL, X, estimators, fit_quietly, others
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from fusednn import MLPRegressor, freeze
from fusednn.serving.files import VERSION

FOLDER = Path(__file__).with_name("files")


def main():
    """What version 2 has and version 1 has not: columns, `inverse`, `least` and `column`."""
    chosen = ColumnTransformer([("two", MinMaxScaler(clip=True), [4, 1]), ("one", "drop", [0])])
    pipeline = make_pipeline(chosen, MLPRegressor(hidden_layer_sizes=(4,), **SMALL))
    back = TransformedTargetRegressor(pipeline, func=np.log1p, inverse_func=np.expm1)
    fit_quietly(back, X, NUMBERS[:, np.newaxis])
    answers = {"predictor": _answers(freeze(back), X)}
    freeze(back).save(FOLDER / f"predictor_{VERSION}.safetensors", notes={"made": "here"})

    embedding, *data = others()["codes apart"]
    fit_quietly(embedding, *data)
    answers["embedding"] = _answers(freeze(embedding), data[0])
    freeze(embedding).save(FOLDER / f"embedding_{VERSION}.safetensors")

    gaussian, *data = estimators()["gaussian"]
    fit_quietly(gaussian.set_params(max_iter=9), *data)
    gaussian.save(FOLDER / f"estimator_{VERSION}.safetensors")
    answers["estimator"] = _answers(freeze(gaussian), X, return_std=True)
    fit_quietly(gaussian.set_params(warm_start=True, warm_start_optimizer=True), *data)
    answers["estimator later"] = _answers(freeze(gaussian), X)
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
