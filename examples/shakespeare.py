"""A language model of Shakespeare's plays, by characters, and what it writes.

    FUSEDNN_DATA=folder python examples/shakespeare.py [--torch] [--large] [--plot shakespeare.png]

The text is `folder/tiny-shakespeare/input.txt.gz` (1.1 million characters); its last tenth is held
out. The network has 4 blocks of width 128 with 4 heads, and sees 64 characters; 2,000 steps of 12
windows. `--torch` trains the same network in PyTorch in the same run, epoch by epoch in turns.
`--large` has a width of 192 and dropout, sees 128 characters, and takes 4,000 steps of 16 windows.
"""

from __future__ import annotations

import argparse
import gzip
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from fusednn import LanguageModel
from fusednn.layers import presets
from fusednn.optimizers import AdamW
from fusednn.schedules import Cosine, WarmUp
from fusednn.text import CharTokenizer

EPOCHS = 10
"""How often the held-out text is judged."""


class Sizes(NamedTuple):
    """A network and its training; the learning rate may rise and fall."""

    context: int = 64
    dropout: float = 0.0
    steps: int = 2000
    batch: int = 12
    rate: float = 1e-3
    falls: bool = False
    width: int = 128
    blocks: int = 4
    heads: int = 4


LARGE = Sizes(128, 0.1, 4000, 16, 2e-3, falls=True, width=192, heads=6)


