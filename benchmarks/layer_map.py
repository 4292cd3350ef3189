"""Map of a layer over its sizes: fusednn against PyTorch, in training and in prediction.

    python -m benchmarks.layer_map --json results.json [--channels 1 3 8 ...] [--sizes 8 14 ...]
                                   [--kernels 1 3 5] [--depth 1] [--batch 32] [--threads 2]
                                   [--dtype float32] [--repeats 5] [--seconds 0.1]
                                   [--peers torch,channels_last] [--clock wall]
    python -m benchmarks.layer_map --kind recurrences --json results.json [--cell LSTM]
                                   [--units 8 32 ...] [--steps 8 64 ...] [--batches 1 16 ...]
                                   [--work train predict] [--most 200] ...
    python -m benchmarks.layer_map --kind attention --json results.json [--widths 32 64 ...]
                                   [--contexts 16 64 ...] [--heads 1 4 8] [--rows 2048] ...

A cell of convolutions is a network of `--depth` convolutions with ReLU, of so many filters from
as many channels and with padding "same", a global mean, and ten classes (`measuring.stacks`). Its
step is timed as in `compare_layers` (`steps`, `rounds`). The peer of a cell is the faster of
PyTorch's two layouts, by the median of the same rounds, which favours the peer. The ratio is the
geometric mean of the rounds' ratios, the peer's time over fusednn's: above 1 fusednn is faster.
Its 95 % interval is Student's t over the logarithms. Cells whose whole interval is below 1 are
marked, and listed in the end, the worst first.

With `--depth 1` no gradient of an input is computed, with 2 there is one for two convolutions. The
file is written after each cell. Cells that it already has are not measured again, so a long run
can be split; a file with other conditions is refused.

A cell of recurrences is the last state of an RNN, LSTM or GRU of so many units on so many steps of
16 channels, and ten classes: a training step of so many series, or a call of a frozen predictor
for as many, beside PyTorch's module with the same weights. Cells of more than `--most` GFLOP a
step are left out.

A cell of attention is an encoder of one block (`presets.transformer`) of so many channels and
heads on series of so many steps, in batches of `--rows` steps together, at least one series.

With `--clock cpu` the time of all threads counts: with one thread it tells more
than the wall's where other processes use the cores.
"""

import itertools

from benchmarks.measuring.environment import restart_with
from benchmarks.measuring.report import parser, resume, write
from benchmarks.measuring.rounds import OURS, choose_peers, in_words
from benchmarks.measuring.stacks import GATES, attention, recurrence, stack

AXES = {
    "convolutions": ("channels", "size", "kernel"),
    "recurrences": ("units", "step_count", "batch", "work"),
    "attention": ("width", "context", "heads", "work"),
}
"""What names a cell, by kind."""

PEERS = {"convolutions": "torch,channels_last", "recurrences": "torch", "attention": "torch"}


def parse():
    """The command line."""
    found = parser(__doc__, repeats=5, seconds=0.1, peers="")
    found.add_argument("--kind", choices=AXES, default="convolutions")
    found.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    numbers = {"type": int, "nargs": "+"}
    found.add_argument("--channels", default=(1, 3, 8, 16, 32, 64, 128), **numbers)
    found.add_argument("--sizes", default=(8, 14, 28, 64), help="rows and columns", **numbers)
    found.add_argument("--kernels", default=(1, 3, 5), **numbers)
    found.add_argument("--depth", type=int, default=1, help="convolutions")
    found.add_argument("--batch", type=int, default=32, help="images")
    found.add_argument("--cell", choices=GATES, default="LSTM")
    found.add_argument("--units", default=(8, 32, 128, 512), **numbers)
    found.add_argument("--steps", default=(8, 64, 512), **numbers)
    found.add_argument("--batches", default=(1, 16, 128, 512), help="series", **numbers)
    found.add_argument("--widths", default=(32, 64, 128, 256, 512), **numbers)
    found.add_argument("--contexts", default=(16, 64, 128, 512), **numbers)
    found.add_argument("--heads", default=(1, 4, 8), **numbers)
    found.add_argument("--rows", type=int, default=2048, help="steps of a batch")
    works = "train", "predict"
    found.add_argument("--work", choices=works, nargs="+", default=works)
    found.add_argument("--most", type=float, default=200.0, help="GFLOP of a training step")
    options = found.parse_args()
    options.peers = options.peers or PEERS[options.kind]
    if options.clock == "cpu" and options.threads != 1:
        found.error("the processor's time compares one thread")
    return options


