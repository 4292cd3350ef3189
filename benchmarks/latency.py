"""Compares the time of `predict_proba` for one row, called from Python, with peers.

    python -m benchmarks.latency [--dtype float32] [--repeats 11] [--seconds 0.05]
                                 [--networks small-32 ...] [--json PATH]

One thread, one C-contiguous row of the network's type. Networks and peers are those of
`inference`: fusednn fits for an epoch, the peers get its weights, and probabilities are compared
before anything is timed. "frozen" is `fusednn.freeze(model).predict_proba(row, validate=False)`,
"validated" the same without that argument, "out" writes to an existing array. "labels" and
"sklearn labels" are `predict`. Between the rounds, one core's read bandwidth is measured on as
many bytes as the weights have. No network can answer faster than its weights are read: the last
line shows this time, and the share that fusednn reaches.
"""

from benchmarks.measuring.environment import restart_with
from benchmarks.measuring.networks import NETWORKS, make_data
from benchmarks.measuring.report import begin, parser, write
from benchmarks.measuring.rounds import OURS, ratio, summary, take_turns

from .inference import check_agreement, count_calls, fitted

PEERS = ("onnxruntime", "sklearn", "torch")


def parse():
    """The command line."""
    found = parser(__doc__, repeats=11, seconds=0.05, threads=None)
    found.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    return found.parse_args()


def answer_row(network, options):
    """All rounds of one network: microseconds per call of each contestant, and the reads."""
    from benchmarks.measuring.predictors import FROZEN, PREDICTORS

    from .reads import Reader

    model = fitted(network, options.dtype)
    X, _ = make_data(network._replace(samples=1), options.dtype, seed=1)
    known = {OURS: PREDICTORS[OURS], **FROZEN, **{name: PREDICTORS[name] for name in PEERS}}
    field = {}
    for name, kind in known.items():
        contestant = kind(model, X, 1)
        contestant.prepare()
        field[name] = contestant, count_calls(contestant, options.seconds)
    labelled = [name for name in field if name.endswith("labels")]
    check_agreement({name: one for name, one in field.items() if name not in labelled})
    size = sum(w.nbytes for w in model.coefs_)
    reader = Reader(size)
    turns, reads = take_turns(
        field,
        lambda contestant, calls: 1e6 * contestant.run(calls) / calls,
        options.repeats,
        lambda: reader.gbytes(options.seconds),
    )
    times = {name: summary(rounds) for name, rounds in turns.items()}
    gbytes = sorted(reads)[len(reads) // 2]
    return {
        "network": "-".join(map(str, network.sizes)),
        "call_us": times,
        "weights_bytes": size,
        "read_gbytes": gbytes,
        "read_us": size / gbytes / 1e3,
    }


def over(times, theirs, ours):
    """The ratio of the medians, and the interval of the rounds' ratios, as text."""
    found = ratio(times[theirs]["rounds"], times[ours]["rounds"])
    low, high = found["interval"] or (found["mean"],) * 2
    return f"{found['medians']:.2f} [{low:.2f}, {high:.2f}]"


def main():
    """Runs the comparison and prints the table."""
    options = parse()
    restart_with(1)
    report = begin(options, threads=1)
    results = []
    for network in {NETWORKS[name].sizes: NETWORKS[name] for name in options.networks}.values():
        result = answer_row(network, options)
        results.append(result)
        times = result["call_us"]
        each = ", ".join(f"{name} {one['median']:.2f}" for name, one in times.items())
        share = result["read_us"] / times["frozen"]["median"]
        print(
            f"{result['network']}, one row, us: {each}\n"
            f"    onnxruntime / frozen {over(times, 'onnxruntime', 'frozen')},"
            f" / validated {over(times, 'onnxruntime', 'validated')};"
            f" sklearn labels / labels {over(times, 'sklearn labels', 'labels')}\n"
            f"    weights {result['weights_bytes'] / 1e6:.2f} MB, read at"
            f" {result['read_gbytes']:.0f} GB/s in {result['read_us']:.1f} us:"
            f" frozen reaches {share:.0%}"
        )
    write(options.json, report | {"results": results})


if __name__ == "__main__":
    main()
