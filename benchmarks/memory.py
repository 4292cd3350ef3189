"""Peak resident memory of a fit on 60,000 x 784 float32, above what was resident before it.

    python -m benchmarks.memory [--epochs 2] [--sklearn]

Each solver has a process of its own, in which the data exist and a small fit has compiled and
imported everything before the count begins. The system's own mark of the peak is reset and read
(Linux); elsewhere the peak of the whole process is taken, which may hide some of the fit's.
"""

import argparse
import json
import subprocess
import sys
import warnings
from pathlib import Path

SOLVERS = {
    "adam": {"solver": "adam"},
    "adam, early stopping": {"solver": "adam", "early_stopping": True},
    "lbfgs": {"solver": "lbfgs"},
}
LIBRARIES = {"fusednn": "fusednn", "sklearn": "sklearn.neural_network"}
SAMPLES, FEATURES, CLASSES = 60_000, 784, 10
HIDDEN = (256, 128)


def _status(field):
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise OSError(f"no {field} in /proc/self/status")


def _peak():
    """The peak so far, in bytes."""
    try:
        return _status("VmHWM")
    except OSError:
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _begin():
    """Forgets the peak where the system can, and returns what is resident now."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        return _status("VmRSS")
    except OSError:
        return _peak()


def _fit_once(library, solver, epochs):
    """Bytes that the fit adds to the peak; to be called in a process of its own."""
    from importlib import import_module

    import numpy as np

    warnings.simplefilter("ignore")
    estimator_class = import_module(LIBRARIES[library]).MLPClassifier
    random = np.random.default_rng(0)
    X = random.standard_normal((SAMPLES, FEATURES), dtype=np.float32)
    y = random.integers(0, CLASSES, SAMPLES)
    estimator = estimator_class(HIDDEN, random_state=0, max_iter=epochs, **SOLVERS[solver])
    estimator.fit(X[:2000], y[:2000])
    return peak_above(lambda: estimator.fit(X, y))


def peak_above(work):
    """Bytes by which the peak of a call exceeds what is resident before it."""
    before = _begin()
    work()
    return _peak() - before


def in_child(module, *arguments):
    """What `python -m module arguments` prints as JSON, in a process of its own.

    Parameters
    ----------
    module : str
    *arguments : str

    Returns
    -------
    object
    """
    root = Path(__file__).parents[1]
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout)


def extra_bytes(library, solver, epochs=2):
    """Bytes by which the peak of a fit exceeds what was resident before it.

    Parameters
    ----------
    library : {"fusednn", "sklearn"}
    solver : str
        A key of `SOLVERS`.
    epochs : int
        `max_iter`.

    Returns
    -------
    int
    """
    child = "--child", library, solver, "--epochs", str(epochs)
    return in_child("benchmarks.memory", *child)


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--sklearn", action="store_true", help="scikit-learn beside it")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(_fit_once(*options.child, options.epochs)))
        return
    libraries = ["fusednn", *(["sklearn"] if options.sklearn else [])]
    data = SAMPLES * FEATURES * 4 / 1e6
    print(f"MB above those before the fit; X itself has {data:.0f} MB, hidden layers {HIDDEN}")
    print(f"{'':22}" + "".join(f"{library:>10}" for library in libraries))
    for solver in SOLVERS:
        found = [extra_bytes(library, solver, options.epochs) for library in libraries]
        print(f"{solver:22}" + "".join(f"{extra / 1e6:10.1f}" for extra in found), flush=True)


if __name__ == "__main__":
    main()
