"""Map of a training step of convolutions over channels, size and kernel: fusednn against PyTorch.

    python -m benchmarks.layer_map --json results.json [--channels 1 3 8 ...] [--sizes 8 14 ...]
                                   [--kernels 1 3 5] [--depth 1] [--batch 32] [--threads 2]
                                   [--dtype float32] [--repeats 5] [--seconds 0.1]
                                   [--peers torch,channels_last]

A cell is a network of `--depth` convolutions with ReLU, of so many filters from as many channels
and with padding "same", a global mean, and ten classes (`measuring.stacks`). Its step is timed as
in `compare_layers` (`steps`, `rounds`). The peer of a cell is the faster of PyTorch's two layouts,
by the median of the same rounds, which favours the peer. The ratio is the geometric mean of the
rounds' ratios, the peer's time over fusednn's: above 1 fusednn is faster. Its 95 % interval is
Student's t over the logarithms. Cells whose whole interval is below 1 are marked, and listed in
the end, the worst first.

With `--depth 1` no gradient of an input is computed, with 2 there is one for two convolutions. The
file is written after each cell. Cells that it already has are not measured again, so a long run
can be split; a file with other conditions is refused.
"""

from benchmarks.measuring.environment import restart_with
from benchmarks.measuring.report import parser, resume, write
from benchmarks.measuring.rounds import OURS, choose_peers, in_words
from benchmarks.measuring.stacks import stack

CHANNELS = (1, 3, 8, 16, 32, 64, 128)
SIZES = (8, 14, 28, 64)
KERNELS = (1, 3, 5)
PEERS = "torch,channels_last"


def parse():
    """The command line."""
    found = parser(__doc__, repeats=5, seconds=0.1, peers=PEERS)
    found.add_argument("--channels", type=int, nargs="+", default=CHANNELS)
    found.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="rows and columns")
    found.add_argument("--kernels", type=int, nargs="+", default=KERNELS)
    found.add_argument("--depth", type=int, default=1, help="convolutions")
    found.add_argument("--batch", type=int, default=32)
    return found.parse_args()


def measure(place, peers, options):
    """Measures one cell: `compare_layers.train`, and the best peer with its ratio and interval."""
    from .compare_layers import train

    channels, size, kernel = place
    network = stack(channels, size, kernel, options.depth, options.batch)
    cell = {"channels": channels, "size": size, "kernel": kernel, "steps": network.steps}
    cell |= train(network, [OURS, *peers], options)
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


def line(cell):
    """A cell as a line of text."""
    ours = cell["step_us"][OURS]["median"]
    share = cell["flops"] / ours / 1e3 / max(cell["peaks"])
    name = f"{cell['channels']:5}{cell['size']:5}{cell['kernel']:4}"
    text = f"{name}{ours:12.1f} us{share:6.0%}"
    if "best" in cell:
        text += f"{cell['step_us'][cell['best']]['median']:12.1f} us {cell['best']:14}"
        text += in_words(cell["ratios"][cell["best"]]) + "  BEHIND" * is_behind(cell)
    return text


def main():
    """Measures the missing cells; lists those that are behind."""
    options = parse()
    restart_with(options.threads)
    from benchmarks.measuring.layered_contestants import CONTESTANTS

    peers = choose_peers(options.peers, CONTESTANTS)
    report = resume(options, peers=peers)
    cells = report.setdefault("cells", [])
    there = {(cell["channels"], cell["size"], cell["kernel"]) for cell in cells}
    print("channels, size, kernel: fusednn, of peak, best peer, ratio [95 % interval]")
    for channels in options.channels:
        for size in options.sizes:
            for kernel in options.kernels:
                place = channels, size, kernel
                if place not in there:
                    cells.append(measure(place, peers, options))
                    print(line(cells[-1]), flush=True)
                    write(options.json, report)
    behind = sorted(filter(is_behind, cells), key=lambda cell: cell["ratio"])
    print(f"{len(behind)} of {len(cells)} cells are behind", *map(line, behind), sep="\n")


if __name__ == "__main__":
    main()
