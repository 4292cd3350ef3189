"""Peak memory of a fit on 60,000 x 784 float32, above the memory resident before it.

    python -m benchmarks.memory [--epochs 2] [--sklearn]
    python -m benchmarks.memory --plans

Each solver has its own process. Before the measurement it creates the data, and a small fit
compiles and imports everything. On Linux the system's peak is reset and read. Elsewhere the peak
of the whole process is used, which may hide a part of the fit's.

--plans prints the memory of plans: parameters, moments and other lasting arrays, and the work
memory of a step, with and without sharing of blocks.
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


def resident_peak():
    """The peak of resident memory so far, or since `peak_above` began, in bytes."""
    try:
        return _status("VmHWM")
    except OSError:
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _begin():
    """Resets the peak if the system supports it, and returns the bytes resident now."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        return _status("VmRSS")
    except OSError:
        return resident_peak()


def _fit_once(library, solver, epochs):
    """Bytes that a fit adds to the peak; call it in a new process."""
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
    """Bytes by which the peak of a call exceeds the memory resident before it."""
    before = _begin()
    work()
    return resident_peak() - before


def in_child(module, *arguments):
    """Runs `python -m module arguments` in a new process, and parses the JSON that it prints.

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
    """Bytes by which the peak of a fit exceeds the memory resident before it.

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


def deep_layers():
    """Lists of layers with many arrays, by name."""
    from fusednn.layers import Activation, BatchNorm, Dense, Dropout, LayerNorm, Residual

    cell = [Dense(128), BatchNorm(), Activation("gelu"), Dropout(0.1)]
    block = Residual([LayerNorm(), Dense(128, "gelu"), Dense(128), Dropout(0.1)])
    return {
        "20 dense layers": [Dense(128, "relu")] * 20,
        "12 of dense, batchnorm, gelu, dropout": cell * 12,
        "12 residual blocks": [Dense(128), *[block] * 12],
    }


def plan_bytes(layers, inputs, outputs, batch):
    """Memory of training and prediction on float32 rows.

    Returns
    -------
    tuple of int
        Bytes. For training: lasting arrays, work memory, and work memory without sharing. For the
        prediction of 64 rows: work memory, and work memory without sharing.
    """
    import numpy as np

    from fusednn.estimators.network.building import build
    from fusednn.graph.network import Network
    from fusednn.layers import Dense
    from fusednn.plan.binding.data import source_of
    from fusednn.plan.binding.loss import Target
    from fusednn.plan.inference import lower_inference
    from fusednn.plan.machines import ONE_THREAD
    from fusednn.plan.memory.buffers import leading_dimension
    from fusednn.plan.training import TrainingPlan
    from fusednn.plan.updating.rule import Rule

    network = Network(build(layers, Dense(outputs), (inputs,), scaled=False).ops, "softmax")
    X, order = source_of(np.zeros((batch, inputs), np.float32), np.float32), np.arange(batch)
    target = Target(np.zeros((batch, 1), np.float32), None)
    rule = Rule("adam", (0.9, 0.999, 1e-8))
    plan = TrainingPlan(network, X, target, rule, batch, order, ONE_THREAD)
    program, _ = lower_inference(
        network, plan.layout.views(plan.parameters), X, np.dtype(np.float32)
    )

    def apart(graph, rows):
        arrays = {array for call in graph.calls for array in call.arrays}
        return sum(leading_dimension(array.width, np.float32) for array in arrays) * rows * 4

    kept, work = (
        sum(part.nbytes for part in parts) for parts in (plan.memory.kept, plan.memory.work)
    )
    graph = network.graph(trains=True, noisy=True)
    answers = sum(part.nbytes for part in program.memory.work)
    return kept, work, apart(graph, batch), answers, apart(network.graph(), min(batch, 64))


def print_plans():
    """Prints the memory of plans."""
    from benchmarks.measuring.networks import NETWORKS as COMPARED
    from fusednn.layers import Dense

    networks = {
        network.title: (
            [Dense(units, "relu") for units in network.hidden],
            *(network.sizes[0], network.sizes[-1], network.batch),
        )
        for network in COMPARED.values()
    }  # fmt: skip
    networks |= {name: (layers, 64, 10, 256) for name, layers in deep_layers().items()}
    print(f"{'MB':42}{'lasts':>9}{'work':>9}{'apart':>9}{'predict':>9}{'apart':>9}")
    for name, network in networks.items():
        found = (f"{count / 1e6:9.3f}" for count in plan_bytes(*network))
        print(f"{name:42}" + "".join(found))


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--sklearn", action="store_true", help="measure scikit-learn too")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--plans", action="store_true", help="print the memory of plans instead")
    options = parser.parse_args()
    if options.plans:
        print_plans()
        return
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
