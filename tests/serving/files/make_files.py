"""Writes the files of this version of the format that later ones must read.

    PYTHONPATH=tests python tests/serving/files/make_files.py

Files of earlier versions are never written again. What they must answer stands beside them.
"""

import json
from pathlib import Path

import numpy as np
from cases.ensembles import made, odd_people
from cases.saved_models import LABELS, SCHEDULED, X, fit_quietly

from fusednn import NetworkClassifier, freeze
from fusednn.serving.ensembles.predictor import TabularPredictor
from fusednn.serving.files.reading import VERSION

FOLDER = Path(__file__).with_name("written")


def main():
    """
    What version 10 has and version 9 has not.

    That is models of raw tables, and in files of estimators the neural tangent parametrisation,
    schedules of noise and decay, and rates of biases.
    """
    answers = {**_ensembles(), **_estimator()}
    text = json.dumps(answers, ensure_ascii=False, indent=0)
    (FOLDER / f"answers_{VERSION}.json").write_text(text + "\n")


def _ensembles():
    rows = odd_people().iloc[:8]
    rows = rows.astype(object).where(rows.notna(), None).to_dict("records")
    answers = {}
    for name in ("three", "quantiles"):
        predictor = TabularPredictor(made(name)[0])
        predictor.save(FOLDER / f"ensemble-{name}_{VERSION}.safetensors")
        ask = predictor.predict if name == "quantiles" else predictor.predict_proba
        answers[f"ensemble-{name}"] = {"rows": rows, "answers": ask(rows).tolist()}
    return answers


def _estimator():
    every = fit_quietly(NetworkClassifier(**SCHEDULED), X, LABELS)
    every.save(FOLDER / f"estimator_{VERSION}.safetensors")
    answers = {"estimator": _answers(freeze(every), X)}
    fit_quietly(every.set_params(warm_start=True, warm_start_optimizer=True), X, LABELS)
    answers["estimator later"] = _answers(freeze(every), X)
    return answers


def _answers(predictor, X, **options):
    rows = X[:4].astype(predictor.dtype)
    return {
        "rows": rows.tolist(),
        "logits": predictor(rows).tolist(),
        "predictions": np.asarray(predictor.predict(rows, **options)).tolist(),
    }


if __name__ == "__main__":
    main()
