"""C programs that run models of raw tables, compiled strictly and with sanitizers."""

import json
import os
import subprocess

import numpy as np
from running.c_programs import STOPS, compiled

from fusednn.export.c.ensemble import write_c_ensemble
from fusednn.export.c.preparation import fields_of
from fusednn.export.c.text import string
from fusednn.serving.ensembles.targets import Classes

MAIN = """
#define {macro}_DECLARATIONS
#include "{name}.c"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const {name}_row table[] = {{
{rows}}};

int main(void)
{{
    static const size_t chunks[] = {{sizeof table / sizeof *table, 1, 3, 13}};
    const size_t n = sizeof table / sizeof *table;
    size_t k, at, rows;
    for (k = 0; k < sizeof chunks / sizeof *chunks; k++)
        for (at = 0; at < n; at += rows) {{
            rows = chunks[k] < n - at ? chunks[k] : n - at;
            {name}_row *x = malloc(rows * sizeof *x); /* ends where malloc's memory does */
            double *out = malloc(rows * {macro}_N_OUTPUTS * sizeof *out);
            memcpy(x, table + at, rows * sizeof *x);
            if ({name}_check(x, rows) != {macro}_OK || {name}_predict(x, rows, out) != {macro}_OK)
                return 91;
            fwrite(out, sizeof *out, rows * {macro}_N_OUTPUTS, stdout);
            free(out);
            {labels}
            free(x);
        }}
    return {name}_predict(NULL, 0, NULL);
}}
"""
LABELS = """int64_t *numbers = malloc(rows * sizeof *numbers);
            if ({name}_labels(x, rows, numbers) != {macro}_OK)
                return 92;
            fwrite(numbers, sizeof *numbers, rows, stdout);
            free(numbers);"""


def _cell(value):
    if isinstance(value, np.datetime64):
        moment = value.astype("datetime64[us]").view(np.int64)
        return "INT64_MIN" if np.isnat(value) else f"INT64_C({moment})"
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return string(value)
    number = float(value)
    return "NAN" if number != number else number.hex()


def rows_of(frame, preparation):
    """The rows as C's initialisers: each cell as its column's type has it."""
    columns = []
    for feature in preparation.features:
        values = frame[feature.name]
        if values.dtype.kind == "M":
            cells = list(values.to_numpy("datetime64[us]"))
        elif values.dtype.kind in "fiub":
            cells = values.to_numpy(float).tolist()
        else:
            cells = values.astype(object).where(values.notna(), None).tolist()
        columns.append([_cell(cell) for cell in cells])
    return "".join(f"    {{{', '.join(row)}}},\n" for row in zip(*columns, strict=True))


def run_ensemble(folder, ensemble, frame, compiler, options, name="model"):
    """What C answers: all rows at once, and in chunks; pairs of values and labels or None."""
    write_c_ensemble(ensemble, folder / f"{name}.c", name)
    words = {"name": name, "macro": name.upper()}
    is_classifier = isinstance(ensemble.target, Classes)
    text = MAIN.format(
        rows=rows_of(frame, ensemble.preparation),
        labels=LABELS.format(**words) if is_classifier else "",
        **words,
    )
    (folder / "main.c").write_text(text)
    program = compiled(folder, compiler, options, ["main.c", f"{name}.c"])
    done = subprocess.run([program], capture_output=True, env={**os.environ, **STOPS})
    assert done.returncode == 0, (done.returncode, done.stderr.decode()[:3000])
    assert done.stderr == b""
    found, at, outputs = [], 0, ensemble.target.outputs

    def take(count, dtype):
        nonlocal at
        at += 8 * count
        return np.frombuffer(done.stdout[at - 8 * count : at], dtype)

    for chunk in (len(frame), 1, 3, 13):
        values, labels = [], []
        for first in range(0, len(frame), chunk):
            rows = min(chunk, len(frame) - first)
            values.append(take(rows * outputs, float).reshape(rows, outputs))
            labels.append(take(rows, np.int64) if is_classifier else [])
        found.append((np.concatenate(values), np.concatenate(labels) if is_classifier else None))
    assert at == len(done.stdout)
    return found


def field_comments(path, preparation):
    """The name of each column, from the comment behind its field."""
    found = {}
    for line in path.read_text().splitlines():
        for field in fields_of(preparation):
            if line.startswith("    ") and f"{field}; /* " in line:
                text = line.partition("/* ")[2].partition(" */")[0]
                found[field] = json.JSONDecoder().raw_decode(text)[0]
    return found
