"""What stands in a C file besides the arithmetic: names, labels, codes, and what is refused."""

import math
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from cases.op_models import SHORT, chain, made
from cases.ugly_names import UGLY
from running.c_programs import COMPILERS, SANITIZED, STOPS, assert_close, compiled, needs_compiler
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression

from fusednn import MLPClassifier, export_c
from fusednn.export.c.source import write_c
from fusednn.export.c.text import array, identifier, number
from fusednn.graph.layers.untrained import Identity
from fusednn.serving.model import MULTICLASS, Head
from fusednn.serving.predictor import Predictor

DOCS = Path(__file__).resolve().parents[2] / "docs" / "c.md"


def run(folder, compiler, main, sources, options=SANITIZED):
    """The standard output of a program that includes these sources' declarations."""
    (folder / "main.c").write_text(main)
    program = compiled(folder, compiler, options, ["main.c", *sources])
    done = subprocess.run([program], capture_output=True, env={**os.environ, **STOPS})
    assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode()
    return done.stdout


TELL_CLASSES = """
#define MODEL_DECLARATIONS
#include "model.c"
#include <stdio.h>
#include <string.h>
int main(void)
{
    size_t k;
    for (k = 0; k < MODEL_N_CLASSES; k++)
        fwrite(model_class(k), 1, strlen(model_class(k)) + 1, stdout);
    return model_class(MODEL_N_CLASSES) != NULL;
}
"""


@needs_compiler
@pytest.mark.parametrize("compiler", COMPILERS)
def test_labels_and_names_cannot_break_the_file(compiler, tmp_path):
    classes = np.array([label for label in UGLY if "\0" not in label], object)
    count = len(classes)
    model = made(chain(count, count), Head(MULTICLASS, "softmax", (classes,)), "float32")
    model = model._replace(features=tuple(UGLY)[:count], names=(UGLY[0], UGLY[3]))
    write_c(model, tmp_path / "model.c", "model")
    told = run(tmp_path, compiler, TELL_CLASSES, ["model.c"]).split(b"\0")[:-1]
    assert told == [label.encode("utf-8", "backslashreplace") for label in classes]
    assert all(ord(letter) < 128 for letter in (tmp_path / "model.c").read_text())


@needs_compiler
def test_labels_of_bytes_and_with_nul(tmp_path):
    """As the declarations say: bytes as Python shows them, and a string of C ends at NUL."""
    classes = np.array([b"a\xff", "be\0fore", "c"], object)
    model = made(chain(3, 3), Head(MULTICLASS, "softmax", (classes,)), "float32")
    write_c(model, tmp_path / "model.c", "model")
    told = run(tmp_path, COMPILERS[0], TELL_CLASSES, ["model.c"]).split(b"\0")[:-1]
    assert told == [rb"b'a\xff'", b"be", b"c"]


CODES = """
#include <stdio.h>
#include <stdlib.h>
#define MODEL_DECLARATIONS
#include "model.c"
void *no_memory(size_t size);
void *no_memory(size_t size)
{
    return size ? NULL : NULL;
}
int main(void)
{
    float x[6] = {0, 1, 2, 3, 4, 5}, out[6];
    int64_t labels[2];
    printf("%d %d %d ", model_predict(NULL, 0, NULL), model_predict(NULL, 2, out),
           model_predict(x, 2, NULL));
    printf("%d %d %d ", model_logits(x, 2, NULL), model_labels(NULL, 2, labels),
           model_labels(x, 2, NULL));
    printf("%d %d ", model_predict(x, 2, out), model_labels(x, 2, labels));
    printf("%d %d ", model_check(NULL, 2), model_check(x, 2));
    x[5] = 1 / x[0];
    printf("%d ", model_check(x, 2));
    x[5] = x[5] - x[5];
    printf("%d %d %d\\n", model_check(x, 2), model_check(x, 1), model_predict(x, 2, out));
    return 0;
}
"""


@needs_compiler
@pytest.mark.parametrize("width", [5, 3000])
def test_codes(width, tmp_path):
    """1 is a null pointer, 2 no memory where layers are wide, 3 NaN or infinity."""
    head = Head(MULTICLASS, "softmax", (np.arange(3),))
    model = made(chain(3, width, 3), head, "float32")
    write_c(model, tmp_path / "model.c", "model")
    options = ["-Dmalloc=no_memory", "-O1"]
    told = run(tmp_path, COMPILERS[0], CODES, ["model.c"], options).decode().split()
    answer = "2" if width > 1000 else "0"
    assert told == [*"011111", answer, answer, *"10330", answer]


TWO = """
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef OTHER_COMPILER /* than GCC and Clang: not for the headers above, which are theirs */
#undef __GNUC__
#endif
#include "first.c"
#include "second.c"
int main(void)
{
    float x[] = {1, -2, 3}, out[FIRST_N_OUTPUTS];
    double y[] = {1, -2, 3}, wide[SECOND_N_OUTPUTS];
    const unsigned char lanes[] = {FIRST_LANES, SECOND_LANES};
    int status = first_predict(x, 1, out) + second_predict(y, 1, wide);
    fwrite(lanes, 1, 2, stdout);
    fwrite(out, sizeof *out, FIRST_N_OUTPUTS, stdout);
    fwrite(wide, sizeof *wide, SECOND_N_OUTPUTS, stdout);
    return status;
}
"""


