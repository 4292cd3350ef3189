"""Time and memory of training on a CSR X of 10,000 features at 1 % density.

    python -m benchmarks.sparse [--threads 2] [--dtype float32] [--rows 8200] [--repeats 5]
                                [--memory-rows 60000] [--json PATH]

The network is 10000-256-10. Every row has one value at a random place in each stretch of a hundred
columns, so all rows have the same number of values. A dense array with the same values and zeros
is timed in the same rounds, as in `compare` (`steps`, `rounds`). The ratio is the geometric mean
of the rounds' ratios, dense over CSR.

Adam reads and writes weights and both moments in every step, six numbers per parameter, 24 bytes
in float32. These bytes divided by the bandwidth of `peak.stream_gbytes`, measured before each
round with the same number of threads, are the least time of a step whose parameters come from
memory. A step can be faster if caches hold a part of them.

Memory is that of a fit on `--memory-rows` in a new process, measured as in `memory`: the excess of
the peak over the memory before the fit, which includes X. It is compared with the bytes of X and
of the network (parameters and two moments).
"""

import argparse
import json
import warnings
from functools import partial
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_matrix

from benchmarks.measuring.environment import restart_with
from benchmarks.measuring.networks import Network
from benchmarks.measuring.report import begin, parser, write
from benchmarks.measuring.rounds import enter, in_words, ratio
from benchmarks.measuring.steps import count_epochs, step_times

from .memory import in_child, peak_above

SIZES = (10_000, 256, 10)
STRETCH = 100
BATCHES = (1024, 200)
BANDWIDTH_BATCH = 200


def parse():
    """The command line."""
    found = parser(__doc__, repeats=5, seconds=0.4)
    found.add_argument("--rows", type=int, default=8200, help="40 kB each in the dense array")
    found.add_argument("--memory-rows", type=int, default=60_000, help="0: no memory figures")
    found.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return found.parse_args()


def make_sparse(rows, dtype="float32", seed=0):
    """Standard normal values, one in each stretch of columns, and uniform random classes.

    Parameters
    ----------
    rows : int
    dtype : str
    seed : int

    Returns
    -------
    X : csr_matrix of shape (rows, 10000)
    y : ndarray of int64 of shape (rows,)
    """
    random = np.random.default_rng(seed)
    per_row = SIZES[0] // STRETCH
    places = random.integers(0, STRETCH, (rows, per_row), dtype=np.int32)
    places += STRETCH * np.arange(per_row, dtype=np.int32)
    values = random.standard_normal(rows * per_row, dtype=dtype)
    starts = np.arange(0, rows * per_row + 1, per_row, dtype=np.int32)
    X = csr_matrix((values, places.ravel(), starts), shape=(rows, SIZES[0]))
    return X, random.integers(0, SIZES[-1], rows)


def parameters():
    """The number of the network's weights and biases."""
    return sum((i + 1) * o for i, o in pairwise(SIZES))


def measure(batch, data, options):
    """Times steps at one batch size.

    Parameters
    ----------
    batch : int
    data : dict of (X, y)
        "csr" and perhaps "dense".
    options : Namespace

    Returns
    -------
    dict
        Microseconds per step, GB/s before each round, and dense / csr if `data` has both.
    """
    from benchmarks.measuring.contestants import Fusednn
    from benchmarks.measuring.peak import stream_gbytes

    rows = options.rows // batch * batch
    network = Network(rows, SIZES, batch)
    field = enter(
        list(data),
        lambda name: Fusednn(network, *(part[:rows] for part in data[name]), options.threads),
        partial(count_epochs, seconds=options.seconds),
        required=data,
    )
    times, rates = step_times(field, options.repeats, partial(stream_gbytes, options.threads))
    found = {"batch": batch, "rows": rows, "step_us": times, "stream_gbytes": rates}
    if "dense" in times:
        found["ratio"] = ratio(times["dense"]["rounds"], times["csr"]["rounds"])
    return found


def fit_bytes(rows, dtype):
    """Bytes of X, of the network and of a fit's peak; call it in a new process."""
    from fusednn import MLPClassifier

    warnings.simplefilter("ignore")
    X, y = make_sparse(rows, dtype)
    options = {"hidden_layer_sizes": SIZES[1:-1], "max_iter": 2, "random_state": 0}
    # small, because memory that it frees stays resident and would hide the fit's
    few = X[:2000, :STRETCH]
    MLPClassifier(**options).fit(few, y[:2000])  # compiles
    estimator = MLPClassifier(**options)
    return {
        "extra": peak_above(lambda: estimator.fit(X, y)),
        "X": sum(part.nbytes for part in (X.data, X.indices, X.indptr)),
        "network": 3 * parameters() * X.dtype.itemsize,
    }


def print_step(found, least):
    """Prints a line for each form of X, for one batch with the optimizer's least time."""
    for name, times in found["step_us"].items():
        print(f"batch {found['batch']:5} {name:6}{times['median']:10.1f} us", end="")
        print(f" (best {times['best']:.1f})", end="")
        if "least_us" in found:
            print(f", {times['median'] / least:.2f} times the optimizer's {least:.0f} us", end="")
        print()
    if "ratio" in found:
        print(f"{'':12}dense / csr {in_words(found['ratio'])}")


def print_memory(found):
    """Prints the memory of a fit."""
    extra, data, network = (found[key] / 1e6 for key in ("extra", "X", "network"))
    print(
        f"memory: X {data:.1f} MB, parameters and moments {network:.1f} MB, the fit's peak"
        f" {extra:.1f} MB above X: with X {(data + extra) / (data + network):.2f} times both"
    )


def main():
    """Prints the steps and the memory."""
    options = parse()
    if options.child:
        print(json.dumps(fit_bytes(options.memory_rows, options.dtype)))
        return
    restart_with(options.threads)
    report = begin(options)
    X, y = make_sparse(options.rows, options.dtype)
    data = {"csr": (X, y), "dense": (X.toarray(), y)}
    report["steps"] = [measure(batch, data, options) for batch in BATCHES]
    optimizer = 6 * parameters() * X.dtype.itemsize
    print(f"{options.dtype}, {options.threads} threads, medians of {options.repeats} rounds")
    for found in report["steps"]:
        rate = max(found["stream_gbytes"])
        least = optimizer / rate / 1e3
        if found["batch"] == BANDWIDTH_BATCH:
            found["least_us"] = least
            print(f"optimizer {optimizer / 1e6:.1f} MB at {rate:.1f} GB/s: {least:.0f} us")
        print_step(found, least)
    del data
    if options.memory_rows:
        asked = "--memory-rows", str(options.memory_rows), "--dtype", options.dtype
        report["memory"] = in_child("benchmarks.sparse", "--child", *asked)
        print_memory(report["memory"])
    write(options.json, report)


if __name__ == "__main__":
    main()
