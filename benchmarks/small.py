"""Time of small calls, whose overhead dominates, compared with scikit-learn.

    python -m benchmarks.small [--threads 2] [--calls 200] [--repeats 15] [--json PATH]

`partial_fit` of 32 rows and `predict` of one, on a warm estimator of 20 features, 100 hidden units
and 3 classes; a turn is `--calls` calls. And `fit` on the iris data, 150 rows, for 200 passes; a
turn is one fit. Default options, float64 and float32 unless `--dtype` names one, in interleaved
rounds (`rounds`). Nothing is subtracted from the times. CPUs, threads and BLAS kernels are set as
in `compare`.
"""

import time
import warnings
from contextlib import nullcontext

import numpy as np

from benchmarks.measuring.environment import restart_with
from benchmarks.measuring.networks import Network, make_data
from benchmarks.measuring.report import begin, parser, write
from benchmarks.measuring.rounds import (
    OURS,
    choose_peers,
    enter,
    in_words,
    ratios,
    summary,
    take_turns,
)

SIZES = (20, 100, 3)
ROWS = 32
DTYPES = ("float64", "float32")
ITERATIONS = 200


def ours():
    """fusednn.MLPClassifier."""
    from fusednn import MLPClassifier

    return MLPClassifier


def theirs():
    """sklearn.neural_network.MLPClassifier."""
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier


LIBRARIES = {OURS: ours, "sklearn": theirs}


class PartialFit:
    """`partial_fit` of batch after batch."""

    def __init__(self, make, dtype, calls):
        X, y = make_data(Network(ROWS * calls, SIZES, ROWS), dtype)
        self.batches = [(X[i : i + ROWS], y[i : i + ROWS]) for i in range(0, len(X), ROWS)]
        self.estimator = make(hidden_layer_sizes=SIZES[1:-1], random_state=0)
        self.calls = calls

    def prepare(self):
        self.estimator.partial_fit(*self.batches[0], classes=np.arange(SIZES[-1]))
        self.run()

    def run(self):
        for X, y in self.batches:
            self.estimator.partial_fit(X, y)


class Predict(PartialFit):
    """`predict` of one row, row after row."""

    def run(self):
        for X, _ in self.batches:
            self.estimator.predict(X[:1])


class Fit:
    """`fit` on the iris data, in 200 passes."""

    def __init__(self, make, dtype, calls):
        from sklearn.datasets import load_iris

        X, self.y = load_iris(return_X_y=True)
        self.X, self.make, self.calls = X.astype(dtype), make, 1

    def prepare(self):
        self.run()

    def run(self):
        model = self.make(random_state=0, max_iter=ITERATIONS)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it has not converged after 200 passes
            model.fit(self.X, self.y)
        assert model.n_iter_ == ITERATIONS


CALLS = {"partial_fit": PartialFit, "predict": Predict, "fit iris": Fit}


class Turn:
    """A contestant that makes one library's calls; scikit-learn's BLAS is limited to `threads`."""

    def __init__(self, call, name, dtype, calls, threads):
        from threadpoolctl import threadpool_limits

        self.call = call(LIBRARIES[name](), dtype, calls)
        self.limits = nullcontext if name == OURS else lambda: threadpool_limits(threads)

    def prepare(self):
        with self.limits():
            self.call.prepare()

    def seconds(self):
        """Seconds of one call."""
        with self.limits():
            start = time.perf_counter()
            self.call.run()
            return (time.perf_counter() - start) / self.call.calls


def measure(call, names, dtype, calls, rounds, threads):
    """All rounds of one call and type.

    Parameters
    ----------
    call : str
        A key of `CALLS`.
    names : sequence of str
        Keys of `LIBRARIES`, fusednn first.
    dtype : str
    calls, rounds, threads : int

    Returns
    -------
    dict
        Microseconds per call of each library, and scikit-learn's ratio with its interval.
    """
    field = enter(
        names, lambda name: Turn(CALLS[call], name, dtype, calls, threads), lambda turn: calls
    )
    turns, _ = take_turns(field, lambda turn, calls: 1e6 * turn.seconds(), rounds, lambda: None)
    times = {name: summary(found) for name, found in turns.items()}
    return {"call": call, "dtype": dtype, "call_us": times, "ratios": ratios(times)}


def main():
    """Prints lines for each call and type."""
    arguments = parser(__doc__, repeats=15)
    arguments.add_argument("--calls", type=int, default=200, help="calls per turn")
    arguments.set_defaults(dtype=None)
    options = arguments.parse_args()
    restart_with(options.threads)
    report = begin(options, results=[])
    names = [OURS, *choose_peers("sklearn", LIBRARIES)]
    print(
        f"{options.threads} threads, medians of {options.repeats} rounds; load before the run"
        f" {report['load']}"
    )
    for call in CALLS:
        for dtype in [options.dtype] if options.dtype else DTYPES:
            found = measure(call, names, dtype, options.calls, options.repeats, options.threads)
            report["results"].append(found)
            for name, times in found["call_us"].items():
                median, best = times["median"], times["best"]
                print(f"{call:12}{dtype:9}{name:10}{median:9.1f} us (best {best:.1f})")
            for name, one in found["ratios"].items():
                print(f"{'':21}{name} / fusednn {in_words(one)}", flush=True)
    write(options.json, report)


if __name__ == "__main__":
    main()
