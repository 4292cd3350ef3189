"""Compares networks with convolutions, recurrences or attention with peers: training, prediction.

    python -m benchmarks.compare_layers [--threads 2] [--dtype float32] [--networks lenet ...]
                                        [--repeats 5] [--samples 256 1] [--clock wall]
                                        [--peers torch,channels_last,compile,jax] [--json PATH]

A step is timed as in `compare`, through the public `fit`. Prediction is a call of a frozen
predictor for so many samples, beside ONNX Runtime on the model that `export_onnx` writes and those
of PyTorch's peers that are asked for, with the same weights; the probabilities are compared before
anything is timed. Contestants take turns (`rounds`), and shares are relative to the best
multiply-add peak measured between the rounds with as many threads. With `--clock cpu` the
processor's time counts, of one thread, where other processes use the cores.
"""

import sys
from functools import partial

from benchmarks.inference import check_agreement, count_calls
from benchmarks.measuring.environment import restart_with
from benchmarks.measuring.layered import NETWORKS, make_samples
from benchmarks.measuring.report import begin, parser, write
from benchmarks.measuring.rounds import (
    OURS,
    choose_peers,
    enter,
    ratios,
    summary,
    take_turns,
)
from benchmarks.measuring.steps import count_epochs, step_times
from benchmarks.measuring.table import show

PEERS = "torch,channels_last,compile,jax"


def parse():
    """The command line."""
    found = parser(__doc__, repeats=5, seconds=0.4, peers=PEERS)
    found.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    found.add_argument(
        "--samples", nargs="*", type=int, help="of a call; default: the network's own"
    )
    found.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    options = found.parse_args()
    if options.clock == "cpu" and options.threads != 1:
        found.error("the processor's time compares one thread")
    return options


def train(network, names, options):
    """All rounds of training one network, as `compare.compete` returns them."""
    from benchmarks.measuring.layered_contestants import CONTESTANTS
    from benchmarks.measuring.peak import fma_gflops

    data = make_samples(network, options.dtype)
    field = enter(
        names,
        lambda name: CONTESTANTS[name](network, *data, options.threads),
        partial(count_epochs, seconds=options.seconds),
    )
    peak = partial(fma_gflops, options.threads, options.dtype, repeats=3)
    times, peaks = step_times(field, options.repeats, peak)
    return {
        "network": network.title,
        "flops": network.flops,
        "peaks": peaks,
        "step_us": times,
        "ratios": ratios(times),
    }


def predict(network, names, samples, options):
    """All rounds of predictions of so many samples."""
    from benchmarks.measuring.layered_contestants import PREDICTORS, Fusednn
    from benchmarks.measuring.peak import fma_gflops

    model = Fusednn(network, *make_samples(network, options.dtype), options.threads).fit(1)
    X, _ = make_samples(network, options.dtype, samples, seed=1)
    field = enter(
        names,
        lambda name: PREDICTORS[name](model, X, options.threads, network),
        lambda predictor: count_calls(predictor, options.seconds / 2),
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
        "network": network.title,
        "samples": samples,
        "flops": 2 * samples * network.work,
        "peaks": peaks,
        "call_us": times,
        "ratios": ratios(times),
    }


def main():
    """Runs the comparison, prints the tables and writes the rounds."""
    options = parse()
    restart_with(options.threads)
    from benchmarks.measuring.contestants import choose_clock
    from benchmarks.measuring.layered_contestants import CONTESTANTS, PREDICTORS

    choose_clock(options.clock)
    networks = [NETWORKS[name] for name in options.networks]
    peers = choose_peers(options.peers, CONTESTANTS)
    report, steps = begin(options), []
    for network in networks:
        steps.append(train(network, [OURS, *peers], options))
        print(f"{network.title} trained", file=sys.stderr)
    servers = choose_peers("onnxruntime", PREDICTORS)
    servers, calls = [*servers, *(name for name in peers if name in PREDICTORS)], []
    wanted = {one: one.samples if options.samples is None else options.samples for one in networks}
    counts = sorted({samples for every in wanted.values() for samples in every}, reverse=True)
    for samples in counts:
        asked = [one for one in networks if samples in wanted[one]]
        calls.append([predict(one, [OURS, *servers], samples, options) for one in asked])
    shown = "a training step of networks with convolutions, recurrences or attention"
    show(shown, "network", report, steps, "step_us", options)
    for samples, found in zip(counts, calls, strict=True):
        show(f"predict_proba of {samples} samples", "network", report, found, "call_us", options)
    write(options.json, report | {"steps": steps, "calls": calls})


if __name__ == "__main__":
    main()
