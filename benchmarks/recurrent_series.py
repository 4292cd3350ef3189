"""Test accuracy of a recurrent network on time series, one set of them of unequal lengths.

    FUSEDNN_DATA=... python -m benchmarks.recurrent_series [--sets JapaneseVowels] [--choose]

One list of layers and one set of options for both sets, on the archive's own splits, without a
look at their test parts: `--choose` prints how they do by cross-validation within the training
parts.
Series of JapaneseVowels have 7 to 29 steps of 12 features, those of BasicMotions 100 steps of 6.
"""

import argparse
import time
import warnings

import numpy as np
from sklearn.model_selection import StratifiedKFold

from fusednn import NetworkClassifier
from fusednn.layers import GRU, Conv1D, Dropout, GlobalAvgPool
from fusednn.optimizers import AdamW
from fusednn.schedules import OneCycle

from .measuring.archive import folder, load

SETS = "JapaneseVowels", "BasicMotions"


def network(epochs, seed, jobs):
    """The estimator for both sets."""
    return NetworkClassifier(
        [
            Dropout(0.2),
            Conv1D(64, 5, "relu"),
            GRU(64, return_sequences=True, bidirectional=True),
            GlobalAvgPool(),
            Dropout(0.5),
        ],
        standardize=True,
        solver=AdamW(weight_decay=0.1),
        learning_rate=OneCycle(),
        learning_rate_init=5e-3,
        batch_size=16,
        max_iter=epochs,
        n_iter_no_change=epochs,
        random_state=seed,
        n_jobs=jobs,
    )


def splits(name, choose, seed):
    """Training and test parts of a set: the archive's, or five within the training part."""
    X, y = load(name, "TRAIN")
    if not choose:
        yield X, y, *load(name, "TEST")
        return
    for train, test in StratifiedKFold(5, shuffle=True, random_state=seed).split(y, y):
        yield [X[row] for row in train], y[train], [X[row] for row in test], y[test]


def main():
    """Prints a line for each set: accuracies by seed, their mean and standard deviation."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.recurrent_series", description=__doc__
    )
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--jobs", type=int, help="threads; default: as many as help")
    parser.add_argument("--choose", action="store_true", help="judge by the training parts alone")
    options = parser.parse_args()
    folder()
    warnings.simplefilter("ignore")  # max_iter is small on purpose
    for name in options.sets:
        scores, start = [], time.perf_counter()
        for seed in options.seeds:
            found = [
                network(options.epochs, seed, options.jobs).fit(X, y).score(X_test, y_test)
                for X, y, X_test, y_test in splits(name, options.choose, seed)
            ]
            scores.append(np.mean(found))
        seconds = (time.perf_counter() - start) / len(scores)
        each = " ".join(f"{score:.4f}" for score in scores)
        spread = np.std(scores, ddof=1) if len(scores) > 1 else 0.0
        print(
            f"{name:16}{each}  mean {np.mean(scores):.4f}, deviation {spread:.4f},"
            f" {seconds:.1f} s a seed",
            flush=True,
        )


if __name__ == "__main__":
    main()
