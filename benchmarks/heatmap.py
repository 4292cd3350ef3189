"""Map of a training step over batch and width: fusednn against the best of its peers.

    python -m benchmarks.heatmap --json results.json [--batches 1 8 ...] [--widths 8 16 ...]
                                 [--threads 2] [--dtype float32] [--repeats 5] [--seconds 0.1]
                                 [--peers sklearn,torch,jax]
    python -m benchmarks.heatmap --draw results.json out.png

A cell is a network whose features and two hidden layers have the same width, with 10 classes. Its
step is timed as in `compare` (`steps`, `rounds`). An epoch has 2 to 400 steps, fewer if steps are
long (`networks.epoch_of`). The best peer is the one with the smallest median of the same rounds,
which favours the peer. The ratio is the geometric mean of the rounds' ratios, the peer's time over
fusednn's: above 1 fusednn is faster. Its 95 % interval is Student's t over the logarithms.

The file is written after each cell. Cells that it already has are not measured again, so a long
run can be split; a file with other conditions is refused. In the drawing, colours are logarithmic
about 1, and cells whose whole interval is below 1 are framed. `compile` can be added to the peers;
it compiles for some ten seconds in each cell.
"""

import math
import sys
from pathlib import Path

from benchmarks.measuring.environment import restart_with
from benchmarks.measuring.networks import epoch_of
from benchmarks.measuring.report import parser, read, resume, write
from benchmarks.measuring.rounds import OURS, choose_peers, in_words

BATCHES = (1, 8, 32, 128, 512, 2048)
WIDTHS = (8, 16, 32, 64, 128, 256, 512, 1024, 2048)
CLASSES = 10
PEERS = "sklearn,torch,jax"


def parse():
    """The command line."""
    found = parser(__doc__, repeats=5, seconds=0.1, peers=PEERS)
    found.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    found.add_argument("--widths", type=int, nargs="+", default=WIDTHS)
    found.add_argument(
        "--draw", type=Path, nargs=2, metavar=("JSON", "PNG"), help="draw results; measure nothing"
    )
    return found.parse_args()


def measure(batch, width, peers, options):
    """Measures one cell: `compare.compete`, and the best peer with its ratio and interval."""
    from .compare import compete

    network = epoch_of((width, width, width, CLASSES), batch)
    cell = {"batch": batch, "width": width, "steps": network.steps}
    cell |= compete(network, [OURS, *peers], options)
    times = cell["step_us"]
    present = [peer for peer in times if peer != OURS]
    if present:
        best = min(present, key=lambda peer: times[peer]["median"])
        found = cell["ratios"][best]
        cell |= {"best": best, "ratio": found["mean"], "interval": found["interval"]}
    return cell


def line(cell):
    """A cell as a line of text."""
    ours = cell["step_us"][OURS]["median"]
    text = f"{cell['network']:26}{ours:12.1f} us"
    if "best" in cell:
        text += f"{cell['step_us'][cell['best']]['median']:12.1f} us {cell['best']:8}"
        text += "  " + in_words(cell["ratios"][cell["best"]])
    return text


def draw(results, picture):
    """Draws the map.

    Parameters
    ----------
    results, picture : Path
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    report = read(results)
    cells = [cell for cell in report["cells"] if "ratio" in cell]
    if not cells:
        sys.exit(f"{results} has no cell with a peer")
    batches, widths = (sorted({cell[key] for cell in cells}) for key in ("batch", "width"))
    ratios = [[math.nan] * len(widths) for _ in batches]
    for cell in cells:
        ratios[batches.index(cell["batch"])][widths.index(cell["width"])] = cell["ratio"]
    limit = max([2.0, *(max(cell["ratio"], 1 / cell["ratio"]) for cell in cells)])
    figure = Figure((1.6 + len(widths), 1.4 + 0.7 * len(batches)), layout="constrained")
    axes = figure.subplots()
    norm = mpl.colors.LogNorm(1 / limit, limit)
    image = axes.imshow(ratios, cmap="RdBu", norm=norm, origin="lower", aspect="auto")
    for cell in cells:
        label(axes, cell, widths.index(cell["width"]), batches.index(cell["batch"]), norm)
    axes.set_xticks(range(len(widths)), widths)
    axes.set_yticks(range(len(batches)), batches)
    axes.set_xlabel("width: features and two hidden layers")
    axes.set_ylabel("batch")
    axes.set_title(
        f"Training step, best peer's time / fusednn's\n{report['dtype']},"
        f" {report['threads']} threads, {report['cpu']}",
        fontsize=10,
    )
    marks = [one for one in (0.1, 0.25, 0.5, 1, 2, 4, 10, 20, 50) if 1 / limit <= one <= limit]
    bar = figure.colorbar(image, ticks=marks, format="%g")
    bar.minorticks_off()
    figure.savefig(picture, dpi=150)


def label(axes, cell, x, y, norm):
    """Writes a cell's ratio and best peer, and frames it if its whole interval is below 1."""
    from matplotlib.patches import Rectangle

    dark = abs(norm(cell["ratio"]) - 0.5) > 0.3
    axes.text(
        x, y, f"{cell['ratio']:.2f}\n{cell['best']}", ha="center", va="center", fontsize=8,
        color="white" if dark else "black",
    )  # fmt: skip
    if cell["interval"] and cell["interval"][1] < 1:
        axes.add_patch(Rectangle((x - 0.47, y - 0.47), 0.94, 0.94, fill=False, linewidth=2.5))


def main():
    """Measures the missing cells, or draws existing ones."""
    options = parse()
    if options.draw:
        draw(*options.draw)
        return
    restart_with(options.threads)
    from benchmarks.measuring.contestants import CONTESTANTS

    peers = choose_peers(options.peers, CONTESTANTS)
    report = resume(options, peers=peers)
    cells = report.setdefault("cells", [])
    there = {(cell["batch"], cell["width"]) for cell in cells}
    print("features-hidden-hidden-classes, batch: fusednn, best peer, ratio [95 % interval]")
    for width in options.widths:
        for batch in options.batches:
            if (batch, width) not in there:
                cells.append(measure(batch, width, peers, options))
                print(line(cells[-1]), flush=True)
                write(options.json, report)


if __name__ == "__main__":
    main()
