"""Time of a training step: fusednn through its public `fit` beside its peers, in one run.

    python -m benchmarks.compare [--threads 2] [--dtype float32] [--networks small-32 ...]
                                 [--repeats 5] [--peers sklearn,torch,jax] [--json PATH]

How a step is timed
    A round runs every contestant once, and rounds are repeated, so that a change in the
    machine's load falls on all of them. A run lasts some `--seconds`: as many epochs as that
    takes, counted out before the first round. All have trained an epoch of the same shape before
    they are timed, so nothing is compiled within a time. PyTorch and JAX train on prepared
    tensors, and their epochs are timed bare. `fit` also validates, converts labels and draws
    weights: each round fits for b + 1 epochs and for one, b at least four, never stopping early;
    the shortest one-epoch fit of all rounds is taken off the long ones, and the rest divided by
    the steps of b epochs. Tables show medians over the rounds, and the best. On a machine that
    is busy otherwise whoever waits for threads looks worse than it is: the load is printed.

Threads
    The process is bound to as many CPUs as it has threads (Linux), and restarted with the
    variables that set the numbers of threads of OpenMP, OpenBLAS, MKL and XLA; PyTorch and
    scikit-learn's BLAS are also told by call. XLA promises nothing about its pool: elsewhere
    than on Linux JAX may use every CPU. Variables that force BLAS libraries to older kernels are
    taken away. fusednn's `n_jobs` stays None, which chooses among the bound CPUs; `--n-jobs`
    sets it. A contestant sleeps a moment before its turn, until the threads of the one before
    have stopped spinning.

Figures
    GFLOP/s count the products only (`networks.step_flops`); the share is that of the best
    multiply-add peak measured between the rounds with the same number of threads. A peer that is
    not installed, or fails, leaves its column out with a note.
"""

import argparse
import gc
import importlib.util
import json
import statistics
import sys
import time
from pathlib import Path

from .environment import describe, restart_with
from .networks import NETWORKS, make_data

OURS = "fusednn"
PEERS = "sklearn,torch,jax"
MODULES = {"compile": "torch"}
REST_SECONDS = 0.05


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--repeats", type=int, default=5, help="rounds")
    parser.add_argument("--seconds", type=float, default=0.4, help="of one run, at least")
    parser.add_argument("--peers", default=PEERS, help=f"of {PEERS},compile; '' for none")
    parser.add_argument("--n-jobs", type=int, default=None, help="fusednn's; None chooses")
    parser.add_argument("--json", type=Path, help="where to write every round's times")
    return parser.parse_args()


def choose_peers(wanted):
    """The names of `wanted` that can be imported; says which cannot."""
    from .contestants import CONTESTANTS

    chosen = []
    for name in filter(None, (part.strip() for part in wanted.split(","))):
        if name not in CONTESTANTS or name == OURS:
            sys.exit(f"unknown peer {name!r}; there are {PEERS},compile")
        if importlib.util.find_spec(MODULES.get(name, name)) is None:
            print(f"note: {name} left out, {MODULES.get(name, name)} is not installed")
        else:
            chosen.append(name)
    return chosen


def enter(names, network, data, threads, seconds):
    """Makes and warms up the contestants.

    Returns
    -------
    dict
        For each name the contestant and the number of epochs that last `seconds`.
    """
    from .contestants import CONTESTANTS

    field = {}
    for name in names:
        try:
            contestant = CONTESTANTS[name](network, *data, threads)
            contestant.prepare()
            field[name] = contestant, count_epochs(contestant, seconds)
        except Exception as error:
            if name == OURS:
                raise
            reason = str(error).strip().partition("\n")[0]
            print(f"note: {name} left out, {type(error).__name__}: {reason}")
    return field


def count_epochs(contestant, seconds):
    """Epochs that last about `seconds`, four times a set-up and its epoch at least."""
    first = contestant.run(1)
    least = 4 if contestant.has_setup else 1
    trial = max(least, min(50, int(seconds / first)))
    per_epoch = contestant.run(trial) / trial
    return max(least, round(seconds / per_epoch))


def step_seconds(contestant, epochs):
    """Seconds of the epochs and, where a set-up has to be taken off, of one epoch with it."""
    gc.collect()
    time.sleep(REST_SECONDS)
    if not contestant.has_setup:
        return contestant.run(epochs), 0.0
    return contestant.run(epochs + 1), contestant.run(1)


def compete(network, options, names):
    """All rounds of one network.

    Returns
    -------
    dict
        Peaks, and per contestant microseconds of a step: median, best and each round's.
    """
    from .peak import fma_gflops

    data = make_data(network, options.dtype)
    field = enter(names, network, data, options.threads, options.seconds)
    pairs = {name: [] for name in field}
    peaks = []
    for _ in range(options.repeats):
        peaks.append(fma_gflops(options.threads, options.dtype, repeats=3))
        for name, (contestant, epochs) in field.items():
            pairs[name].append(step_seconds(contestant, epochs))
    result = {"network": network.title, "flops": network.flops, "peaks": peaks, "step_us": {}}
    for name, (_, epochs) in field.items():
        scale = 1e6 / (epochs * network.steps)
        setup = min(short for _, short in pairs[name])
        rounds = [scale * (long - setup) for long, _ in pairs[name]]
        result["step_us"][name] = {
            "median": statistics.median(rounds),
            "best": min(rounds),
            "rounds": rounds,
            "epochs": epochs,
        }
    return result


def header(peers):
    """The table's first lines."""
    columns = "".join(f"{peer + ' us (best)':>22}{'ratio':>7}" for peer in peers)
    return f"{'network, batch':24}{'fusednn us (best)':>20}{'GFLOP/s':>9}{'of peak':>9}{columns}"


def line(result, peak, peers):
    """The table's line of one network."""
    steps = result["step_us"]
    ours = steps[OURS]
    rate = result["flops"] / ours["median"] / 1e3

    def pair(found):
        return f"{found['median']:.1f} ({found['best']:.1f})"

    text = f"{result['network']:24}{pair(ours):>20}{rate:9.1f}{rate / peak:9.0%}"
    for peer in peers:
        if peer in steps:
            ratio = steps[peer]["median"] / ours["median"]
            text += f"{pair(steps[peer]):>22}{ratio:7.2f}"
        else:
            text += f"{'-':>22}{'-':>7}"
    return text


def main():
    """Runs the comparison, prints the table, keeps the rounds."""
    options = parse()
    restart_with(options.threads)
    from .contestants import Fusednn

    Fusednn.n_jobs = options.n_jobs
    peers = choose_peers(options.peers)
    conditions = {key: value for key, value in vars(options).items() if key != "json"}
    report = describe(**conditions)
    results = []
    for name in options.networks:
        results.append(compete(NETWORKS[name], options, [OURS, *peers]))
        print(f"{results[-1]['network']} done", file=sys.stderr)
    peers = [peer for peer in peers if any(peer in result["step_us"] for result in results)]
    peak = max(max(result["peaks"]) for result in results)
    jobs = "chosen" if options.n_jobs is None else options.n_jobs
    print(
        f"{options.dtype}, {options.threads} threads (n_jobs {jobs}), medians of"
        f" {options.repeats} rounds, ratios of medians (peer / fusednn);"
        f" multiply-add peak {peak:.0f} GFLOP/s; load before the run {report['load']}"
    )
    print(header(peers))
    for result in results:
        print(line(result, peak, peers))
    if options.json:
        report |= {"peak_gflops": peak, "results": results}
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
