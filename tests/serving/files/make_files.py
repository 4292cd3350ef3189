"""Writes the files of this version of the format that later ones must read.

    PYTHONPATH=tests python tests/serving/files/make_files.py

Files of earlier versions are never written again. What they must answer stands beside them.
"""

import json
from pathlib import Path

from cases.ensembles import made, odd_people

from fusednn.serving.ensembles.predictor import TabularPredictor
from fusednn.serving.files.reading import VERSION

FOLDER = Path(__file__).with_name("written")


def main():
    """What version 10 has and version 9 has not: models of raw tables."""
    rows = odd_people().iloc[:8]
    rows = rows.astype(object).where(rows.notna(), None).to_dict("records")
    answers = {}
    for name in ("three", "quantiles"):
        predictor = TabularPredictor(made(name)[0])
        predictor.save(FOLDER / f"ensemble-{name}_{VERSION}.safetensors")
        ask = predictor.predict if name == "quantiles" else predictor.predict_proba
        answers[f"ensemble-{name}"] = {"rows": rows, "answers": ask(rows).tolist()}
    text = json.dumps(answers, ensure_ascii=False, indent=0)
    (FOLDER / f"answers_{VERSION}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
