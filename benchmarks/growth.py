"""Growth of a training step's time with width, depth, batch, rows and threads.

    python -m benchmarks.growth [--what width depth batch rows threads] [--threads 2]
                                [--dtype float32] [--repeats 5] [--scratch DIR] [--json PATH]
    python -m benchmarks.growth --kind convolutions [--what channels size depth batch threads] ...
    python -m benchmarks.growth --kind attention [--what width context heads depth batch threads]
                                [--clock wall] ...
    python -m benchmarks.growth --draw results.json out.png

One of the five varies; the others have their base values, 54-256-256-256-7 at batch 256 on 16,384
rows with all `--threads`. A step is timed through `fit`, including its shuffle, minus the set-up
(`steps`); with fewer rows, an epoch's own cost is spread over fewer steps. Shares are those of the
products in the multiply-add peak measured between the rounds with the same number of threads.
`n_jobs` is None; the panel of threads sets it.

With `--kind convolutions` the base is two 3x3 convolutions of 32 channels on images of 28x28 at
batch 32 (`measuring.stacks`), with as many rows as fill an epoch of some 0.1 s. With
`--kind attention` it is two blocks of width 64 and 4 heads on 64 steps at batch 16. With
`--clock cpu` the processor's time counts, of one thread, where other processes use the cores.

From half a million rows on, X is a memory-mapped file in a temporary directory in `--scratch`,
written in pieces and removed afterwards; the system may keep any part of it in memory. A point is
left out with a note if the disk has less room than 1.1 times the file. If an epoch lasts longer
than five seconds, there are at most two rounds, each a fit of two epochs and a fit of one. An
existing file is updated: the requested panels are measured again, the others stay.
"""

import shutil
import tempfile
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.measuring.environment import restart_with
from benchmarks.measuring.layered import make_samples
from benchmarks.measuring.networks import Network, make_data
from benchmarks.measuring.report import parser, read, resume, write
from benchmarks.measuring.rounds import OURS, enter
from benchmarks.measuring.stacks import attention, stack
from benchmarks.measuring.steps import count_epochs, step_times

FEATURES, CLASSES, WIDTH, DEPTH, BATCH, ROWS = 54, 7, 256, 3, 256, 16_384
VALUES = {
    "dense": {
        "width": (16, 32, 64, 128, 256, 512, 1024, 2048),
        "depth": (1, 2, 3, 4, 6, 8, 12),
        "batch": (1, 4, 16, 64, 256, 1024, 4096),
        "rows": (1_000, 10_000, 100_000, 1_000_000, 10_000_000),
    },
    "convolutions": {
        "channels": (1, 2, 4, 8, 16, 32, 64, 128, 256),
        "size": (4, 7, 8, 14, 16, 28, 32, 56, 64, 112),
        "depth": (1, 2, 3, 4, 6, 8, 12),
        "batch": (1, 2, 4, 8, 16, 32, 64, 128, 256),
    },
    "attention": {
        "width": (16, 32, 64, 128, 256, 512),
        "context": (16, 32, 64, 128, 256, 512, 513, 1024, 2048),
        "heads": (1, 2, 4, 8, 16),
        "depth": (1, 2, 3, 4, 6, 8, 12),
        "batch": (1, 2, 4, 8, 12, 16, 32, 64, 128),
    },
}
IMAGES = {"channels": 32, "size": 28, "kernel": 3, "depth": 2, "batch": 32}
"""The base of convolutions."""
SERIES = {"width": 64, "context": 64, "heads": 4, "depth": 2, "batch": 16}
"""The base of attention."""
WHAT = tuple(dict.fromkeys(what for values in VALUES.values() for what in (*values, "threads")))
MAPPED_ROWS = 500_000
PIECE = 100_000
LONG_ROUNDS = 2


def parse():
    """The command line."""
    found = parser(__doc__, repeats=5, seconds=0.4)
    found.add_argument("--kind", choices=VALUES, default="dense")
    found.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    found.add_argument("--what", nargs="+", choices=WHAT, help="default: all of the kind")
    found.add_argument("--most", type=int, help="leave out larger values than this")
    found.add_argument("--scratch", type=Path, help="the folder of the mapped file")
    found.add_argument(
        "--draw", type=Path, nargs=2, metavar=("JSON", "PNG"), help="draw results; measure nothing"
    )
    options = found.parse_args()
    known = (*VALUES[options.kind], "threads")
    if options.clock == "cpu" and (options.threads != 1 or "threads" in (options.what or known)):
        found.error("the processor's time compares one thread")
    options.what = options.what or known
    if odd := set(options.what) - set(known):
        found.error(f"{options.kind} have no {min(odd)}; there are {', '.join(known)}")
    return options


def network_at(what, value, kind="dense"):
    """The base with one value changed; rows are rounded to whole mini-batches."""
    if kind == "convolutions":
        return stack(**{**IMAGES, **({what: value} if what in IMAGES else {})}, seconds=0.1)
    if kind == "attention":
        return attention(**{**SERIES, **({what: value} if what in SERIES else {})}, seconds=0.1)
    batch = value if what == "batch" else BATCH
    width = value if what == "width" else WIDTH
    depth = value if what == "depth" else DEPTH
    rows = value if what == "rows" else ROWS
    sizes = (FEATURES, *[width] * depth, CLASSES)
    return Network(batch * max(1, round(rows / batch)), sizes, batch)