def places_of(options):
    """The cells to measure, each by the values of its axes."""
    if options.kind == "convolutions":
        return itertools.product(options.channels, options.sizes, options.kernels)
    sizes = options.units, options.steps, options.batches
    if options.kind == "attention":
        sizes = options.widths, options.contexts, options.heads
    return (
        place
        for place in itertools.product(*sizes, options.work)
        if network_of(place, options).flops <= 1e9 * options.most
    )


def network_of(place, options):
    """The network of a cell."""
    if options.kind == "convolutions":
        return stack(*place, options.depth, options.batch)
    if options.kind == "attention":
        return attention(*place[:3], 1, max(1, options.rows // place[1]))
    return recurrence(options.cell, *place[:3])


def measure(place, peers, options):
    """Measures one cell: its times, and the best peer with its ratio and interval."""
    from .compare_layers import predict, train

    cell = dict(zip(AXES[options.kind], place, strict=True))
    names, network = [OURS, *peers], network_of(place, options)
    if place[-1] == "predict":
        found = predict(network, names, network.batch, options)
        found["step_us"] = found.pop("call_us")
    else:
        found = train(network, names, options)
    cell |= {"steps": network.steps} | found
    times = cell["step_us"]
    present = [peer for peer in times if peer != OURS]
    if present:
        best = min(present, key=lambda peer: times[peer]["median"])
        found = cell["ratios"][best]
        cell |= {"best": best, "ratio": found["mean"], "interval": found["interval"]}
    return cell


def is_behind(cell):
    """Whether the whole interval of a cell is below 1."""
    interval = cell.get("interval")
    return interval is not None and interval[1] < 1


def line(cell, axes):
    """A cell as a line of text."""
    ours = cell["step_us"][OURS]["median"]
    share = cell["flops"] / ours / 1e3 / max(cell["peaks"])
    text = "".join(f"{cell[axis]:>8}" for axis in axes) + f"{ours:12.1f} us{share:6.0%}"
    if "best" in cell:
        text += f"{cell['step_us'][cell['best']]['median']:12.1f} us {cell['best']:14}"
        text += in_words(cell["ratios"][cell["best"]]) + "  BEHIND" * is_behind(cell)
    return text


def main():
    """Measures the missing cells; lists those that are behind."""
    options = parse()
    restart_with(options.threads)
    from benchmarks.measuring.contestants import choose_clock
    from benchmarks.measuring.layered_contestants import CONTESTANTS

    choose_clock(options.clock)
    axes = AXES[options.kind]
    peers = choose_peers(options.peers, CONTESTANTS)
    report = resume(options, peers=peers)
    cells = report.setdefault("cells", [])
    there = {tuple(cell[axis] for axis in axes) for cell in cells}
    print(f"{', '.join(axes)}: fusednn, of peak, best peer, ratio [95 % interval]")
    for place in places_of(options):
        if place not in there:
            cells.append(measure(place, peers, options))
            print(line(cells[-1], axes), flush=True)
            write(options.json, report)
    behind = sorted(filter(is_behind, cells), key=lambda cell: cell["ratio"])
    print(f"{len(behind)} of {len(cells)} cells are behind")
    print(*(line(cell, axes) for cell in behind), sep="\n")


if __name__ == "__main__":
    main()
