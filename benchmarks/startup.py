"""Time of imports and of the first fit in a new process, with an empty and a filled disk cache.

    python -m benchmarks.startup [--repeats 3]

Every figure is from a new process. The cache of kernels is in a temporary directory: empty for the
first process (cold), and filled by it for the following ones (warm).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

_FIRST_FIT = """
import json, time, warnings
begin = time.perf_counter()
import sklearn.neural_network
sklearn_there = time.perf_counter()
from fusednn import MLPClassifier
imported = time.perf_counter()
import numpy as np
warnings.simplefilter("ignore")
random = np.random.default_rng(0)
X, y = random.standard_normal((1000, 20)), random.integers(0, 3, 1000)
start = time.perf_counter()
MLPClassifier((32,), max_iter=2, random_state=0).fit(X, y)
end = time.perf_counter()
print(json.dumps({
    "sklearn": sklearn_there - begin,
    "import": imported - sklearn_there,
    "fit": end - start,
    "over_sklearn": imported - sklearn_there + end - start,
}))
"""

_IMPORT = """
import time
begin = time.perf_counter()
import fusednn
print(time.perf_counter() - begin)
"""


def _output(code, cache=None):
    environment = dict(os.environ)
    if cache is not None:
        environment["FUSEDNN_CACHE_DIR"] = cache
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    return done.stdout


def first_fit(cache):
    """Times the first fit of a new process.

    Parameters
    ----------
    cache : str
        Directory of the cache of kernels.

    Returns
    -------
    dict
        Seconds: "sklearn", import of scikit-learn's networks; "import", import of `MLPClassifier`
        after that; "fit", its fit; "over_sklearn", the sum of the last two.
    """
    return json.loads(_output(_FIRST_FIT, cache))


def cold_and_warm(repeats=1):
    """A cold first fit, and the medians of `repeats` warm ones, as `first_fit` returns them."""
    with tempfile.TemporaryDirectory() as cache:
        cold = first_fit(cache)
        warm = [first_fit(cache) for _ in range(repeats)]
    return cold, {key: statistics.median(one[key] for one in warm) for key in cold}


def import_seconds():
    """Seconds of `import fusednn` in a new process."""
    return float(_output(_IMPORT))


def main():
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=3, help="processes per figure")
    repeats = parser.parse_args().repeats
    bare = statistics.median(import_seconds() for _ in range(repeats))
    cold, warm = cold_and_warm(repeats)
    for name, seconds in (
        ("import fusednn", bare),
        ("import sklearn.neural_network", warm["sklearn"]),
        ("from fusednn import MLPClassifier, after that", warm["import"]),
        ("cold first fit", cold["fit"]),
        ("warm first fit", warm["fit"]),
        ("warm import and first fit, over scikit-learn's import", warm["over_sklearn"]),
    ):
        print(f"{name:54}{seconds:8.3f} s")


if __name__ == "__main__":
    main()
