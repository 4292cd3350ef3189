"""Language models in C: windows, and one token after the other."""

import pytest
from cases.small_language_models import CODES, LISTS, fitted, model_of
from running.c_programs import COMPILERS, SANITIZED, assert_answers, needs_compiler, run_models

from fusednn import export_c, freeze

pytestmark = needs_compiler


def test_answers_are_those_of_the_model(tmp_path):
    models = {}
    for number, name in enumerate(LISTS):
        model = fitted(model_of(name, dtype="float64"), CODES)
        models[f"language{number}"] = freeze(model).model(), CODES[:156].reshape(13, 12)
    assert_answers(models, run_models(tmp_path, models, COMPILERS[0], SANITIZED), "float64")


@pytest.mark.parametrize("name", ["attention", "recurrence"])
def test_a_table_is_written_once(name, tmp_path):
    model = fitted(model_of(name), CODES)
    export_c(model, tmp_path / "model.c")
    text = (tmp_path / "model.c").read_text()
    assert text.count("static const float model_vectors_") == 1
    assert "model_tied(" in text
    assert "int model_step(" in text
