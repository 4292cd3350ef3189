"""Test accuracy of `layers.presets.series()` on time series, beside a random forest.

    FUSEDNN_DATA=... python -m benchmarks.series [--seeds 0 1 2] [--sets GunPoint] [--epochs 300]

One list of layers and one set of options for all sets of `archive`, on the archives' own splits,
without a look at their test parts: `--choose` is how they were chosen, by cross-validation within
the training parts. The forest has 500 trees and sees a series as a row. Accuracies are means over
the seeds; the last line is the mean over the sets.
"""

import argparse
import time
import warnings

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold

from fusednn import NetworkClassifier
from fusednn.layers import presets
from fusednn.optimizers import AdamW
from fusednn.schedules import OneCycle

from .measuring.archive import SETS, folder, load


def network(epochs, seed, jobs):
    """The estimator for every set."""
    return NetworkClassifier(
        presets.series(),
        standardize=True,
        solver=AdamW(),
        learning_rate=OneCycle(),
        learning_rate_init=1e-2,
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
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=300)
    parser.add_argument("--jobs", type=int, help="threads; default: as many as help")
    parser.add_argument("--choose", action="store_true", help="judge by the training parts alone")
    options = parser.parse_args()
    folder()
    warnings.simplefilter("ignore")  # max_iter is small on purpose
    print(f"{'set':20}{'fusednn':>10}{'forest':>10}{'seconds':>10}", flush=True)
    means = []
    for name in options.sets:
        parts, found = [*splits(name, options.choose)], []
        for seed in options.seeds:
            ours, seconds = accuracy_and_seconds(
                lambda seed=seed: network(options.epochs, seed, options.jobs), parts, False
            )
            trees, _ = accuracy_and_seconds(
                lambda seed=seed: forest(seed, options.jobs), parts, True
            )
            found.append((ours, trees, seconds))
        means.append(np.mean(found, axis=0))
        ours, trees, seconds = means[-1]
        print(f"{name:20}{ours:10.4f}{trees:10.4f}{seconds:10.1f}", flush=True)
    ours, trees, seconds = np.mean(means, axis=0)
    print(f"{'mean':20}{ours:10.4f}{trees:10.4f}{seconds:10.1f}")


if __name__ == "__main__":
    main()
