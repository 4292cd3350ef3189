"""Language models in C: windows, and one token after the other."""

import numpy as np
import pytest
from cases.small_language_models import CODES, LISTS, fitted, model_of
from running.c_programs import (
    COMPILERS,
    SANITIZED,
    TOLERANCE,
    assert_answers,
    assert_close,
    needs_compiler,
    run_models,
)
from test_c_steps import run_on

from fusednn import export_c, freeze

pytestmark = needs_compiler


DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


@DTYPES
def test_answers_are_those_of_the_model(dtype, tmp_path):
    models = {}
    for number, name in enumerate(LISTS):
        model = fitted(model_of(name, dtype=dtype), CODES)
        models[f"language{number}"] = freeze(model).model(), CODES[:156].reshape(13, 12)
    assert_answers(models, run_models(tmp_path, models, COMPILERS[0], SANITIZED), dtype)


@DTYPES
@pytest.mark.parametrize("name", LISTS)
def test_tokens_one_after_the_other(name, dtype, tmp_path):
    """Longer than the context too, behind which attention slides."""
    predictor = freeze(fitted(model_of(name, dtype=dtype), CODES))
    status, found = run_on(predictor.model(), CODES[:30].astype(dtype), tmp_path, "writer")
    assert status == 0
    want = predictor.stream().steps(CODES[:30])
    assert_close(found.reshape(want.shape), want, TOLERANCE[dtype])


def test_rounded_weights_are_written_as_they_are(tmp_path):
    """In float32, the table too."""
    predictor = freeze(fitted(model_of("attention"), CODES), weights="bfloat16")
    model, X = predictor.model(), CODES[:24].reshape(2, 12)
    assert not (model.arrays[0].view(np.uint32) & 0xFFFF).any()
    models = {"rounded": (model, X)}
    [(answers, *_)] = run_models(tmp_path, models, COMPILERS[0], SANITIZED).values()
    want = predictor(X).reshape(2, -1)
    assert_close(answers.logits, want, TOLERANCE["float32"])


@pytest.mark.parametrize("name", ["attention", "recurrence"])
def test_a_table_is_written_once(name, tmp_path):
    model = fitted(model_of(name), CODES)
    export_c(model, tmp_path / "model.c")
    text = (tmp_path / "model.c").read_text()
    assert text.count("static const float model_vectors_") == 1
    assert "model_tied(" in text
    assert "int model_step(" in text
