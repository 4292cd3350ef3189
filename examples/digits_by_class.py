"""Handwritten digits by class, made by a `GAN` with no option set but `random_state`.

    FUSEDNN_DATA=folder python examples/digits_by_class.py [--plot docs/digits_by_class.png]

Trains on MNIST's 60,000 images and their classes, in less than 15 minutes on two cores. Then for
each class, on 500 made images:

* recognised: the share that a network trained on the real images takes for the class asked for;
* spread: the mean distance between two of them, over that between two real test images;
* recall: the share of 500 real test images that have a made one near, within the distance to the
  third nearest of their own kind (Kynkaanniemi et al., "Improved precision and recall metric for
  assessing generative models", NeurIPS 2019, with distances between pixels). Beside it stands that
  of 500 training images in place of the made ones.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
from images import load
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import pairwise_distances

from fusednn import GAN, NetworkClassifier
from fusednn.layers import Conv2D, Dense, Flatten, MaxPool2D

EACH, NEAREST, SHOWN = 500, 3, 10
JUDGE = (
    *(Conv2D(16, 3, "relu"), MaxPool2D(2), Conv2D(32, 3, "relu"), MaxPool2D(2)),
    *(Flatten(), Dense(64, "relu")),
)


def judge_of(X, y, threads):
    """A network that recognises digits, trained on real images for two passes."""
    model = NetworkClassifier(JUDGE, batch_size=64, max_iter=2, random_state=0, n_jobs=threads)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y)


def spread(rows):
    """The mean distance between two rows."""
    return pairwise_distances(rows).sum() / (len(rows) * (len(rows) - 1))


def recall(real, made):
    """The share of real rows that lie within the reach of a made one."""
    reaches = np.sort(pairwise_distances(made), axis=1)[:, NEAREST]
    return (pairwise_distances(real, made) <= reaches).any(axis=1).mean()


def measured(judge, made, real, others):
    """Recognised, spread and both recalls, for each class; the images are by class."""
    table = []
    for digit in judge.classes_:
        rows, own, beside = (images[digit].reshape(EACH, -1) for images in (made, real, others))
        right = (judge.predict(made[digit]) == digit).mean()
        table.append((right, spread(rows) / spread(own), recall(own, rows), recall(own, beside)))
    return np.array(table)


def draw(path, made):
    """Draws a row of images for each class."""
    from matplotlib import image

    rows = [np.hstack(list(images[:SHOWN, :, :, 0])) for images in made.values()]
    image.imsave(path, 1 - np.vstack(rows).clip(0, 1), cmap="gray", vmin=0, vmax=1)


def main(arguments=None):
    """Prints a line for each class."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--passes", type=int, help="default: the estimator's")
    parser.add_argument("--threads", type=int, help="default: as many as help")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", metavar="PNG", help="draw ten images of each class")
    asked = parser.parse_args(arguments)
    X, y, X_test, y_test = load("mnist")
    options = {} if asked.passes is None else {"max_iter": asked.passes}
    start, cpu = time.perf_counter(), time.process_time()
    model = GAN(random_state=asked.seed, n_jobs=asked.threads, **options).fit(X, y)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(f"{model.n_iter_} passes: {seconds:.0f} s, {cpu:.0f} s of the processor", flush=True)
    judge = judge_of(X, y, asked.threads)
    print(f"the judge recognises {judge.score(X_test, y_test):.4f} of the real test images")
    made = {digit: model.sample(EACH, digit, random_state=asked.seed) for digit in judge.classes_}
    real, others = (
        {digit: images[labels == digit][:EACH] for digit in judge.classes_}
        for images, labels in ((X_test, y_test), (X, y))
    )
    table = measured(judge, made, real, others)
    print(f"{'digit':6}{'recognised':>11}{'spread':>8}{'recall':>8}{'of real ones':>14}")
    for digit, row in [*zip(judge.classes_, table, strict=True), ("all", table.mean(axis=0))]:
        print(f"{digit!s:6}{row[0]:11.3f}{row[1]:8.2f}{row[2]:8.3f}{row[3]:14.3f}")
    if asked.plot:
        draw(asked.plot, made)


if __name__ == "__main__":
    main()
