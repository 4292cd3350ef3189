"""How long a step of a perceptron takes on a GPU in each mode, and on the CPU, in microseconds.

    python -m benchmarks.gpu_modes [--prepare FOLDER | --prepared FOLDER] [--passes 200]

The modes are those of `plan/cuda/modes.py`; the one that is chosen unasked is marked. Times are
differences between fits of many passes and of few, so that nothing but the steps is in them; the
first fit of a mode compiles. Each mode must give the losses of the CPU, to the bit. `--prepare`
compiles for sm_90 without a GPU; see `gpu_correct`.
"""

import argparse
import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from benchmarks.measuring.gpu.prepared import NotPreparedError, Prepared, use_shape_of

ROWS, FEATURES = 6400, 20
SHAPES = ((64, 64), 32), ((64, 64), 200), ((256, 256), 200), ((1024, 1024), 800)
"""Hidden layers and batch sizes."""


def fitted(X, y, hidden, batch, device, passes):
    """The seconds and the losses of a fit."""
    from fusednn import MLPClassifier

    model = MLPClassifier(
        hidden, batch_size=batch, max_iter=passes, tol=0.0, n_iter_no_change=passes,
        random_state=0, device=device, dtype="float32",
    )  # fmt: skip
    start = time.perf_counter()
    model.fit(X, y)
    return time.perf_counter() - start, model.loss_curve_


def step_time(X, y, hidden, batch, device, passes):
    """The microseconds of a step, and the losses."""
    fitted(X, y, hidden, batch, device, 1)
    less = max(1, passes // 10)
    few, _ = fitted(X, y, hidden, batch, device, less)
    many, losses = fitted(X, y, hidden, batch, device, passes)
    steps = (passes - less) * (ROWS // batch)
    return (many - few) / steps * 1e6, losses


def forced(mode, chosen):
    """What chooses a mode for programs of several steps, and notes what it would have been."""

    from fusednn.plan.cuda import modes

    def choose(program, shared):
        if len(program.steps) < 2:
            return modes.LAUNCHES
        chosen.append(modes.mode_of(program, shared))
        return mode  # what does not fit in one block is run by all

    return choose


def prepare(folder, X, y):
    """Compiles what every shape needs in every mode."""
    from benchmarks.measuring.gpu.checks import opened_by
    from benchmarks.measuring.gpu.recorder import Recorder
    from fusednn.plan.cuda import modes
    from fusednn.training.cuda import preparing
    from fusednn.training.cuda.loaded import compiled_kernel, compiled_program

    prepared = Prepared(folder, compiled_kernel, compiled_program)
    with opened_by(lambda: Recorder(prepared.compiled, prepared.program)):
        for hidden, batch in SHAPES:
            for mode in (modes.LAUNCHES, modes.TOGETHER, modes.ALONE):
                preparing.mode_of = forced(mode, [])
                fitted(X, y, hidden, batch, "cuda", 1)
    print(prepared.in_words())


def compare(X, y, passes):
    """Prints the table."""
    from fusednn.plan.cuda import modes
    from fusednn.training.cuda import preparing

    names = modes.LAUNCHES, modes.TOGETHER, modes.ALONE
    print(f"| hidden | batch | CPU | {' | '.join(names)} |\n|{'---|' * 6}")
    for hidden, batch in SHAPES:
        cpu, expected = step_time(X, y, hidden, batch, "cpu", passes)
        cells = [f"{cpu:.1f}"]
        for mode in names:
            chosen: list[str] = []
            preparing.mode_of = forced(mode, chosen)
            found, losses = step_time(X, y, hidden, batch, "cuda", passes)
            assert losses == expected, f"{mode} has other bits than the CPU"
            mark = " (chosen)" if chosen[0] == mode else ""
            cells.append(f"{found:.1f}{mark}")
        print(f"| {hidden} | {batch} | {' | '.join(cells)} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    folder = parser.add_mutually_exclusive_group()
    folder.add_argument("--prepare", metavar="FOLDER")
    folder.add_argument("--prepared", metavar="FOLDER")
    parser.add_argument("--passes", type=int, default=200, help="at least 2; default: 200")
    options = parser.parse_args()
    if options.passes < 2:
        parser.error("--passes must be at least 2")
    warnings.simplefilter("ignore", ConvergenceWarning)
    random = np.random.default_rng(0)
    X = random.normal(size=(ROWS, FEATURES)).astype(np.float32)
    y = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int)
    if options.prepare:
        prepare(options.prepare, X, y)
        return
    if options.prepared:
        use_shape_of(options.prepared)
    from fusednn.training.cuda import gpu, opening

    try:
        if options.prepared:
            prepared = Prepared(options.prepared)
            opening.OPENED["cuda"] = lambda: gpu.open_gpu(prepared.compiled, prepared.program)
        opening.opened("cuda").close()
    except (ImportError, RuntimeError, NotPreparedError) as error:
        print(f"This benchmark needs a GPU: {error}")
        return
    compare(X, y, options.passes)


if __name__ == "__main__":
    main()
