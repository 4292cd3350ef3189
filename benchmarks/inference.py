"""Compares the time of `predict_proba` with ONNX Runtime, scikit-learn and PyTorch.

    python -m benchmarks.inference [--threads 2] [--dtype float32] [--rows 20000]
                                   [--networks small-32 ...] [--repeats 7]
                                   [--peers onnxruntime,sklearn,torch] [--json PATH]

fusednn fits every network of `networks` for an epoch. ONNX Runtime, scikit-learn's classifier and
PyTorch get the same network with its weights. Their probabilities are compared before anything is
timed. One call predicts all rows, which already have the network's type. A turn is as many calls
as take about `--seconds`, in interleaved rounds (`rounds`). CPUs, threads and BLAS kernels are set
as in `compare`; ONNX Runtime gets this number of threads within an operation and one between
operations. GFLOP/s count the products, 2 B I O each. Shares are relative to the best multiply-add
peak measured between the rounds with the same number of threads.
"""

import warnings
from functools import partial
from itertools import pairwise

import numpy as np

from benchmarks.measuring.environment import restart_with
from benchmarks.measuring.networks import NETWORKS, make_data
from benchmarks.measuring.report import begin, parser
from benchmarks.measuring.rounds import OURS, choose_peers, enter, ratios, summary, take_turns
from benchmarks.measuring.table import finish

PEERS = "onnxruntime,sklearn,torch"
TOLERANCE = 1e-4


def parse():
    """The command line."""
    found = parser(__doc__, repeats=7, seconds=0.2, peers=PEERS)
    found.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    found.add_argument("--rows", type=int, default=20_000, help="rows per call")
    return found.parse_args()


def fitted(network, dtype):
    """fusednn's classifier after one epoch."""
    from fusednn import MLPClassifier

    model = MLPClassifier(network.hidden, batch_size=network.batch, max_iter=1, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(*make_data(network, dtype))


def check_agreement(field):
    """Asserts that all predictors agree up to rounding."""
    expected = field[OURS][0].probabilities()
    for name, (predictor, _) in field.items():
        found = predictor.probabilities()
        difference = np.abs(found - expected[:, -found.shape[1] :]).max()
        assert difference < TOLERANCE, f"{name} differs by {difference:.2g}"


def count_calls(predictor, seconds):
    """The number of calls that take about `seconds`."""
    return max(1, round(seconds / min(predictor.run(1) for _ in range(3))))


def predict_all(network, names, options):
    """All rounds of one network.

    Parameters
    ----------
    network : Network
    names : sequence of str
        Keys of `PREDICTORS`, fusednn first.
    options : Namespace

    Returns
    -------
    dict
        The peaks, microseconds per call of each predictor, and each peer's ratio with interval.
    """
    from benchmarks.measuring.peak import fma_gflops
    from benchmarks.measuring.predictors import PREDICTORS

    model = fitted(network, options.dtype)
    X, _ = make_data(network._replace(samples=options.rows), options.dtype, seed=1)
    field = enter(
        names,
        lambda name: PREDICTORS[name](model, X, options.threads),
        lambda predictor: count_calls(predictor, options.seconds),
    )
    check_agreement(field)
    turns, peaks = take_turns(
        field,
        lambda predictor, calls: 1e6 * predictor.run(calls) / calls,
        options.repeats,
        partial(fma_gflops, options.threads, options.dtype, repeats=3),
    )
    times = {name: summary(rounds) for name, rounds in turns.items()}
    return {
        "network": "-".join(map(str, network.sizes)),
        "flops": 2 * options.rows * sum(i * o for i, o in pairwise(network.trained_sizes)),
        "peaks": peaks,
        "call_us": times,
        "ratios": ratios(times),
    }


def main():
    """Runs the comparison, prints the table and writes the rounds."""
    options = parse()
    restart_with(options.threads)
    from benchmarks.measuring.predictors import PREDICTORS

    peers = choose_peers(options.peers, PREDICTORS)
    report = begin(options)
    networks = {NETWORKS[name].sizes: NETWORKS[name] for name in options.networks}
    results = [predict_all(one, [OURS, *peers], options) for one in networks.values()]
    title = f"predict_proba of {options.rows:,} rows"
    finish(title, "network", report, results, "call_us", options)


if __name__ == "__main__":
    main()
