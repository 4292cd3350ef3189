"""Sentences of film reviews as praise or blame, by an embedding of words and a GRU.

    FUSEDNN_DATA=folder python examples/sentences.py [--plot sentences.png] [--choose]

rt-polarity (`folder/rt-polarity`, Pang and Lee 2005) has 10,662 sentences. For each of five seeds
a tenth, stratified, is the test, and the words are those of the other sentences alone. Sentences
are of unequal lengths, and none is cut. Prints the accuracy for each seed, beside that of a
logistic regression on counts of words.

The options were chosen with `--choose`, which splits the training part of seed 0 again.
"""

from __future__ import annotations

import argparse
import gzip
import os
import sys
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline

from fusednn import NetworkClassifier
from fusednn.layers import GRU, Dropout, GlobalMaxPool, TokenEmbedding
from fusednn.optimizers import AdamW
from fusednn.text import PADDING, WordTokenizer

SEEDS, EPOCHS = range(5), 8


def load() -> tuple[list[str], np.ndarray]:
    """Sentences, and 1 for praise or 0 for blame."""
    root = Path(os.environ.get("FUSEDNN_DATA", "")) / "rt-polarity"
    if "FUSEDNN_DATA" not in os.environ or not root.is_dir():
        sys.exit("set FUSEDNN_DATA to the folder that holds rt-polarity/")
    parts = []
    for kind in ("neg", "pos"):
        with gzip.open(root / f"rt-polarity.{kind}.gz", "rt", encoding="utf-8") as file:
            parts.append(file.read().splitlines())
    return [*parts[0], *parts[1]], np.repeat([0, 1], list(map(len, parts)))


def network(epochs: int = EPOCHS, seed: int = 0, **options) -> Pipeline:
    """A tokenizer and a network; `options` are sizes and rates in place of those here."""
    found = {"size": 64, "units": 32, "drop": 0.5, "rate": 0.003, "decay": 0.05} | options
    net = NetworkClassifier(
        [
            TokenEmbedding(found["size"], padding=PADDING),
            Dropout(found["drop"]),
            GRU(found["units"], return_sequences=True, bidirectional=True),
            GlobalMaxPool(),
            Dropout(found["drop"]),
        ],
        solver=AdamW(weight_decay=found["decay"]),
        learning_rate_init=found["rate"],
        batch_size=50,
        max_iter=epochs,
        clip_norm=1.0,
        random_state=seed,
    )
    return make_pipeline(WordTokenizer(split="spaces"), net)


class Outcome(NamedTuple):
    """The accuracy of a seed's test, by the network and by words alone, and seconds of the fit."""

    seed: int
    accuracy: float
    words_alone: float
    seconds: float
    curve: list[float]


def run(sentences, labels, seed: int, epochs: int, **options) -> Outcome:
    """Trains on nine tenths of some sentences, and judges by the others."""
    train, test, y, y_test = train_test_split(
        sentences, labels, test_size=0.1, stratify=labels, random_state=seed
    )
    model, start = network(epochs, seed, **options), time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(train, y)
    seconds = time.perf_counter() - start
    counts = make_pipeline(CountVectorizer(min_df=2), LogisticRegression(C=0.3, max_iter=1000))
    alone = counts.fit(train, y).score(test, y_test)
    return Outcome(seed, model.score(test, y_test), alone, seconds, model[-1].loss_curve_)


def table(outcomes: list[Outcome]) -> str:
    """A line for each seed, and the means."""
    lines = [
        f"seed {one.seed}: {one.accuracy:.4f}, words alone {one.words_alone:.4f}, a fit in"
        f" {one.seconds:.0f} s"
        for one in outcomes
    ]
    found = np.array([[one.accuracy, one.words_alone] for one in outcomes])
    (mean, alone), (spread, _) = found.mean(axis=0), found.std(axis=0)
    lines.append(f"mean {mean:.4f} (deviation {spread:.4f}), words alone {alone:.4f}")
    return "\n".join(lines)


def draw(outcomes: list[Outcome], path) -> None:
    """The losses of training, and the accuracies."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4))
    for one in outcomes:
        left.plot(1 + np.arange(len(one.curve)), one.curve, label=f"seed {one.seed}")
    left.set_xlabel("pass")
    left.set_ylabel("loss")
    left.legend(fontsize=8)
    places = np.arange(len(outcomes))
    right.bar(places - 0.2, [one.accuracy for one in outcomes], 0.4, label="GRU")
    right.bar(places + 0.2, [one.words_alone for one in outcomes], 0.4, label="words alone")
    right.set_ylim(0.6, 0.85)
    right.set_xlabel("seed")
    right.set_ylabel("accuracy")
    right.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    """Runs all seeds, prints a table, and draws the figure if that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--plot", help="file of the figure")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--choose", action="store_true", help="judge by a part of the training")
    options = parser.parse_args()
    sentences, labels = load()
    if options.choose:
        sentences, _, labels, _ = train_test_split(
            sentences, labels, test_size=0.1, stratify=labels, random_state=0
        )
    seeds = range(100, 102) if options.choose else SEEDS
    outcomes = [run(sentences, labels, seed, options.epochs) for seed in seeds]
    print(table(outcomes))
    if options.plot:
        draw(outcomes, options.plot)


if __name__ == "__main__":
    main()
