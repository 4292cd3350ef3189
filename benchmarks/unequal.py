"""A training step on series of unequal lengths, beside one on series that are all of the longest.

    python -m benchmarks.unequal [--threads 1] [--dtype float32] [--networks lstm gru series]
                                 [--shortest 5] [--repeats 7] [--json PATH]

Lengths are uniform from the shortest to the longest. Both trainings take turns, pass by pass, and
the time is that of the process on all its cores, which other processes hardly change. The ratio
is that of the times; at most the steps of all series together over the steps without padding.
"""

import statistics
import time

import numpy as np

from benchmarks.measuring.layered import NETWORKS, make_samples
from benchmarks.measuring.report import begin, parser, write

SERIES = [name for name, network in NETWORKS.items() if len(network.axes) == 2]


def parse():
    """The command line."""
    found = parser(__doc__, repeats=7, threads=1)
    found.add_argument("--networks", nargs="+", choices=SERIES, default=SERIES)
    found.add_argument(
        "--shortest",
        type=int,
        default=5,
        help="of the shortest series; more if a layer needs more",
    )
    return found.parse_args()


def lowered(network):
    """fusednn's network of a list of layers and an output layer."""
    from fusednn import layers
    from fusednn.estimators.network.building import build
    from fusednn.graph.network import Network

    output, columns = layers.Dense(network.classes), (int(np.prod(network.axes)),)
    return Network(build(network.layers(), output, columns, scaled=False).ops, "softmax")


def takes(network, steps):
    """Whether a network takes series of so many steps."""
    try:
        network.with_steps(steps)
    except ValueError:
        return False
    return True


def prepared(network, batch, X, y, options):
    """A session of a network on these samples, ready to run passes."""
    from fusednn.plan.binding.loss import Target
    from fusednn.plan.lengths import has_padding
    from fusednn.plan.updating.rule import Rule
    from fusednn.training.session import Session

    rule = Rule("adam", (0.9, 0.999, 1e-8), ragged=has_padding(X, network.ops[0]))
    session = Session(
        *(network, X, Target(y[:, np.newaxis].astype(X.dtype), None), rule),
        batch=batch, order=np.arange(len(X)), l2=0.0, n_jobs=options.threads,
    )  # fmt: skip
    random = np.random.default_rng(0)
    shapes = [parameter.shape for parameter in network.parameters()]
    session.load([0.1 * random.standard_normal(shape).astype(X.dtype) for shape in shapes])
    session.begin(0, 0)
    return session


def compete(network, options):
    """Microseconds of a step in each round, without and with padding, and the share of steps."""
    X, y = make_samples(network, options.dtype)
    steps, own = network.axes[0], lowered(network)
    shortest = next(n for n in range(options.shortest, steps) if takes(own, n))
    lengths = np.random.default_rng(1).integers(shortest, steps + 1, size=len(X))
    padded = X.reshape(len(X), *network.axes).copy()
    padded[np.arange(steps) >= lengths[:, np.newaxis]] = np.nan
    data = X, padded.reshape(X.shape)
    sessions = [prepared(own, network.batch, one, y, options) for one in data]
    random, times = np.random.RandomState(0), ([], [])
    for _ in range(options.repeats + 1):
        for session, found in zip(sessions, times, strict=True):
            with session:
                session.shuffle(random, 1)
                before = time.process_time()
                session.run_passes(np.full(session.batches, 1e-3))
                found.append(1e6 * (time.process_time() - before) / session.batches)
    full, own = (found[1:] for found in times)  # the first round reads the memory in
    return {
        "network": network.title,
        "equal_us": full,
        "unequal_us": own,
        "ratio": statistics.median(a / b for a, b in zip(full, own, strict=True)),
        "at_most": steps * len(X) / int(lengths.sum()),
    }


def main():
    """Times the networks, and prints a table."""
    options = parse()
    report = begin(options)
    report["results"] = [compete(NETWORKS[name], options) for name in options.networks]
    print(f"{'network':26}{'equal, us':>12}{'unequal, us':>14}{'ratio':>8}{'at most':>9}")
    for result in report["results"]:
        equal, unequal = (statistics.median(result[name]) for name in ("equal_us", "unequal_us"))
        ends = f"{result['ratio']:8.2f}{result['at_most']:9.2f}"
        print(f"{result['network']:26}{equal:12,.0f}{unequal:14,.0f}{ends}")
    write(options.json, report)


if __name__ == "__main__":
    main()
