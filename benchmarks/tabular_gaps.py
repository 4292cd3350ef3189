"""Whether a lead over a peer on a test part is more than its rows leave open.

    FUSEDNN_DATA=... python -m benchmarks.tabular_gaps --keep FOLDER [--sets titanic] [--seeds 0 1]

Fits a method and a peer as `benchmarks.tabular` does, keeps the predictions in the folder, which
later runs take them from, and prints the differences of the errors (1 - AUC, 1 - accuracy, RMSE;
log-loss), below 0 where the method is ahead, with bootstrap intervals over the test rows.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from .measuring.tabular.gaps import gaps
from .measuring.tabular.methods import METHODS
from .measuring.tabular.scores import FIRST
from .measuring.tabular.sets import SETS
from .measuring.tabular.trial import in_process


def answers(name, seed, method, options):
    """The target of the test part and what the method predicts there."""
    kept = options.keep.resolve() / f"{name}-{seed}-{method}.npz"
    if not kept.exists():
        asked = {"set": name, "seed": seed, "method": method, "keep": str(kept)}
        found = in_process(asked | {"threads": options.threads, "cap": options.cap})
        if "failed" in found:
            sys.exit(f"{method} failed on {name}: {found['failed']}")
    with np.load(kept) as file:
        return file["target"], file["predicted"]


def main():
    """Prints a row for each table and seed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tabular_gaps",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--keep", type=Path, required=True, help="a folder for predictions")
    parser.add_argument("--method", choices=METHODS, default="fusednn-default", metavar="NAME")
    parser.add_argument("--peer", choices=METHODS, default="catboost", metavar="NAME")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS), metavar="NAME")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cap", type=float, default=6000, help="seconds of a fit, at most")
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    print(
        "| table | seed | metric | difference | 5 to 95 % | ahead | log-loss | 5 to 95 % | ahead |"
    )
    print(f"|{' --- |' * 9}")
    for name in options.sets:
        for seed in options.seeds:
            target, ours = answers(name, seed, options.method, options)
            _, theirs = answers(name, seed, options.peer, options)
            task = SETS[name]().task
            first, second = gaps(task, target, ours, theirs)
            metric = FIRST[task] if task == "numbers" else f"1 - {FIRST[task]}"
            cells = _cells(*first) + (_cells(*second) if task != "numbers" else [""] * 3)
            print(f"| {name} | {seed} | {metric} | {' | '.join(cells)} |", flush=True)


def _cells(difference, low, high, share):
    return [f"{difference:+.3g}", f"{low:+.3g} to {high:+.3g}", f"{share:.0%}"]


if __name__ == "__main__":
    main()
