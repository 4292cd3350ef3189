"""Test accuracy and time of an MLPClassifier on Fashion-MNIST.

    python -m benchmarks.measuring.fashion [--sklearn] [--threads N] [--seeds 0 1 2]

Reads the four idx files, plain or `.gz`, from `$FUSEDNN_DATA/fashion-mnist`. Pixels are only
divided by 255. With --sklearn, scikit-learn trains with the same options, and the accuracies
should agree up to rounding.
"""

import argparse
import gzip
import os
import sys
import time
import warnings
from pathlib import Path

import numpy as np

OPTIONS = {
    "hidden_layer_sizes": (512, 256),
    "solver": "sgd",
    "learning_rate": "adaptive",  # a pass without improvement divides the rate by five
    "learning_rate_init": 0.1,
    "batch_size": 200,
    "alpha": 1e-2,
    "max_iter": 25,
    "early_stopping": True,
    "validation_fraction": 0.05,
    "n_iter_no_change": 1,
    "tol": 1e-3,
}
FOLDER = "fashion-mnist"


def read_idx(folder, name):
    """Reads an idx file of unsigned bytes, plain or compressed.

    Parameters
    ----------
    folder : Path
    name : str
        Without ".gz".

    Returns
    -------
    ndarray of uint8
    """
    path = folder / f"{name}.gz"
    content = gzip.decompress(path.read_bytes()) if path.exists() else (folder / name).read_bytes()
    if content[:3] != b"\0\0\x08":
        raise ValueError(f"{name} is not an idx file of unsigned bytes")
    dimensions = content[3]
    shape = np.frombuffer(content, ">u4", dimensions, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def load(part):
    """Pixels in [0, 1] as float32, a row per image, and labels; `part` is "train" or "t10k"."""
    if "FUSEDNN_DATA" not in os.environ:
        sys.exit(f"set FUSEDNN_DATA to the folder that holds {FOLDER}/")
    folder = Path(os.environ["FUSEDNN_DATA"]) / FOLDER
    images, labels = (
        read_idx(folder, f"{part}-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1")
    )
    return images.reshape(len(images), -1).astype(np.float32) / 255, labels


def run(title, estimator, train, test):
    """Fits, scores and prints a line."""
    start = time.perf_counter()
    estimator.fit(*train)
    seconds = time.perf_counter() - start
    rate = estimator.n_iter_ * len(train[0]) / seconds
    print(
        f"{title:20} test accuracy {estimator.score(*test):.4f}"
        f"  training accuracy {estimator.score(*train):.4f}"
        f"  {seconds:7.2f} s  {estimator.n_iter_} epochs  {rate:9,.0f} samples/s",
        flush=True,
    )


def main():
    """Trains fusednn's classifier, and scikit-learn's with --sklearn."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sklearn", action="store_true", help="train scikit-learn's too")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    options = parser.parse_args()
    from .environment import restart_with

    restart_with(options.threads)
    train, test = load("train"), load("t10k")
    warnings.simplefilter("ignore")  # max_iter is small on purpose
    from fusednn import MLPClassifier

    MLPClassifier(**OPTIONS | {"max_iter": 1}).fit(train[0][:1000], train[1][:1000])  # compiles
    print(", ".join(f"{key}={value}" for key, value in OPTIONS.items()))
    for seed in options.seeds:
        run(f"fusednn, seed {seed}", MLPClassifier(random_state=seed, **OPTIONS), train, test)
    if options.sklearn:
        from sklearn.neural_network import MLPClassifier as Theirs

        for seed in options.seeds:
            run(f"scikit-learn, seed {seed}", Theirs(random_state=seed, **OPTIONS), train, test)


if __name__ == "__main__":
    main()
