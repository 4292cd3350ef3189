"""Accuracy and speed of predictors with weights in bfloat16 and int8, compared with float32.

    [FUSEDNN_DATA=...] python -m benchmarks.reduced [--threads 1] [--epochs 10] [--rows 20000]
                           [--networks image ...] [--repeats 15] [--seconds 0.1] [--json PATH]

Accuracy: 784-256-128-10 is fitted to Fashion-MNIST (`fashion`); without FUSEDNN_DATA,
64-256-128-10 is fitted to scikit-learn's digits. The frozen predictors answer the test set. The
script prints their accuracy, the largest difference of a probability from float32's, and the
number of different answers.

Speed: networks of `networks` are fitted for an epoch. `predict_proba` of one row and of `--rows`
rows, without the search for NaN, is timed in interleaved rounds (`rounds`). A turn is as many
calls as take about `--seconds`.
"""

import os
import time
import warnings

import numpy as np

from benchmarks.measuring.environment import restart_with
from benchmarks.measuring.networks import NETWORKS, make_data
from benchmarks.measuring.report import begin, parser, write
from benchmarks.measuring.rounds import OURS, enter, in_words, ratio, summary, take_turns

from .inference import fitted

KINDS = {OURS: None, "bfloat16": "bfloat16", "int8": "int8"}
"""The contestants' weights; the first keeps float32."""

HIDDEN, BATCH = (256, 128), 200


def parse():
    """The command line."""
    found = parser(__doc__, repeats=15, seconds=0.1, threads=1)
    found.add_argument("--epochs", type=int, default=10)
    found.add_argument("--rows", type=int, default=20_000, help="rows of a batch")
    usual = ["image", "wide", "tabular"]
    found.add_argument("--networks", nargs="+", choices=NETWORKS, default=usual)
    return found.parse_args()


def data():
    """The name of the data, training rows and labels, test rows and labels."""
    if "FUSEDNN_DATA" in os.environ:
        from benchmarks.measuring.fashion import load

        return "Fashion-MNIST", *load("train"), *load("t10k")
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    return "digits", X[:1300], y[:1300], X[1300:], y[1300:]


def losses(epochs):
    """Accuracies on the test set, and differences from float32, by kind of weights."""
    from fusednn import MLPClassifier, freeze

    title, X, y, X_test, y_test = data()
    network = MLPClassifier(HIDDEN, batch_size=BATCH, max_iter=epochs, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # max_iter is small on purpose
        network.fit(X, y)
    exact = freeze(network).predict_proba(X_test)
    found = {}
    for name, kind in KINDS.items():
        try:
            p = freeze(network, weights=kind).predict_proba(X_test)
        except ValueError as error:
            print(f"note: {name} left out: {error}")
            continue
        found[name] = {
            "accuracy": float(np.mean(network.classes_[p.argmax(axis=1)] == y_test)),
            "largest_difference": float(abs(p - exact).max()),
            "other_answers": int(np.sum(p.argmax(axis=1) != exact.argmax(axis=1))),
            "rows": len(p),
        }
    return title, found


class Calls:
    """A contestant that calls a predictor's `predict_proba`."""

    def __init__(self, model, weights, X, threads):
        from fusednn import freeze

        self.predictor, self.X = freeze(model, n_jobs=threads, weights=weights), X

    def prepare(self):
        self.run(2)

    def run(self, calls):
        """Seconds of `calls` calls."""
        answer, X = self.predictor.predict_proba, self.X
        start = time.perf_counter()
        for _ in range(calls):
            answer(X, None, False)
        return time.perf_counter() - start


def measure(model, X, options):
    """All rounds of one network and its rows: microseconds per call, and speedups."""
    field = enter(
        KINDS,
        lambda name: Calls(model, KINDS[name], X, options.threads),
        lambda one: max(1, round(options.seconds / min(one.run(1) for _ in range(3)))),
    )
    turns, _ = take_turns(
        field, lambda one, calls: 1e6 * one.run(calls) / calls, options.repeats, lambda: None
    )
    times = {name: summary(found) for name, found in turns.items()}
    ours = times[OURS]["rounds"]
    faster = {name: ratio(ours, one["rounds"]) for name, one in times.items() if name != OURS}
    return {"call_us": times, "times_as_fast": faster}


def main():
    """Prints accuracies, then times for each network, number of rows and kind of weights."""
    options = parse()
    restart_with(options.threads)
    title, lost = losses(options.epochs)
    report = begin(options, data=title, losses=lost, results=[])
    for name, one in lost.items():
        print(
            f"{title:14} {name:9} accuracy {one['accuracy']:.4f}, largest difference of a"
            f" probability {one['largest_difference']:.4f}, {one['other_answers']} of"
            f" {one['rows']} answers are others"
        )
    print(
        f"predict_proba, {options.threads} threads, medians of {options.repeats} rounds;"
        f" {OURS} is float32; load before the run {report['load']}"
    )
    for name in options.networks:
        network = NETWORKS[name]
        model = fitted(network, "float32")
        X, _ = make_data(network._replace(samples=options.rows), "float32", seed=1)
        for rows in (1, options.rows):
            found = measure(model, X[:rows], options)
            sizes = "-".join(map(str, network.sizes))
            report["results"].append({"network": sizes, "rows": rows, **found})
            for kind, times in found["call_us"].items():
                faster = found["times_as_fast"].get(kind)
                print(
                    f"{sizes:20} {rows:6} rows {kind:9} {times['median']:11.2f} us"
                    f" (best {times['best']:.2f})" + (f"  x {in_words(faster)}" if faster else ""),
                    flush=True,
                )
    write(options.json, report)


if __name__ == "__main__":
    main()