def mapped_data(network, dtype, folder):
    """As `make_data`, with other values and with X in a memory-mapped file of the folder."""
    path = Path(folder) / "X.npy"
    shape = network.samples, FEATURES
    random = np.random.default_rng(0)
    X = np.lib.format.open_memmap(path, "w+", dtype, shape)
    for start in range(0, len(X), PIECE):
        part = X[start : start + PIECE]
        part[:] = random.standard_normal(part.shape, dtype=dtype)
    X.flush()
    del X
    return np.load(path, mmap_mode="r"), random.integers(0, CLASSES, network.samples)


def contestant_of(kind):
    """fusednn's class for a kind of network."""
    from benchmarks.measuring import contestants, layered_contestants

    return (contestants if kind == "dense" else layered_contestants).Fusednn


def measure(network, data, threads, options):
    """Measures one point: microseconds per step, peaks, operations."""
    from benchmarks.measuring.peak import fma_gflops

    field = enter(
        [OURS],
        lambda name: contestant_of(options.kind)(network, *data, threads),
        partial(count_epochs, seconds=options.seconds),
    )
    rounds = options.repeats
    if field[OURS][1] == 1:
        rounds = min(rounds, LONG_ROUNDS)
    times, peaks = step_times(
        field, rounds, partial(fma_gflops, threads, options.dtype, repeats=3)
    )
    return {"step_us": times[OURS], "peaks": peaks, "flops": network.flops}


def point(what, value, options):
    """Measures the base with one value changed; None if the disk has no room."""
    network = network_at(what, value, options.kind)
    threads = value if what == "threads" else options.threads
    if options.kind != "dense":
        here = {"value": value, "samples": network.batch * network.steps}
        return here | measure(network, make_samples(network, options.dtype), threads, options)
    here = {"value": value, "samples": network.samples}
    if network.samples < MAPPED_ROWS:
        return here | measure(network, make_data(network, options.dtype), threads, options)
    needed = 1.1 * network.samples * FEATURES * np.dtype(options.dtype).itemsize
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        if shutil.disk_usage(folder).free < needed:
            print(f"note: {value:,} rows left out, they need {needed / 1e9:.1f} GB in {folder}")
            return None
        data = mapped_data(network, options.dtype, folder)
        return here | measure(network, data, threads, options)


def panel(what, options):
    """Measures and prints all points of one panel."""
    values = VALUES[options.kind].get(what, tuple(range(1, options.threads + 1)))
    found = []
    for value in values:
        if options.most and value > options.most:
            continue
        contestant_of(options.kind).n_jobs = value if what == "threads" else None
        one = point(what, value, options)
        if one is None:
            continue
        one["peak_share"] = one["flops"] / one["step_us"]["median"] / 1e3 / max(one["peaks"])
        print(
            f"{what:8}{value:12,}{one['step_us']['median']:14.1f} us"
            f" (best {one['step_us']['best']:.1f}){one['peak_share']:8.0%} of peak",
            flush=True,
        )
        found.append(one)
    return found


def draw(results, picture):
    """Draws a panel for each varied quantity: the step's time, and its share of the peak.

    Parameters
    ----------
    results, picture : Path
    """
    from matplotlib.figure import Figure

    report = read(results)
    kind = report.get("kind", "dense")  # files of earlier runs have none
    names = (*VALUES[kind], "threads")
    panels = {what: report["panels"][what] for what in names if report["panels"].get(what)}
    figure = Figure((3.6 * len(panels), 3.4), layout="constrained")
    row = figure.subplots(1, len(panels), squeeze=False, sharey=True)
    for axes, (what, points) in zip(row[0], panels.items(), strict=True):
        values = [one["value"] for one in points]
        axes.loglog(values, [one["step_us"]["median"] for one in points], "o-", color="C0")
        axes.set_xlabel(what)
        axes.grid(alpha=0.3)
        if what in ("depth", "threads"):
            axes.set_xscale("linear")
        elif what in ("width", "batch", "channels", "size", "context", "heads"):
            axes.set_xscale("log", base=2)
        if what != "rows":
            apart = [*values[:1], *(b for a, b in pairwise(values) if b > 1.2 * a)]
            axes.set_xticks(apart, apart)  # labels closer than that would overlap
        shares = axes.twinx()
        shares.plot(values, [100 * one["peak_share"] for one in points], "s--", color="C1")
        shares.set_ylim(0, 100)
        shares.tick_params(axis="y", colors="C1")
    row[0][0].set_ylabel("us per training step", color="C0")
    shares.set_ylabel("% of multiply-add peak", color="C1")
    base = network_at(None, None, kind)
    rows = f" {base.samples:,} rows," if kind == "dense" else ""
    figure.suptitle(
        f"{base.title},{rows} one thing varied; {report['dtype']},"
        f" {report['threads']} threads, {report['cpu']}"
    )
    figure.savefig(picture, dpi=150)


def main():
    """Measures the requested panels, or draws existing ones."""
    options = parse()
    if options.draw:
        draw(*options.draw)
        return
    restart_with(options.threads)
    from benchmarks.measuring.contestants import choose_clock

    choose_clock(options.clock)
    report = resume(options)
    panels = report.setdefault("panels", {})
    for what in options.what:
        panels[what] = panel(what, options)
        write(options.json, report)


if __name__ == "__main__":
    main()
