"""Costs of layers and options: steps of a network with each, relative to a plain ReLU network.

    python -m benchmarks.costs [--threads 2] [--dtype float32] [--repeats 31] [--only dropout ...]
                               [--json PATH]

A turn is a pass of the plain network (54-256-256-256-7, ReLU, Adam, batches of 256) and then a
pass of the variant, each after an untimed pass, in one process. A pass is the same shuffle and
steps as in `fit`, without the work before and after passes. The ratio is that of the two passes;
tables show medians and quartiles over the rounds. Each variant changes one thing; additional
layers follow each of the three hidden layers.
"""

import statistics
import time
from contextlib import ExitStack
from functools import cache, partial
from typing import NamedTuple

import numpy as np

from benchmarks.measuring.environment import restart_with
from benchmarks.measuring.networks import NETWORKS, make_data
from benchmarks.measuring.report import begin, parser, write

NETWORK = NETWORKS["tabular"]._replace(samples=5120)
PLAIN = "relu"
CODES = (0, 1, 2, 3)
"""Columns that hold codes, of `CATEGORIES` categories each, if there is an embedding."""

CATEGORIES = 100
VECTOR = 8
"""Elements of each vector: 82 columns reach the first layer instead of 54."""


class Variant(NamedTuple):
    """The differences from the plain network.

    Parameters
    ----------
    hidden : callable
        Returns the layers for a width and the number of a hidden layer.
    before : tuple of Layer
        Layers before the hidden ones.
    solver : str or Optimizer
    rule : tuple of (str, float)
        Fields of `plan.updating.rule.Rule`.
    """

    hidden: object
    before: tuple = ()
    solver: object = "adam"
    rule: tuple = ()


def variants():
    """All variants by name, the plain one first."""
    from fusednn.kernels.activations import ACTIVATIONS

    from fusednn import layers as L
    from fusednn import optimizers as O

    def plain(width, number, **options):
        return [L.Dense(width, "relu", **options)]

    def after(*layers):
        return lambda width, number: [L.Dense(width, "relu"), *layers]

    def between(*layers):
        return lambda width, number: [L.Dense(width), *layers, L.Activation("relu")]

    def residual(width, number):
        return plain(width, number) if number == 0 else [L.Residual(plain(width, number))]

    found = {PLAIN: Variant(plain)}
    for name in ACTIVATIONS:
        if name != PLAIN:
            found[name] = Variant(lambda width, number, name=name: [L.Dense(width, name)])
    layers = {
        "dropout": after(L.Dropout(0.2)),
        "gelu, dropout": lambda width, number: [L.Dense(width, "gelu"), L.Dropout(0.2)],
        "noise": after(L.GaussianNoise(0.1)),
        "layernorm": between(L.LayerNorm()),
        "rmsnorm": between(L.RMSNorm()),
        "batchnorm": between(L.BatchNorm()),
        "prelu": lambda width, number: [L.Dense(width), L.PReLU()],
        "residual": residual,
        "weight_norm": partial(plain, weight_norm=True),
        "max_norm": partial(plain, max_norm=3.0),
    }
    found |= {name: Variant(hidden) for name, hidden in layers.items()}
    found["embedding"] = Variant(plain, before=(L.Embedding(CODES, size=VECTOR),))
    solvers = {
        "sgd": O.SGD(),
        "momentum": O.SGD(0.9),
        "nesterov": O.SGD(0.9, nesterov=True),
        **{name: solver for name, solver in O.NAMED.items()},
    }
    found |= {name: Variant(plain, solver=solver) for name, solver in solvers.items()}
    found["clip_norm"] = Variant(plain, rule=(("clip_norm", 1.0),))
    found["clip_value"] = Variant(plain, rule=(("clip_value", 0.1),))
    found["ema_decay"] = Variant(plain, rule=(("average", 0.999),))
    return found


@cache
def data_of(network, dtype, coded):
    """X and y; if `coded`, with codes in the columns `CODES`."""
    X, y = make_data(network, dtype)
    if coded:
        codes = np.random.default_rng(1).integers(0, CATEGORIES, (len(X), len(CODES)))
        codes[0] = CATEGORIES - 1
        X[:, CODES] = codes
    return X, y


