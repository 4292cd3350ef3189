"""Test accuracy of networks on time series, beside a random forest.

    FUSEDNN_DATA=... python -m benchmarks.series [--seeds 0 1 2] [--sets GunPoint] [--epochs 300]
                                                 [--kinds convolutions encoder]

"convolutions" is `layers.presets.series()`, and "encoder" two blocks of attention over windows of
eight steps. One list of layers each and one set of options for all sets of `archive`, on the
archives' own splits, without a look at their test parts: `--choose` is how they were chosen, by
cross-validation within the training parts. The forest has 500 trees and sees a series as a row.
Accuracies are means over the seeds; the last line is the mean over the sets.
"""

import argparse
import time
import warnings
from functools import partial

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold

from fusednn import NetworkClassifier
from fusednn.layers import (
    Conv1D,
    Dropout,
    GlobalAvgPool,
    LayerNorm,
    PositionalEncoding,
    TransformerBlock,
    presets,
)
from fusednn.optimizers import AdamW
from fusednn.schedules import OneCycle

from .measuring.archive import SETS, folder, load


def encoder():
    """A vector for each window, positions, blocks, their mean."""
    blocks = [TransformerBlock(4, dropout=0.2)] * 2
    windows = Conv1D(64, 8, stride=4)
    return [windows, PositionalEncoding(), *blocks, LayerNorm(), GlobalAvgPool(), Dropout(0.2)]


KINDS = {"convolutions": (presets.series, 1e-2), "encoder": (encoder, 2e-3)}
"""The hidden layers of each network, and the largest rate."""


def network(kind, epochs, seed, jobs):
    """The estimator for every set."""
    layers, rate = KINDS[kind]
    return NetworkClassifier(
        layers(),
        standardize=True,
        solver=AdamW(),
        learning_rate=OneCycle(),
        learning_rate_init=rate,
        batch_size=16,
        max_iter=epochs,
        n_iter_no_change=epochs,
        random_state=seed,
        n_jobs=jobs,
    )


def forest(seed, jobs):
    """The peer."""
    return RandomForestClassifier(500, random_state=seed, n_jobs=jobs)


def splits(name, choose):
    """Training and test parts of a set: the archive's, or four within the training part."""
    X, y = load(name, "TRAIN")
    if not choose:
        yield X, y, *load(name, "TEST")
        return
    for train, test in StratifiedKFold(4, shuffle=True, random_state=0).split(X, y):
        yield X[train], y[train], X[test], y[test]


def accuracy_and_seconds(make, parts, rows):
    """Means over the parts; `rows`: the estimator takes a row for each series."""
    scores, start = [], time.perf_counter()
    for X, y, X_test, y_test in parts:
        if rows:
            X, X_test = (one.reshape(len(one), -1) for one in (X, X_test))
        scores.append(make().fit(X, y).score(X_test, y_test))
    return np.mean(scores), time.perf_counter() - start


def main():
    """Prints a line for each set, then the means."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.series", description=__doc__)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=300)
    parser.add_argument("--jobs", type=int, help="threads; default: as many as help")
    parser.add_argument("--choose", action="store_true", help="judge by the training parts alone")
    options = parser.parse_args()
    folder()
    warnings.simplefilter("ignore")  # max_iter is small on purpose
    print(f"{'set':20}" + "".join(f"{kind:>14}{'seconds':>9}" for kind in options.kinds), end="")
    print(f"{'forest':>10}", flush=True)
    means = []
    for name in options.sets:
        parts, found = [*splits(name, options.choose)], []
        for seed in options.seeds:
            line = []
            for kind in options.kinds:
                make = partial(network, kind, options.epochs, seed, options.jobs)
                line += accuracy_and_seconds(make, parts, False)
            trees, _ = accuracy_and_seconds(partial(forest, seed, options.jobs), parts, True)
            found.append((*line, trees))
        means.append(np.mean(found, axis=0))
        print(row(name, means[-1]), flush=True)
    print(row("mean", np.mean(means, axis=0)))


def row(name, numbers):
    """A line of the table."""
    *pairs, trees = numbers
    each = zip(pairs[::2], pairs[1::2], strict=True)
    found = "".join(f"{score:14.4f}{seconds:9.1f}" for score, seconds in each)
    return f"{name:20}{found}{trees:10.4f}"


if __name__ == "__main__":
    main()
