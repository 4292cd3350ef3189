"""The adding problem: what a recurrence learns and a window cannot, and why gradients are clipped.

    python examples/adding.py [--plot adding.png] [--steps 200] [--samples 10000]

A sample has 200 steps of two numbers: one uniform in [0, 1], and a mark that is 1 at two steps and
0 else. The target is the sum of the two marked numbers. To answer always 1 has a mean squared
error of 1/6 = 0.167 (Hochreiter and Schmidhuber, "Long short-term memory", 1997).

A GRU is trained by Adam, and by RMSprop at a large rate with and without clipped gradients; a
dense network sees the last 20 steps alone. Each is judged by 2,000 other samples after each pass.
RMSprop's step is as large as its gradient is unusual, and gradients over 200 steps are very
unusual now and then: without clipping one such step may lose what was learned.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from fusednn import NetworkRegressor
from fusednn.layers import GRU, Dense, Flatten

CONSTANT = 1 / 6
"""The error of the best constant answer."""
WINDOW = 20
"""Steps that the window network sees."""
UNITS, RATE, LARGE, CLIP = 32, 0.02, 0.03, 1.0
"""Units of a recurrence, Adam's rate and RMSprop's, and the largest norm of a gradient."""


def make(samples: int, steps: int, seed: int):
    """Samples (n, steps, 2) and targets; the first mark is in the first half of the steps."""
    random = np.random.RandomState(seed)
    X = np.zeros((samples, steps, 2), np.float32)
    X[:, :, 0] = random.uniform(size=(samples, steps))
    half, rows = steps // 2, np.arange(samples)
    first, second = random.randint(half, size=samples), random.randint(half, steps, size=samples)
    X[rows, first, 1] = X[rows, second, 1] = 1
    return X, X[rows, first, 0] + X[rows, second, 0]


def networks(epochs: int, seed: int, rate: float):
    """The networks that are compared, and the last steps that each sees; None is all."""

    def network(layers, rate=rate, solver="adam", **options):
        return NetworkRegressor(
            layers,
            solver=solver,
            learning_rate_init=rate,
            batch_size=20,
            max_iter=epochs,
            random_state=seed,
            **options,
        )

    return {
        "GRU": (network([GRU(UNITS)], clip_norm=CLIP), None),
        "GRU by RMSprop, clipped": (network([GRU(UNITS)], LARGE, "rmsprop", clip_norm=CLIP), None),
        "GRU by RMSprop, not clipped": (network([GRU(UNITS)], LARGE, "rmsprop"), None),
        f"window of {WINDOW} steps": (network([Flatten(), Dense(64, "relu")], 0.001), WINDOW),
    }


def run(samples: int, steps: int, epochs: int, seed: int = 0, rate: float = RATE):
    """The error of each network on other samples after each pass, by its name."""
    (X, y), (X_test, y_test) = make(samples, steps, seed), make(2000, steps, seed + 1000)
    found: dict[str, list[float]] = {}
    for name, (model, last) in networks(epochs, seed, rate).items():
        own = slice(None if last is None else -min(last, steps), None)
        start, errors = time.perf_counter(), found.setdefault(name, [])
        for _ in range(epochs):
            try:
                model.partial_fit(X[:, own], y)
            except ValueError as error:
                print(f"{name}: {str(error).split('.')[0]} in pass {len(errors) + 1}", flush=True)
                break
            off = model.predict(X_test[:, own]) - y_test
            errors.append(float((off**2).mean()))
        if len(errors) == epochs:
            seconds = time.perf_counter() - start
            print(f"{name}: {errors[-1]:.4f} in {seconds:.0f} s", flush=True)
    return found


def draw(curves: dict[str, list[float]], path) -> None:
    """The errors by pass, and that of the best constant."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panel = plt.subplots(figsize=(7, 4))
    for name, errors in curves.items():
        panel.semilogy(1 + np.arange(len(errors)), errors, label=name)
    panel.axhline(CONSTANT, color="0.6", linestyle="dashed", label="constant")
    panel.set_xlabel("pass")
    panel.set_ylabel("mean squared error")
    panel.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    """Trains all networks, prints their errors, and draws the curves if that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--plot", help="file of the figure")
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"a constant: {CONSTANT:.4f}")
    curves = run(options.samples, options.steps, options.epochs, options.seed)
    if options.plot:
        draw(curves, options.plot)


if __name__ == "__main__":
    main()