@needs_compiler
@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("vectors", [True, False])
def test_two_in_one_program_and_compilers_without_vectors(vectors, compiler, tmp_path):
    models = [made(chain(3, 21, 5), SHORT, dtype) for dtype in ("float32", "float64")]
    for name, model in zip(("first", "second"), models, strict=True):
        write_c(model, tmp_path / f"{name}.c", name)
    told = run(tmp_path, compiler, TWO, [], ["-O1", *([] if vectors else ["-DOTHER_COMPILER"])])
    assert [lanes > 1 for lanes in told[:2]] == [vectors, vectors]
    x = np.array([[1.0, -2, 3]])
    assert_close(np.frombuffer(told[2:22], "f4"), Predictor(models[0])(x)[0], 1e-6)
    assert_close(np.frombuffer(told[22:], "f8"), Predictor(models[1])(x)[0], 1e-14)


@needs_compiler
def test_the_program_of_the_docs(tmp_path):
    program = DOCS.read_text().split("```c\n")[1].split("```")[0]
    model = made(chain(64, 10), Head(MULTICLASS, "softmax", (np.arange(10),)), "float32")
    write_c(model, tmp_path / "digits.c", "digits")
    label, probability = run(tmp_path, COMPILERS[0], program, ["digits.c"]).decode().split(": ")
    expected = Predictor(model).predict_proba(np.zeros(64))[0]
    assert int(label) == expected.argmax()
    assert float(probability) == pytest.approx(expected.max(), abs=6e-4)


@needs_compiler
@pytest.mark.parametrize("compiler", COMPILERS)
def test_fast_math_is_refused(compiler, tmp_path):
    write_c(made(chain(3, 2), SHORT, "float32"), tmp_path / "m.c", "m")
    options = ["-ffast-math", "-ffinite-math-only"]
    if compiler == "gcc":  # Clang does not tell a program of the others
        options += ["-funsafe-math-optimizations"]
    for option in options:
        done = subprocess.run(
            [compiler, option, "-c", "m.c"], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode, option
        assert "-ffast-math" in done.stderr


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_are_exact(dtype):
    rng, kind = np.random.default_rng(0), np.dtype(dtype)
    bits = rng.integers(0, 2 ** (8 * kind.itemsize - 1), 1000).astype(f"u{kind.itemsize}")
    info = np.finfo(dtype)
    values = np.concatenate([
        bits.view(dtype)[np.isfinite(bits.view(dtype))],
        np.array([0, -0.0, 1, info.max, info.tiny, info.smallest_subnormal, 0.1], dtype),
    ])  # fmt: skip
    text = "".join(array("a", values))
    assert text.startswith(f"static const {'float' if dtype == np.float32 else 'double'} a[")
    found = text.split("{\n")[1].split("}")[0].replace("\n", " ").split(",")[:-1]
    assert all(one.endswith("f") for one in found) == (dtype == np.float32)
    read = np.array([float.fromhex(one.strip().removesuffix("f")) for one in found])
    assert read.astype(dtype).tobytes() == values.tobytes()
    infinity = "INFINITY" if dtype == np.float32 else "HUGE_VAL"
    assert [number(x, kind) for x in (math.inf, -math.inf)] == [infinity, f"-{infinity}"]


@pytest.mark.parametrize(
    ("file", "name"),
    [("model.c", "model"), ("my-net.v2.c", "my_net"), ("2nd.c", "model_2nd"),
     ("_a.so", "model__a"), ("größe.c", "gr__e"), ("Net_2", "Net_2")],
)  # fmt: skip
def test_names_of_files(file, name, tmp_path):
    assert identifier(None, tmp_path / file) == name


@pytest.mark.parametrize(
    ("name", "file"),
    [("", "m.c"), ("a b", "m.c"), ("2a", "m.c"), ("_a", "m.c"), ("int", "m.c"), ("a;", "m.c"),
     ("a\n", "m.c"), ("größe", "m.c"), (None, "double.c"), (None, ".c"), (None, "__.c")],
)  # fmt: skip
def test_bad_names(name, file, tmp_path):
    model = made([Identity(2)], SHORT, "float32")
    with pytest.raises(ValueError, match="name must be an identifier of C"):
        export_c(Predictor(model), tmp_path / file, name=name)
    assert os.listdir(tmp_path) == []


def test_refusals_leave_nothing_behind(tmp_path):
    path = tmp_path / "model.c"
    path.write_text("kept")
    with pytest.raises(TypeError, match="LogisticRegression"):
        export_c(LogisticRegression(), path)
    with pytest.raises(NotFittedError):
        export_c(MLPClassifier(), path)
    head = Head(MULTICLASS, "softmax", (np.array(["a", "b" * 5000, "c"]),))
    with pytest.raises(ValueError, match="a label of 5000 bytes is too long for C: 'bbb"):
        write_c(made(chain(2, 3), head, "float32"), path, "model")
    short = made(chain(2, 3), SHORT, "float32")
    with pytest.raises(ValueError, match="an array of shape"):
        write_c(short._replace(arrays=short.arrays[:1]), path, "model")
    assert os.listdir(tmp_path) == ["model.c"]
    assert path.read_text() == "kept"


def test_the_header_says_what_it_is(tmp_path):
    model = made(chain(3, 5, 2), SHORT, "float64")._replace(features=("a", "b", "c"))
    write_c(model, tmp_path / "my net.c", "net")
    text = (tmp_path / "my net.c").read_text()
    beginning = text.split("*/")[0]
    for words in ("3-5-2, float64", "cc -std=c99 -O3", "-lm", '["a", "b", "c"]', "double"):
        assert words in beginning
    assert re.findall(r"#include <(\w+)\.h>", text) == [
        *("stddef", "stdint"), *("math", "stdlib", "string"),
    ]  # fmt: skip
