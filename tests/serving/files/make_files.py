"""Writes the files of this version of the format that later ones must read.

    PYTHONPATH=tests python tests/serving/files/make_files.py

Files of earlier versions are never written again. What they must answer stands beside them.
"""

import json
from pathlib import Path

import numpy as np
from cases.saved_models import LABELS, SMALL, TABULAR, X, fit_quietly

from fusednn import NetworkClassifier, freeze
from fusednn.serving.files.reading import VERSION

FOLDER = Path(__file__).with_name("written")


def main():
    """What version 9 has and version 8 has not: layers for columns of tables."""
    every = fit_quietly(NetworkClassifier(TABULAR, **SMALL), X, LABELS)
    every.save(FOLDER / f"estimator_{VERSION}.safetensors")
    freeze(every).save(FOLDER / f"predictor_{VERSION}.safetensors")
    answers = {kind: _answers(freeze(every), X) for kind in ("predictor", "estimator")}
    fit_quietly(every.set_params(warm_start=True, warm_start_optimizer=True), X, LABELS)
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
