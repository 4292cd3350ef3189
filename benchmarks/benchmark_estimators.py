"""asv: fits and predictions through the public classes, scikit-learn's beside ours.

A time of fit stands next to the test score that this fit reaches, so that speed is never bought
with accuracy unseen. One thread, for ours and for scikit-learn's BLAS: a history over commits
wants figures that another busy process moves little; `compare` measures with more.
"""

import warnings
from functools import cache

import numpy as np

from .memory import SOLVERS, extra_bytes

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
        for rows in (1, len(self.X)):  # compiles, as the fit has
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


class PartialFit(_Estimators):
    """Ten calls on 32 rows each, after the first."""

    def time_ten_batches(self, data, library):
        for _ in range(10):
            self.small.partial_fit(self.X[:32], self.y[:32])


class Memory:
    """What a fit on 60,000 x 784 float32 adds to the memory that was in use before it."""

    params = (tuple(SOLVERS),)
    param_names = ("solver",)
    timeout = 300

    def track_extra(self, solver):
        return extra_bytes("fusednn", solver, epochs=1) / 1e6

    track_extra.unit = "MB"