class Passes:
    """Trains a variant pass by pass; a context manager that owns the threads."""

    def __init__(self, variant, dtype, threads, network=NETWORK):
        from fusednn import NetworkClassifier
        from fusednn.plan.training import Target
        from fusednn.training.optimizer_state import OptimizerState
        from fusednn.training.session import Session

        X, y = data_of(network, dtype, bool(variant.before))
        hidden = [
            layer
            for number, width in enumerate(network.hidden)
            for layer in variant.hidden(width, number)
        ]
        model = NetworkClassifier([*variant.before, *hidden], n_jobs=threads, random_state=0)
        model.set_params(solver=variant.solver).initialize(X, y)
        solver = model._described_solver()
        rule = model._rule_of(solver)._replace(**dict(variant.rule))
        target, order = Target(y[:, np.newaxis].astype(dtype), None), np.arange(len(X))
        self._session = Session(
            *(model._network(), X, target, rule),
            batch=network.batch,
            order=order,
            l2=0.0,
            n_jobs=model.n_jobs,
        )
        self._session.load(model._parameters())
        self._optimizer = OptimizerState(solver, rule, 1e-3, "constant", 0.5)
        self._random = np.random.RandomState(0)
        self._samples = len(X)

    def __enter__(self):
        self._session.__enter__()
        self.run()
        return self

    def __exit__(self, *exception):
        self._session.__exit__(*exception)

    def run(self):
        """Runs a pass, and returns the microseconds per step."""
        start = time.perf_counter()
        self._session.shuffle(self._random, 1)
        batches = self._session.batches
        self._session.run_passes(self._optimizer.rates(batches, [self._samples]))
        return 1e6 * (time.perf_counter() - start) / batches


def measure(wanted, options):
    """All rounds.

    Parameters
    ----------
    wanted : dict
        Variants by name, without the plain one.
    options : Namespace
        With dtype, threads and repeats.

    Returns
    -------
    dict
        For each name, the microseconds of its steps and of the plain steps in the same rounds.
    """
    found = {name: {"step_us": [], "plain_us": []} for name in wanted}
    with ExitStack() as stack:
        plain, *others = [
            stack.enter_context(Passes(variant, options.dtype, options.threads))
            for variant in (variants()[PLAIN], *wanted.values())
        ]
        for _ in range(options.repeats):
            for one, passes in zip(found.values(), others, strict=True):
                for key, turn in (("plain_us", plain), ("step_us", passes)):
                    turn.run()
                    one[key].append(turn.run())
    for one in found.values():
        ratios = [own / base for own, base in zip(one["step_us"], one["plain_us"], strict=True)]
        one["ratio"] = statistics.median(ratios)
        one["quartiles"] = [float(q) for q in np.quantile(ratios, (0.25, 0.75))]
    return found


def main():
    """Prints the table and writes the rounds."""
    arguments = parser(__doc__, repeats=31)
    arguments.add_argument("--only", nargs="+", help="variants, by name")
    options = arguments.parse_args()
    restart_with(options.threads)
    known = variants()
    wanted = {name: known[name] for name in options.only or known if name != PLAIN}
    report = begin(options)
    found = measure(wanted, options)
    base = statistics.median(us for one in found.values() for us in one["plain_us"])
    print(
        f"{NETWORK.title}, {options.dtype}, {options.threads} threads, medians of"
        f" {options.repeats} rounds; load before the run {report['load']}\n"
        f"{'variant':16}{'step us':>10}{'ratio':>8}   quartiles\n"
        f"{PLAIN:16}{base:10.1f}{1:8.2f}"
    )
    for name, one in found.items():
        low, high = one["quartiles"]
        step = statistics.median(one["step_us"])
        print(f"{name:16}{step:10.1f}{one['ratio']:8.2f}   {low:.2f} to {high:.2f}")
    write(options.json, report | {"network": NETWORK.title, "plain_us": base, "variants": found})


if __name__ == "__main__":
    main()
