"""Series step by step in C, under sanitizers: the stream's answers, and the whole's bits."""

import os
import subprocess

import numpy as np
import pytest
from cases.op_models import made
from cases.step_networks import CHANNELS, ops_of
from running.c_programs import (
    COMPILERS,
    SANITIZED,
    STOPS,
    TOLERANCE,
    assert_close,
    compiled,
    needs_compiler,
)

from fusednn.export.c.source import write_c
from fusednn.serving.model import MULTICLASS, MULTILABEL, VALUES, Head
from fusednn.serving.predictor import Predictor

pytestmark = needs_compiler
STEPS, SERIES = 11, 2
HEADS = {
    "LSTM": Head(MULTILABEL, "logistic", (np.array([0, 1]),)),
    "convolutions": Head(VALUES, "identity"),
    "mixed": Head(MULTICLASS, "softmax", (np.array(["a", "b", "c"]),)),
}
# the state, x and the answers end where malloc's memory does
RUN = """
#include <stdio.h>
#include <stdlib.h>
#define {macro}_DECLARATIONS
#include "{name}.c"

int main(void)
{{
    const size_t all = {macro}_N_FEATURES, each = {macro}_N_STEP_FEATURES;
    {real} *state = malloc({macro}_N_STATE * sizeof *state);
    {real} *other = malloc({macro}_N_STATE * sizeof *other);
    {real} *x = malloc(all * sizeof *x);
    {real} *logits = malloc({macro}_N_STEP_LOGITS * sizeof *logits);
    {real} *outputs = malloc({macro}_N_STEP_OUTPUTS * sizeof *outputs);
    {real} *whole = malloc({macro}_N_LOGITS * sizeof *whole);
    size_t at;
    if ({name}_reset(NULL) != {macro}_NULL_POINTER || {name}_reset(state) || {name}_reset(other))
        return 90;
    while (fread(x, sizeof *x, all, stdin) == all) {{
        for (at = 0; at < all; at += each) {{
            if ({name}_step(state, x + at, logits) || {name}_step_predict(other, x + at, outputs))
                return 91;
            fwrite(logits, sizeof *logits, {macro}_N_STEP_LOGITS, stdout);
            fwrite(outputs, sizeof *outputs, {macro}_N_STEP_OUTPUTS, stdout);
        }}
        if ({name}_step(NULL, x, logits) != {macro}_NULL_POINTER)
            return 92;
        if ({name}_logits(x, 1, whole))
            return 93;
        fwrite(whole, sizeof *whole, {macro}_N_LOGITS, stdout);
        {name}_reset(state);
        {name}_reset(other);
    }}
    free(state);
    free(other);
    free(x);
    free(logits);
    free(outputs);
    free(whole);
    return 0;
}}
"""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", HEADS)
def test_steps_answer_as_the_stream(name, dtype, tmp_path):
    model = made(ops_of(name, STEPS), HEADS[name], dtype)
    X = np.random.default_rng(1).normal(size=(SERIES, STEPS, CHANNELS)).astype(dtype)
    name = name.lower()
    write_c(model, tmp_path / f"{name}.c", name)
    real = "float" if dtype == "float32" else "double"
    (tmp_path / "main.c").write_text(RUN.format(name=name, macro=name.upper(), real=real))
    program = compiled(tmp_path, COMPILERS[0], SANITIZED, ["main.c", f"{name}.c"])
    done = subprocess.run(
        [program], input=X.tobytes(), capture_output=True, env={**os.environ, **STOPS}
    )
    assert (done.returncode, done.stderr) == (0, b"")
    predictor = Predictor(model)
    found = np.frombuffer(done.stdout, dtype).reshape(SERIES, -1)
    for series, answers in zip(X, found, strict=True):
        raw, linked = predictor.stream(), predictor.stream()
        ask = linked.predict if model.head.kind == VALUES else linked.predict_proba
        want = np.array([[raw.step(x), ask(x)[0]] for x in series])
        steps, whole = np.split(answers, [want.size])
        steps = steps.reshape(want.shape)
        np.testing.assert_array_equal(steps[-1, 0], whole[-want.shape[2] :])
        assert_close(steps, want, TOLERANCE[dtype])
