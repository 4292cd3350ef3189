"""Data for the tests: scikit-learn's bundled sets, and real ones where FUSEDNN_DATA has them.

Kernels are cached where the user's are: the cache is keyed by a digest of their sources, so
no test can see a stale one. Where that place cannot be written to, they are kept for this run.
"""

import gc
import gzip
import os
import shutil
import signal
import tempfile
from pathlib import Path

import numpy as np
import pytest
from fusednn.kernels._cachedir import kernel_directory
from short_run import pytest_collection_modifyitems  # noqa: F401 - a hook of pytest's
from side_by_side import pytest_cmdline_main  # noqa: F401 - a hook of pytest's
from sklearn.datasets import load_diabetes, load_digits


def pytest_configure(config):
    # a shell's background jobs ignore Ctrl-C, and so would the processes that tests interrupt
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        folder = kernel_directory(create=True)
        writable = folder is None or os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        os.environ["FUSEDNN_CACHE_DIR"] = kept = tempfile.mkdtemp()
        config.add_cleanup(lambda: shutil.rmtree(kept, ignore_errors=True))


def pytest_collection_finish(session):
    """The garbage collector looks no more at what stays: the tests, and all modules."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def digits():
    """1797 images of 8 x 8, in [0, 1], and their labels."""
    X, y = load_digits(return_X_y=True)
    return X / 16, y


@pytest.fixture(scope="session")
def diabetes():
    """442 samples of 10 features; features and target with variance 1."""
    X, y = load_diabetes(return_X_y=True)
    return X / X.std(axis=0), (y - y.mean()) / y.std()


def _idx(path, offset):
    with gzip.open(path) as file:
        return np.frombuffer(file.read(), np.uint8, offset=offset)


@pytest.fixture(scope="session")
def images(digits):
    """Train and test images and labels: Fashion-MNIST in FUSEDNN_DATA, else the digits.

    The last item is the accuracy that a small network must reach on the test part.
    """
    folder = Path(os.environ.get("FUSEDNN_DATA", "")) / "fashion-mnist"
    if not (folder / "train-images-idx3-ubyte.gz").is_file():
        X, y = digits
        return X[:1400], y[:1400], X[1400:], y[1400:], 0.82
    parts = []
    for name in ("train", "t10k"):
        X = _idx(folder / f"{name}-images-idx3-ubyte.gz", 16).reshape(-1, 784)
        parts += [X[:10_000] / np.float32(255), _idx(folder / f"{name}-labels-idx1-ubyte.gz", 8)]
    return parts[0], parts[1][:10_000], parts[2], parts[3][:10_000], 0.83