def load() -> tuple[str, str]:
    """The text to train on, and the held-out tail."""
    path = Path(os.environ.get("FUSEDNN_DATA", "")) / "tiny-shakespeare" / "input.txt.gz"
    if "FUSEDNN_DATA" not in os.environ or not path.is_file():
        sys.exit("set FUSEDNN_DATA to the folder that holds tiny-shakespeare/")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        text = file.read()
    return text[: len(text) * 9 // 10], text[len(text) * 9 // 10 :]


def model_of(sizes: Sizes, jobs: int | None = None, seed: int = 0) -> LanguageModel:
    """The model, which is not fitted."""
    return LanguageModel(
        presets.decoder(sizes.width, sizes.blocks, sizes.heads, sizes.dropout),
        sizes.context,
        tokenizer=CharTokenizer(),
        solver=AdamW(weight_decay=0.1, beta_2=0.99),
        learning_rate_init=sizes.rate,
        learning_rate=WarmUp(sizes.steps // 20, Cosine(0.05)) if sizes.falls else "constant",
        batch_size=sizes.batch,
        steps_per_epoch=sizes.steps // EPOCHS,
        max_iter=EPOCHS,
        random_state=seed,
        n_jobs=jobs,
    )


class Reports:
    """Prints the losses after each epoch, and lets another training take its turn.

    Parameters
    ----------
    peer : Twin or None
    """

    def __init__(self, peer: Any = None):
        self._peer, self._start, self.seconds = peer, 0.0, 0.0

    def begin(self) -> None:
        """Is called before an epoch."""
        self._start = time.perf_counter()

    def end(self, progress, parameters) -> bool:
        """Is called after an epoch; never asks the fit to stop."""
        self.seconds += time.perf_counter() - self._start
        line = f"epoch {progress.n_iter}: loss {progress.loss:.3f}, held out"
        line += f" {progress.validation_loss_curve[-1]:.3f}, {self.seconds:.1f} s"
        if self._peer is not None:
            self._peer.train(progress.n_iter - 1)
            line += f"; PyTorch {self._peer.judge():.3f}, {self._peer.seconds:.1f} s"
        print(line, flush=True)
        return False


class Twin:
    """The same network in PyTorch, from the same first weights, on the same windows.

    Parameters
    ----------
    model : LanguageModel
        Initialized.
    text, held_out : str
    sizes : Sizes
    """

    def __init__(self, model: LanguageModel, text: str, held_out: str, sizes: Sizes):
        import torch
        from shakespeare_torch import Decoder, parameter_groups

        from fusednn.training.drawn_windows import DrawnWindows

        self._torch, self._sizes, self.seconds = torch, sizes, 0.0
        torch.set_num_threads(os.cpu_count() or 1)
        encode = model.tokenizer_.encode
        self._codes, self._tail = (
            torch.tensor(encode(one).astype(np.int64)) for one in (text, held_out)
        )
        self._network = Decoder(sizes.width, model.n_outputs_, sizes.blocks, sizes.heads)
        self._network.take(model.get_weights())
        self._draws = DrawnWindows(model._seed, 0, len(self._codes) - sizes.context, sizes.context)
        self._optimizer = torch.optim.AdamW(
            parameter_groups(self._network), lr=sizes.rate, weight_decay=0.1, betas=(0.9, 0.99)
        )
        self._rates = np.full(sizes.steps, sizes.rate)
        if sizes.falls:
            steps = np.arange(sizes.steps, dtype=float)
            self._rates *= model.learning_rate.factors(steps, sizes.steps)

    def _windows(self, places):
        places = self._torch.as_tensor(places)[:, None]
        return self._codes[places + self._torch.arange(self._sizes.context + 1)]

    def train(self, epoch: int) -> None:
        """Takes the steps of an epoch."""
        sizes, start = self._sizes, time.perf_counter()
        per_epoch = sizes.steps // EPOCHS
        order = np.zeros(per_epoch * sizes.batch, np.int64)
        self._draws.shuffle(order)
        for number, places in enumerate(order.reshape(per_epoch, -1), epoch * per_epoch):
            for group in self._optimizer.param_groups:
                group["lr"] = self._rates[number]
            loss = self._network.loss(self._windows(places))
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self._torch.nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
            self._optimizer.step()
        self.seconds += time.perf_counter() - start

    def judge(self) -> float:
        """The mean loss of the held-out text in windows that follow one another."""
        start, steps = time.perf_counter(), self._sizes.context
        count = (len(self._tail) - 1) // steps
        places = steps * self._torch.arange(count)[:, None] + self._torch.arange(steps + 1)
        with self._torch.no_grad():
            parts = self._tail[places].split(128)
            total = sum(self._network.loss(part).item() * len(part) for part in parts)
        self.seconds += time.perf_counter() - start
        return total / count


def run(text: str, held_out: str, sizes: Sizes, jobs: int | None = None, torch: bool = False):
    """Trains, printing the losses; returns the model, and the seconds of both."""
    model, peer = model_of(sizes, jobs).initialize(text), None
    if torch:
        peer = Twin(model, text, held_out, sizes)
    reports = Reports(peer)
    model._watcher = reports
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.set_params(warm_start=True).fit(text, X_val=held_out)
    del model._watcher
    return model, reports.seconds, None if peer is None else peer.seconds


def draw(model: LanguageModel, path) -> None:
    """The losses of the training and of the held-out text."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5, 3.4))
    for name, curve in model.history_.items():
        axes.plot(1 + np.arange(len(curve)), curve, label=name.replace("_", " "))
    axes.set_xlabel("epoch")
    axes.set_ylabel("nats a character")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    """Trains, and prints a sample."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--torch", action="store_true", help="train PyTorch's twin in turns")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--steps", type=int, help="instead of those of the configuration")
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--plot", help="file of the figure")
    parser.add_argument("--save", help="file of the model")
    options = parser.parse_args()
    sizes = LARGE if options.large else Sizes()
    if options.steps:
        sizes = sizes._replace(steps=options.steps)
    text, held_out = load()
    model, seconds, theirs = run(text, held_out, sizes, options.jobs, options.torch)
    print(f"held out {model.history_['validation_loss'][-1]:.3f}, {seconds:.0f} s", end="")
    print("" if theirs is None else f"; PyTorch {theirs:.0f} s, {theirs / seconds:.1f} times")
    for piece in model.iter_generate("\n", 500, temperature=0.8, random_state=0):
        print(piece, end="", flush=True)
    print()
    if options.save:
        model.save(options.save)
    if options.plot:
        draw(model, options.plot)


if __name__ == "__main__":
    main()
