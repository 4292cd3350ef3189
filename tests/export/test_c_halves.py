"""Halves of networks without labels in C: strict compilers, sanitizers, and equal answers."""

import numpy as np
import pytest
from cases.halves import halves
from running.c_programs import (
    COMPILERS,
    SANITIZED,
    TOLERANCE,
    assert_answers,
    needs_compiler,
    run_models,
)

pytestmark = needs_compiler


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.long)])
@pytest.mark.parametrize("compiler", COMPILERS)
def test_halves_answer_as_the_estimators(compiler, dtype, tmp_path):
    made = halves(dtype)
    models = {
        name: (one.predictor.model(), one.rows.reshape(len(one.rows), -1))
        for name, one in made.items()
    }
    found = run_models(tmp_path, models, compiler, SANITIZED)
    assert_answers(models, found, dtype)
    for name, one in made.items():
        answers = found[name][0].predict.reshape(one.answers.shape)
        scale = abs(one.answers).max()
        np.testing.assert_allclose(answers, one.answers, rtol=0, atol=TOLERANCE[dtype] * scale)
