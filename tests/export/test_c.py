"""The C file: strict compilers take it in silence, sanitizers find nothing, answers agree."""

import numpy as np
import pytest
from cases.op_models import activation_models, head_models, layer_models
from oracles import reference
from running.c_programs import (
    COMPILERS,
    FAST,
    SANITIZED,
    assert_answers,
    needs_compiler,
    run_models,
)

GROUPS = {"activations": activation_models, "layers": layer_models, "heads": head_models}

pytestmark = [
    needs_compiler,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


@pytest.mark.thinned
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("group", GROUPS)
def test_answers_as_the_predictor(group, compiler, dtype, tmp_path):
    models = GROUPS[group](dtype)
    assert_answers(models, run_models(tmp_path, models, compiler, SANITIZED), dtype)


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("compiler", COMPILERS)
def test_optimised_code_answers_the_same(compiler, dtype, tmp_path):
    models = layer_models(dtype)
    assert_answers(models, run_models(tmp_path, models, compiler, FAST), dtype)


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.long)])
def test_activations_are_those_of_the_books(dtype, tmp_path):
    """Against float64 NumPy and SciPy, to a few units in the last place but for tiny results."""
    models = activation_models(dtype)
    models = {name: one for name, one in models.items() if "slope" not in name}
    found = run_models(tmp_path, models, COMPILERS[0], FAST)
    for name, (_, X) in models.items():
        z = X.astype(dtype).astype(float)
        expected = getattr(reference, f"{name.removesuffix(f'_{dtype}')}_forward")(z)
        error = np.abs(found[name][0].predict - expected)
        allowed = 20 * np.finfo(dtype).eps * np.abs(expected) + 20 * np.finfo(dtype).eps ** 2
        assert (error <= allowed).all(), (name, z[error > allowed], error[error > allowed])
