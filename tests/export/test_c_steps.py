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

from fusednn import NetworkClassifier, freeze
from fusednn.export.c.source import write_c
from fusednn.layers import PositionalEncoding, TokenEmbedding, TransformerBlock
from fusednn.serving.model import MULTICLASS, MULTILABEL, VALUES, Head
from fusednn.serving.predictor import Predictor

pytestmark = needs_compiler
STEPS, SERIES = 11, 2
HEADS = {
    "LSTM": Head(MULTILABEL, "logistic", (np.array([0, 1]),)),
    "convolutions": Head(VALUES, "identity"),
    "mixed": Head(MULTICLASS, "softmax", (np.array(["a", "b", "c"]),)),
    "rotary attention": Head(VALUES, "identity"),
    "learned positions": Head(VALUES, "identity"),
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


@pytest.mark.thinned
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", HEADS)
def test_steps_answer_as_the_stream(name, dtype, tmp_path):
    model = made(ops_of(name, STEPS), HEADS[name], dtype)
    X = np.random.default_rng(1).normal(size=(SERIES, STEPS, CHANNELS)).astype(dtype)
    name = name.lower().replace(" ", "_")
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


# a state for each series; the answers are those of all steps, then the status of one more
RUN_ON = """
#include <stdio.h>
#include "{name}.c"

int main(void)
{{
    static {real} state[{macro}_N_STATE], x[{macro}_N_STEP_FEATURES], out[{macro}_N_STEP_LOGITS];
    {name}_reset(state);
    while (fread(x, sizeof *x, {macro}_N_STEP_FEATURES, stdin) == {macro}_N_STEP_FEATURES) {{
        const int status = {name}_step(state, x, out);
        if (status)
            return status;
        fwrite(out, sizeof *out, {macro}_N_STEP_LOGITS, stdout);
    }}
    return 0;
}}
"""


def run_on(model, X, folder, name):
    """The status and the answers of a C program that takes one step after the other."""
    write_c(model, folder / f"{name}.c", name)
    real = "float" if X.dtype == np.float32 else "double"
    text = RUN_ON.format(name=name, macro=name.upper(), real=real)
    (folder / "main.c").write_text(text)
    program = compiled(folder, COMPILERS[0], SANITIZED, ["main.c"])
    done = subprocess.run(
        [program], input=X.tobytes(), capture_output=True, env={**os.environ, **STOPS}
    )
    assert done.stderr == b""
    return done.returncode, np.frombuffer(done.stdout, X.dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_attention_slides(dtype, tmp_path):
    """Behind the fitted steps, three times around the rings."""
    model = made(ops_of("rotary attention", 5), Head(VALUES, "identity"), dtype)
    X = np.random.default_rng(1).normal(size=(17, CHANNELS)).astype(dtype)
    status, found = run_on(model, X, tmp_path, "slides")
    stream = Predictor(model).stream()
    want = np.array([stream.step(x) for x in X])
    assert status == 0
    assert_close(found.reshape(want.shape), want, TOLERANCE[dtype])


def test_tokens_until_positions_end(tmp_path):
    codes = np.random.default_rng(0).integers(0, 7, size=(20, 5))
    layers = [TokenEmbedding(8, count=7), PositionalEncoding(), TransformerBlock(2, causal=True)]
    model = NetworkClassifier(layers, random_state=0).initialize(codes, codes)
    predictor = freeze(model)
    series = np.append(codes[0], 1).astype(np.float32)
    status, found = run_on(predictor.model(), series, tmp_path, "tokens")
    assert status == 4  # TOO_MANY_STEPS of the sixth
    want = predictor.stream().steps(codes[0])
    assert_close(found.reshape(want.shape), want, TOLERANCE["float32"])
