"""A model as a shared library: C source, a description in JSON, and the system's compiler."""

from __future__ import annotations

import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fusednn.graph.time_axis import free_series
from fusednn.serving.files.head_json import version_of
from fusednn.serving.files.replacing import replacing
from fusednn.serving.model import Model, axes_of_samples, output_axes, shown_sizes

from .interface import interface_of
from .series import has_ends, has_steps, least_steps, rows_of_steps
from .source import words_of, write_c
from .text import characters, in_words

FORMAT = 2
"""Newest version of the description; libraries without its new fields have version 1."""
COMPILERS = "cc", "gcc", "clang"
OPTIONS = "-std=c99", "-O3", "-ffp-contract=fast", "-fPIC", "-shared"
_NATIVE = {
    ("x86_64", "amd64", "i386", "i686"): "-march=native",
    ("arm64", "aarch64", "ppc64le", "ppc64"): "-mcpu=native",
}
_LINES = 15
"""The number of lines of a compiler's output in an error message."""

_ANSWER = """
/* One function for all answers: kind is 0 for NAME_logits, 1 for NAME_predict, 2 for NAME_labels.
   If `check` is nonzero, infinity and NaN in x are refused first. */
int fusednn_answer(int kind, int check, const REAL *x, size_t n, void *out);
int fusednn_answer(int kind, int check, const REAL *x, size_t n, void *out)
{
    const int status = check ? NAME_check(x, n) : MACRO_OK;
    if (status != MACRO_OK)
        return status;
    if (kind == NAME_CHOSEN)
        return NAME_answer(kind, x, n, NULL, (int64_t *)out);
    return NAME_answer(kind, x, n, (REAL *)out, NULL);
}
"""
_ABOUT = """
{characters}
/* The description of the library, as JSON. */
const char *fusednn_about(void);
const char *fusednn_about(void)
{{
    return fusednn_text;
}}

/* 1 if this CPU has the instructions that the library was compiled for, else 0. On other CPUs than
   x86 this is not checked, and the answer is 1. */
int fusednn_runs_here(void);
int fusednn_runs_here(void)
{{
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
    __builtin_cpu_init();
{checks}#endif
    return 1;
}}
"""
_FEATURES = {
    "AVX": "avx",
    "FMA": "fma",
    "AVX2": "avx2",
    "BMI2": "bmi2",
    "AVX512F": "avx512f",
    "AVX512BW": "avx512bw",
    "AVX512DQ": "avx512dq",
    "AVX512VL": "avx512vl",
}
"""Macros of GCC and Clang, and the names that `__builtin_cpu_supports` takes."""


def write_library(
    model: Model, path: Path, name: str, compiler: str | None = None, native: bool = True
) -> None:
    """Compiles a model to a shared library; the file appears at its path when it is complete.

    Parameters
    ----------
    model : Model
    path : Path
    name : str
        A C identifier.
    compiler : str or None
        A command, with options if need be. None: see `found_compiler`.
    native : bool
        Whether to use all instructions of this machine's CPU. Only on x86 does loading the library
        check that the CPU has them.

    Raises
    ------
    RuntimeError
        If no compiler is found, or it fails.
    """
    text = in_words(_ANSWER, words_of(np.dtype(model.dtype), name))
    text += about_text(about(model, name))
    compile_to(path, name, compiler, native, lambda source: write_c(model, source, name, text))


def compile_to(
    path: Path,
    name: str,
    compiler: str | None,
    native: bool,
    write: Callable[[Path], None],
) -> None:
    """Compiles the source that a function writes; see `write_library`."""
    command = found_compiler(compiler)
    with replacing(path) as beside, tempfile.TemporaryDirectory() as folder:
        source = Path(folder, f"{name}.c")
        write(source)
        options = [*OPTIONS, *(_native() if native else [])]
        _compile([*command, *options, "-o", beside, str(source), "-lm"])


def found_compiler(compiler: str | None = None) -> list[str]:
    """The command of a C compiler: the given one, else $CC, cc, gcc or clang.

    Raises
    ------
    RuntimeError
        If no compiler is found.
    """
    asked = compiler or os.environ.get("CC")
    if not asked:
        candidates = [[one] for one in COMPILERS]
    else:  # a path may contain blanks, as on Windows
        candidates = [[asked] if shutil.which(asked) else shlex.split(asked)]
    for command in candidates:
        if command and shutil.which(command[0]):
            return command
    words = [f"no C compiler: {' and '.join(one[0] for one in candidates if one)} not found."]
    words.append("Install GCC or Clang, or name one with compiler= or the variable CC.")
    if sys.platform == "win32":
        words.append("On Windows take GCC or Clang of MinGW-w64; MSVC is not supported.")
    words.append("export_c needs none.")
    raise RuntimeError(" ".join(words))


def about(model: Model, name: str) -> dict[str, Any]:
    """The description that a library contains.

    Raises
    ------
    TypeError
        If the labels of the classes are not numbers, strings, bytes or booleans.
    """
    head = model.head
    new = {"inverse": head.inverse, "least": head.least, "column": head.column}
    new |= {"columns": model.columns, "output_axes": output_axes(model.ops)}
    is_first = version_of(head) == 1 and model.columns is None and not output_axes(model.ops)
    return {
        "format": 1 if is_first else FORMAT,
        "name": name,
        "dtype": np.dtype(model.dtype).name,
        "sizes": shown_sizes(model.inputs, model.ops),
        "interface": interface_of(model)._asdict(),
        "names": model.names,
        "features": model.features,
        "axes": axes_of_samples(model.ops, model.axes) if model.columns is None else (),
        "kind": head.kind,
        "classes": [labels_json(np.asarray(classes)) for classes in head.classes],
        "per_target": head.per_target,
        "point": head.point,
        **({} if is_first else new),
        **({"series": _series(model)} if has_steps(model) else {}),
    }


def _series(model: Model) -> dict[str, Any]:
    """What series the library takes."""
    series = free_series(model.ops)
    assert series is not None
    found = {**series._asdict(), "least": least_steps(model)}
    return found | ({"ends": rows_of_steps(model)} if has_ends(model) else {})


def labels_json(classes: np.ndarray) -> dict[str, Any]:
    """Labels as values for JSON; raises TypeError as `about` says."""
    values = [one.item() if isinstance(one, np.generic) else one for one in classes.tolist()]
    if classes.dtype.kind == "S":
        values = [value.decode("latin-1") for value in values]
    if not all(isinstance(value, bool | int | float | str) for value in values):
        raise TypeError(f"labels of {classes.dtype} cannot go into a library: {values[:3]!r}")
    return {"dtype": classes.dtype.str, "values": values}


def about_text(description: dict[str, Any]) -> str:
    """The C functions that tell what a library is, and whether it runs on a CPU."""
    checks = "".join(
        f'#ifdef __{macro}__\n    if (!__builtin_cpu_supports("{feature}"))\n'
        "        return 0;\n#endif\n"
        for macro, feature in _FEATURES.items()
    )
    return _ABOUT.format(
        characters=characters(json.dumps(description), "fusednn_text"), checks=checks
    )


def _native() -> list[str]:
    machine = platform.machine().lower()
    return [option for machines, option in _NATIVE.items() if machine in machines]


def _compile(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    except OSError as error:
        raise RuntimeError(f"the C compiler {command[0]} could not be run: {error}") from error
    if done.returncode:
        last = "\n".join((done.stderr or done.stdout).strip().splitlines()[-_LINES:])
        raise RuntimeError(
            f"the C compiler failed with exit code {done.returncode}: {shlex.join(command)}\n"
            f"{last}"
        )
