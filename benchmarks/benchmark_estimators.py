"""asv: fits and predictions through the public classes of fusednn and scikit-learn.

Next to the time of a fit is its test score, so that a loss of accuracy for speed is visible. Both
libraries use one thread, because a history over commits needs figures that other processes disturb
little; `compare` measures with more threads.
"""

import warnings
from argparse import Namespace
from functools import cache

import numpy as np

from benchmarks.measuring.contestants import Fusednn
from benchmarks.measuring.networks import NETWORKS, Network, make_data

from .memory import SOLVERS, extra_bytes
from .sparse import BATCHES, make_sparse, measure

LIBRARIES = ("fusednn", "sklearn")
OPTIONS = {
    "digits": {"hidden_layer_sizes": (100,), "max_iter": 30},
    "synthetic": {"hidden_layer_sizes": (64, 64), "max_iter": 5},
}
THREADS = 1


def classifier(library, **options):
    """A classifier of either library, on `THREADS` threads."""
    if library == "fusednn":
        from fusednn import MLPClassifier

        return MLPClassifier(random_state=0, n_jobs=THREADS, **options)
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits

    threadpool_limits(THREADS)
    return MLPClassifier(random_state=0, **options)


@cache
def data_set(name):
    """Training and test parts of a data set, in float32: X, X_test, y, y_test."""
    from sklearn.datasets import load_digits, make_classification
    from sklearn.model_selection import train_test_split

    if name == "digits":
        X, y = load_digits(return_X_y=True)
        X /= 16
    else:
        X, y = make_classification(
            20000, 40, n_informative=12, n_classes=4, n_clusters_per_class=3, random_state=0
        )
    return train_test_split(X.astype(np.float32), y, test_size=0.3, random_state=0)


class _Estimators:
    params = (tuple(OPTIONS), LIBRARIES)
    param_names = ("data", "library")

    def setup(self, data, library):
        warnings.simplefilter("ignore")  # the fits are short on purpose
        self.X, self.X_test, self.y, self.y_test = data_set(data)
        small = OPTIONS[data] | {"max_iter": 1}
        self.small = classifier(library, **small).fit(self.X[:500], self.y[:500])
        for rows in (1, len(self.X)):  # compiles; the fit above has done so for fits
            self.small.predict_proba(self.X[:rows])
        self.estimator = classifier(library, **OPTIONS[data])


class Fit(_Estimators):
    """A whole fit: seconds, accuracy on the test part, memory of the process."""

    def time_fit(self, data, library):
        self.estimator.fit(self.X, self.y)

    def peakmem_fit(self, data, library):
        self.estimator.fit(self.X, self.y)

    def track_test_score(self, data, library):
        return self.estimator.fit(self.X, self.y).score(self.X_test, self.y_test)

    track_test_score.unit = "accuracy"


class Predict(_Estimators):
    """Probabilities for all training rows at once, and for a few rows one by one."""

    def time_all_rows(self, data, library):
        for _ in range(4):
            self.small.predict_proba(self.X)

    def time_ten_single_rows(self, data, library):
        for row in range(10):
            self.small.predict_proba(self.X[row : row + 1])


class LargePredict:
    """Probabilities for 20,000 rows at once, with networks of `inference`."""

    params = (("tabular", "image"), LIBRARIES)
    param_names = ("network", "library")

    def setup(self, network, library):
        warnings.simplefilter("ignore")
        network = NETWORKS[network]
        X, y = make_data(network)
        self.X, _ = make_data(network._replace(samples=20_000), seed=1)
        small = {"hidden_layer_sizes": network.hidden, "max_iter": 1}
        self.estimator = classifier(library, **small).fit(X[:1000], y[:1000])
        self.estimator.predict_proba(self.X)  # compiles

    def time_predict_proba(self, network, library):
        self.estimator.predict_proba(self.X)


class PartialFit:
    """A hundred calls of `partial_fit` with 32 rows on a warm estimator."""

    params = (("float64", "float32"), LIBRARIES)
    param_names = ("dtype", "library")

    def setup(self, dtype, library):
        self.X, self.y = make_data(Network(3200, (20, 100, 3), 32), dtype)
        self.estimator = classifier(library, hidden_layer_sizes=(100,))
        self.estimator.partial_fit(self.X[:32], self.y[:32], classes=range(3))
        self.time_hundred_calls(dtype, library)

    def time_hundred_calls(self, dtype, library):
        for start in range(0, 3200, 32):
            rows = slice(start, start + 32)
            self.estimator.partial_fit(self.X[rows], self.y[rows])


class Sparse:
    """A training step on CSR of 10,000 features at 1 % density, as `sparse` measures it."""

    params = (BATCHES,)
    param_names = ("batch",)
    timeout = 300

    def track_step(self, batch):
        Fusednn.n_jobs = THREADS
        options = Namespace(rows=2 * BATCHES[0], repeats=3, seconds=0.1, threads=THREADS)
        data = {"csr": make_sparse(options.rows)}
        return measure(batch, data, options)["step_us"]["csr"]["median"]

    track_step.unit = "us"


class Memory:
    """Memory that a fit on 60,000 x 784 float32 adds to the memory in use before it."""

    params = (tuple(SOLVERS),)
    param_names = ("solver",)
    timeout = 300

    def track_extra(self, solver):
        return extra_bytes("fusednn", solver, epochs=1) / 1e6

    track_extra.unit = "MB"
