"""Time of `predict_proba`: fusednn beside ONNX Runtime, scikit-learn and PyTorch.

    python -m benchmarks.inference [--threads 2] [--dtype float32] [--rows 20000]
                                   [--networks small-32 ...] [--repeats 7]
                                   [--peers onnxruntime,sklearn,torch] [--json PATH]

Every network of `networks` is fitted for an epoch by fusednn, and the peers get its weights: the
same network in ONNX Runtime, in scikit-learn's classifier, in PyTorch. Before anything is timed
their probabilities are compared. One call predicts all rows, which lie ready in the network's
type; a turn is as many calls as last some `--seconds`, in interleaved rounds (`rounds`). Bound
CPUs, threads and BLAS kernels are as `compare` has them; ONNX Runtime gets as many threads within
an operation, one between them. GFLOP/s count the products, 2 B I O each; the share is that of the
best multiply-add peak measured between the rounds with the same number of threads.
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
    found.add_argument("--rows", type=int, default=20_000, help="of one call")
    return found.parse_args()


def fitted(network, dtype):
    """fusednn's classifier after one epoch."""
    from fusednn import MLPClassifier

    model = MLPClassifier(network.hidden, batch_size=network.batch, max_iter=1, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(*make_data(network, dtype))


def check_agreement(field):
    """Asserts that all predict the same, up to rounding."""
    expected = field[OURS][0].probabilities()
    for name, (predictor, _) in field.items():
        found = predictor.probabilities()
        difference = np.abs(found - expected[:, -found.shape[1] :]).max()
        assert difference < TOLERANCE, f"{name} differs by {difference:.2g}"


def count_calls(predictor, seconds):
    """Calls that last about `seconds`."""
    return max(1, round(seconds / min(predictor.run(1) for _ in range(3))))


def predict_all(network, names, options):
    """All rounds of one network.

    Parameters
    ----------
    network : Network
    names : sequence of str
        Of `PREDICTORS`, ours first.
    options : Namespace

    Returns
    -------
    dict
        Peaks, per predictor microseconds of a call, per peer the ratio with its interval.
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
    """Runs the comparison, prints the table, keeps the rounds."""
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
