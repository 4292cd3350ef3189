"""C programs that run exported networks: compiled strictly, and with sanitizers."""

import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import NamedTuple

import numpy as np
import pytest

from fusednn.export.c.interface import has_std, interface_of
from fusednn.export.c.source import write_c
from fusednn.serving.model import MULTILABEL, VALUES, output_axes
from fusednn.serving.predictor import Predictor

COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]
STRICT = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror"]
SANITIZED = [
    "-O1",
    "-fsanitize=address,undefined,float-cast-overflow",
    "-fno-sanitize-recover=all",
]
FAST = ["-O3", "-march=native", "-ffp-contract=fast"]
TOLERANCE = {"float32": 1e-5, "float64": 1e-13}
"""A share of the largest answer."""
CHUNKS = 1, 3, 13
"""Rows at a time, besides all at once."""

needs_compiler = pytest.mark.skipif(not COMPILERS, reason="neither gcc nor clang is here")

# x and the answers end where malloc's memory does, and begin where no vector would
RUN = """
#define {macro}DECLARATIONS
#include "{name}.c"

static int run_{name}(size_t n)
{{
    static const size_t chunks[] = {{0, {chunks}}};
    const size_t width = {macro}N_FEATURES;
    {real} *base = malloc((n * width + 1) * sizeof *base), *x = base + 1;
    size_t k, at, rows;
    if (fread(x, sizeof *x, n * width, stdin) != n * width)
        return 91;
    if ({name}_check(x, n) != {macro}OK)
        return 92;
    for (k = 0; k < sizeof chunks / sizeof *chunks; k++) {{
        for (at = 0; at < n; at += rows) {{
            rows = chunks[k] && chunks[k] < n - at ? chunks[k] : n - at;
            {answers}
        }}
    }}
    free(base);
    return {name}_predict(NULL, 0, NULL);
}}
"""
ANSWER = """{{
                {type} *out = malloc(rows * {columns} * sizeof *out);
                if ({function}(x + at * width, rows, out) != 0)
                    return 93;
                fwrite(out, sizeof *out, rows * {columns}, {stream});
                free(out);
            }}"""
MAIN = """
#include <stdio.h>
#include <stdlib.h>
{runs}
int main(void)
{{
    int status = 0;
    {calls}
    return status;
}}
"""


class Answers(NamedTuple):
    """What one way of calling gave: an array for each function; labels only of classifiers, and
    deviations where they are learned."""

    predict: np.ndarray
    logits: np.ndarray
    labels: np.ndarray | None = None
    std: np.ndarray | None = None


def functions_of(name, model):
    """C name, C type, NumPy type and columns of each function."""
    real = "float" if model.dtype == np.float32 else "double"
    counts = interface_of(model)
    found = [
        (f"{name}_predict", real, model.dtype, counts.outputs),
        (f"{name}_logits", real, model.dtype, counts.logits),
    ]
    if counts.labels:
        found.append((f"{name}_labels", "int64_t", np.dtype(np.int64), counts.labels))
    if has_std(model):
        found.append((f"{name}_std", real, model.dtype, counts.outputs))
    return found


