"""Time of `partial_fit` of a few rows on a warm estimator, fusednn beside scikit-learn.

    python -m benchmarks.partial_fit [--threads 2] [--rows 32] [--calls 200] [--repeats 15]
                                     [--json PATH]

20 features, 100 hidden units, 3 classes, default options, float64 and float32 unless `--dtype`
names one. An estimator has
learnt from every batch before it is timed; a turn is `--calls` calls on as many different batches
that lie ready, in interleaved rounds (`rounds`). What a call costs besides its one step, checks of
the input most of all, is the point: nothing is taken off. Bound CPUs, threads and BLAS kernels
are as `compare` has them.
"""

import time

import numpy as np

from .environment import restart_with
from .networks import Network, make_data
from .report import begin, parser, write
from .rounds import OURS, choose_peers, enter, in_words, ratios, summary, take_turns

SIZES = (20, 100, 3)
DTYPES = ("float64", "float32")


class Fusednn:
    """fusednn.MLPClassifier.partial_fit, batch after batch."""

    def __init__(self, X, y, rows, threads):
        self.threads = threads
        self.batches = [(X[i : i + rows], y[i : i + rows]) for i in range(0, len(X), rows)]
        self.estimator = self.make(hidden_layer_sizes=SIZES[1:-1], random_state=0)

    def make(self, **options):
        from fusednn import MLPClassifier

        return MLPClassifier(**options)

    def prepare(self):
        self.estimator.partial_fit(*self.batches[0], classes=np.arange(SIZES[-1]))
        self.run()

    def run(self):
        """Seconds of a call for every batch."""
        partial_fit = self.estimator.partial_fit
        start = time.perf_counter()
        for X, y in self.batches:
            partial_fit(X, y)
        return time.perf_counter() - start


class ScikitLearn(Fusednn):
    """sklearn.neural_network.MLPClassifier.partial_fit, its BLAS held to the threads."""

    def make(self, **options):
        from sklearn.neural_network import MLPClassifier

        return MLPClassifier(**options)

    def run(self):
        from threadpoolctl import threadpool_limits

        with threadpool_limits(self.threads):
            return super().run()


LEARNERS = {OURS: Fusednn, "sklearn": ScikitLearn}


def measure(names, dtype, rows, calls, rounds, threads):
    """All rounds of one type.

    Parameters
    ----------
    names : sequence of str
        Of `LEARNERS`, ours first.
    dtype : str
    rows, calls, rounds, threads : int

    Returns
    -------
    dict
        Per library microseconds of a call, and scikit-learn's ratio with its interval.
    """
    X, y = make_data(Network(rows * calls, SIZES, rows), dtype)
    field = enter(names, lambda name: LEARNERS[name](X, y, rows, threads), lambda learner: calls)
    turns, _ = take_turns(
        field, lambda learner, calls: 1e6 * learner.run() / calls, rounds, lambda: None
    )
    times = {name: summary(found) for name, found in turns.items()}
    return {"dtype": dtype, "call_us": times, "ratios": ratios(times)}


def main():
    """Prints a line for each type."""
    arguments = parser(__doc__, repeats=15)
    arguments.add_argument("--rows", type=int, default=32, help="of a call")
    arguments.add_argument("--calls", type=int, default=200, help="of a turn")
    arguments.set_defaults(dtype=None)
    options = arguments.parse_args()
    restart_with(options.threads)
    report = begin(options, results=[])
    names = [OURS, *choose_peers("sklearn", LEARNERS)]
    print(
        f"partial_fit of {options.rows} rows, {'-'.join(map(str, SIZES))}, {options.threads}"
        f" threads, medians of {options.repeats} rounds; load before the run {report['load']}"
    )
    for dtype in [options.dtype] if options.dtype else DTYPES:
        found = measure(
            names, dtype, options.rows, options.calls, options.repeats, options.threads
        )
        report["results"].append(found)
        for name, times in found["call_us"].items():
            print(f"{dtype:9}{name:10}{times['median']:8.1f} us (best {times['best']:.1f})")
        for name, one in found["ratios"].items():
            print(f"{'':9}{name} / fusednn {in_words(one)}", flush=True)
    write(options.json, report)


if __name__ == "__main__":
    main()
