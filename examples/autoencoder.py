"""Codes of 32 numbers for MNIST's digits, by `Autoencoder` beside PCA.

    FUSEDNN_DATA=folder python examples/autoencoder.py [--plot autoencoder.png] [--epochs 20]

Both learn from the 60,000 training images and give back the 10,000 test images from 32 numbers
each. Prints the mean squared error of both, of pixels in [0, 1], and seconds. The network has no
lists: its layers follow from the images.
"""

from __future__ import annotations

import argparse
import time
import warnings
from typing import NamedTuple

import numpy as np
from images import load
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning

from fusednn import Autoencoder
from fusednn.schedules import Cosine

NUMBERS = 32


class Outcome(NamedTuple):
    """What one way gives back of the test images, its error, and the seconds that it took."""

    name: str
    images: np.ndarray
    error: float
    seconds: float


def network(epochs: int, seed: int = 0, threads: int | None = None, **options) -> Autoencoder:
    """The estimator; `options` are parameters in place of those here."""
    found = {"batch_size": 64, "learning_rate": Cosine(), "max_iter": epochs, "tol": 0.0}
    return Autoencoder(random_state=seed, n_jobs=threads, **(found | options))


def run(name: str, model, train: np.ndarray, test: np.ndarray) -> Outcome:
    """Fits a model with `transform` and `inverse_transform`."""
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it has the epochs that it is given
        model.fit(train)
    seconds = time.perf_counter() - start
    back = model.inverse_transform(model.transform(test))
    return Outcome(name, back, float(np.square(back - test).mean()), seconds)


def table(outcomes: list[Outcome]) -> str:
    """A line for each way; the first is what the others are compared with."""
    first = outcomes[0].error
    return "\n".join(
        f"{one.name:12} error {one.error:.5f}, {one.error / first:.2f} of {outcomes[0].name}'s,"
        f" {one.seconds:.0f} s"
        for one in outcomes
    )


def draw(path, test: np.ndarray, outcomes: list[Outcome], count: int = 12) -> None:
    """Draws test images, and below them what each way gives back."""
    from matplotlib import pyplot

    rows = [("data", test), *((one.name, one.images) for one in outcomes)]
    figure, axes = pyplot.subplots(len(rows), 1, figsize=(6, len(rows) * 0.75))
    for axis, (name, images) in zip(axes, rows, strict=True):
        axis.imshow(np.hstack(images[:count].reshape(count, 28, 28)), "gray_r", vmin=0, vmax=1)
        axis.set_title(name, fontsize=8)
        axis.set_axis_off()
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    pyplot.close(figure)


def main(arguments=None) -> None:
    """Prints the table, and draws if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--tied", action="store_true", help="tie the decoder to the encoder")
    parser.add_argument("--plot", metavar="PNG", help="draw the first test images")
    asked = parser.parse_args(arguments)
    train, _, test, _ = load("mnist")
    train, test = (images.reshape(len(images), -1) for images in (train, test))
    model = network(asked.epochs, asked.seed, asked.threads, tied=asked.tied)
    outcomes = [
        run("PCA", PCA(NUMBERS, random_state=0), train, test),
        run("Autoencoder", model, train, test),
    ]
    print(table(outcomes))
    if asked.plot:
        draw(asked.plot, test, outcomes)


if __name__ == "__main__":
    main()
