"""Eight normal distributions on a ring, learned by `GAN` with no option set.

    python examples/ring.py [--seeds 10] [--plot docs/ring.png]

8,000 points around eight centres at distance 2 from the origin, with a standard deviation of 0.05.
A game that collapses finds one centre or a few. For each seed: how many centres have at least a
hundredth of the 4,000 generated points, and the share of these within three deviations of one.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from fusednn import GAN

CENTRES, RADIUS, DEVIATION, SAMPLES = 8, 2.0, 0.05, 4000


def centres():
    """The eight centres, (8, 2)."""
    angles = 2 * np.pi * np.arange(CENTRES) / CENTRES
    return RADIUS * np.column_stack([np.cos(angles), np.sin(angles)])


def points(seed, count=8000):
    """Points of the eight distributions."""
    random = np.random.RandomState(seed)
    chosen = centres()[random.randint(CENTRES, size=count)]
    return chosen + random.normal(scale=DEVIATION, size=(count, 2))


def judged(samples):
    """The number of centres that are found, and the share of samples near one."""
    distances = np.linalg.norm(samples[:, np.newaxis] - centres(), axis=2)
    near = distances.min(axis=1) < 3 * DEVIATION
    counts = np.bincount(distances.argmin(axis=1)[near], minlength=CENTRES)
    return int((counts >= len(samples) / 100).sum()), float(near.mean())


def draw(path, data, samples):
    """Draws the data and generated points side by side."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(8, 4), sharex=True, sharey=True)
    for axis, rows, title in zip(axes, (data, samples), ("data", "generated"), strict=True):
        axis.scatter(*rows.T, s=1)
        axis.set_title(title)
        axis.set_aspect("equal")
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def main(arguments=None, **options):
    """Prints a line for each seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--plot", metavar="PNG", help="draw the first seed's points")
    asked = parser.parse_args(arguments)
    for seed in range(asked.seeds):
        data, start = points(seed), time.perf_counter()
        model = GAN(random_state=seed, **options).fit(data)
        samples = model.sample(SAMPLES, random_state=seed)
        found, share = judged(samples)
        seconds = time.perf_counter() - start
        print(f"seed {seed}: {found} centres, {share:.3f} near one, {seconds:.0f} s", flush=True)
        if asked.plot and not seed:
            draw(asked.plot, data, samples)


if __name__ == "__main__":
    main()