@cache
def sanitizes(compiler):
    """Whether a compiler's sanitizers are installed; clang's are a package of their own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [compiler, *SANITIZED, "-x", "c", "-", "-o", f"{folder}/empty"]
        done = subprocess.run(command, input=b"int main(void) { return 0; }", capture_output=True)
    return done.returncode == 0


def compiled(folder, compiler, options, sources, target="program"):
    """Compiles sources strictly; not a word may come from the compiler."""
    if set(SANITIZED) <= set(options) and not sanitizes(compiler):
        pytest.skip(f"the sanitizers of {compiler} are not installed")

    def run(*arguments):
        done = subprocess.run([compiler, *arguments], cwd=folder, capture_output=True, text=True)
        assert (done.returncode, done.stdout + done.stderr) == (0, ""), done.stderr[:3000]

    objects = [f"{source}.o" for source in sources]
    with ThreadPoolExecutor(os.cpu_count()) as together:
        list(together.map(partial(run, *STRICT, *options, "-c", "-o"), objects, sources))
    run(*(one for one in options if one.startswith("-fsanitize")), *objects, "-o", target, "-lm")
    return folder / target


def write_program(folder, models):
    """The models and a program that runs them all; the names of the sources."""
    runs, calls = [], []
    for name, (model, X) in models.items():
        write_c(model, folder / f"{name}.c", name)
        answers = "".join(
            ANSWER.format(type=kind, columns=columns, function=function, stream="stdout")
            for function, kind, _, columns in functions_of(name, model)
        )
        real = "float" if model.dtype == np.float32 else "double"
        runs.append(
            RUN.format(
                name=name,
                macro=f"{name.upper()}_",
                real=real,
                answers=answers,
                chunks=", ".join(map(str, CHUNKS)),
            )
        )
        calls.append(f"status = status ? status : run_{name}({len(X)});")
    (folder / "main.c").write_text(MAIN.format(runs="".join(runs), calls="\n    ".join(calls)))
    return ["main.c", *(f"{name}.c" for name in models)]


def run_models(folder, models, compiler, options):
    """What C answers: of each model, all rows at once and then in each of CHUNKS."""
    program = compiled(folder, compiler, options, write_program(folder, models))
    data = b"".join(np.ascontiguousarray(X, m.dtype).tobytes() for m, X in models.values())
    done = subprocess.run([program], input=data, capture_output=True, env={**os.environ, **STOPS})
    assert done.returncode == 0, (done.returncode, done.stderr.decode()[:3000])
    assert done.stderr == b""
    found, at = {}, 0
    for name, (model, X) in models.items():
        found[name] = []
        for chunk in (len(X), *CHUNKS):
            parts = [[] for _ in functions_of(name, model)]
            for first in range(0, len(X), chunk):
                rows = min(chunk, len(X) - first)
                for part, (_, _, dtype, columns) in zip(
                    parts, functions_of(name, model), strict=True
                ):
                    size = rows * columns * dtype.itemsize
                    part.append(np.frombuffer(done.stdout[at : at + size], dtype))
                    part[-1] = part[-1].reshape(rows, columns)
                    at += size
            names = [one.removeprefix(f"{name}_") for one, *_ in functions_of(name, model)]
            found[name].append(
                Answers(**dict(zip(names, map(np.concatenate, parts), strict=True)))
            )
    assert at == len(done.stdout)
    return found


STOPS = {"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}


def assert_close(actual, expected, tolerance, message=""):
    """Within a tolerance of the largest number."""
    assert actual.shape == expected.shape, message
    assert actual.dtype == expected.dtype, message
    size = max(np.abs(expected).max(), np.finfo(expected.dtype).tiny)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * size, err_msg=message)


def expected_of(model, X):
    """Outputs of a sample side by side, logits, and class numbers, of the predictor."""
    predictor, kind = Predictor(model), model.head.kind
    X = np.asarray(X, model.dtype)
    logits = predictor(X, validate=False)  # odd codes too
    if kind == VALUES:
        return in_rows(predictor.predict(X, validate=False)), in_rows(logits), None
    numbers = np.empty((len(X), *output_axes(model.ops), len(model.head.classes)), np.int64)
    if kind == MULTILABEL:
        numbers = np.empty((len(X), model.ops[-1].fan_out), np.int64)
    predictor.predict(X, out=numbers, validate=False)
    outputs = predictor.predict_proba(X, validate=False)
    outputs = np.hstack(outputs) if isinstance(outputs, list) else outputs
    return in_rows(outputs), in_rows(logits), in_rows(numbers)


def in_rows(values):
    """What a sample has, side by side."""
    return values.reshape(len(values), -1)


def deviations_of(model, X):
    """The predictor's standard deviations; None where it has none."""
    try:
        return Predictor(model).predict(X, return_std=True)[1]
    except (TypeError, ValueError):
        return None


def assert_answers(models, found, dtype):
    """All that C answered is what the predictors answer."""
    for name, (model, X) in models.items():
        outputs, logits, numbers = expected_of(model, X)
        for answers in found[name]:
            assert_close(answers.logits, logits, TOLERANCE[dtype], name)
            assert_close(answers.predict, outputs, TOLERANCE[dtype], name)
            if numbers is not None:
                np.testing.assert_array_equal(answers.labels, numbers, name)
            else:
                assert answers.labels is None
            std = deviations_of(model, np.asarray(X, dtype))
            assert (answers.std is None) == (std is None)
            if std is not None:
                assert_close(answers.std, std.reshape(len(X), -1), TOLERANCE[dtype], name)
