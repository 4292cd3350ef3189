"""What `mnist.py` and `fashion_mnist.py` share: data, a network, its training, its pictures.

The network is of convolutions of 3 x 3 pixels with BatchNorm and ReLU, pools between, and a mean
over the image before the output. AdamW's rate rises and falls once, and labels are smoothed.
"""

from __future__ import annotations

import argparse
import gzip
import os
import sys
import time
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from fusednn import NetworkClassifier, export_torch
from fusednn.layers import Activation, BatchNorm, Conv2D, Dropout, GlobalAvgPool, Layer, MaxPool2D
from fusednn.losses import CrossEntropy
from fusednn.optimizers import AdamW
from fusednn.schedules import OneCycle

STAGES = (32,), (64, 64), (128, 128)
"""The filters of each convolution; a pool of 2 x 2 is between stages."""

HELD_OUT, WATCHED = 5000, 1000
"""The last training images that options were chosen by, and those of the curve."""


# -- data --------------------------------------------------------------------------------


def load(folder: str):
    """Training and test images in [0, 1] and labels, from idx files in `$FUSEDNN_DATA/folder`."""
    root = Path(os.environ.get("FUSEDNN_DATA", "")) / folder
    if "FUSEDNN_DATA" not in os.environ or not root.is_dir():
        sys.exit(f"set FUSEDNN_DATA to the folder that holds {folder}/ with its four idx files")
    found = []
    for part in ("train", "t10k"):
        images = _idx(root / f"{part}-images-idx3-ubyte.gz").reshape(-1, 28, 28, 1)
        labels = _idx(root / f"{part}-labels-idx1-ubyte.gz")
        found += [images.astype(np.float32) / 255, labels]
    return found


def _idx(path: Path) -> np.ndarray:
    opened = gzip.open if path.exists() else open
    with opened(path if path.exists() else path.with_suffix(""), "rb") as file:
        content = file.read()
    return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3])


# -- the network -------------------------------------------------------------------------


def layers(stages=STAGES, dropout: float = 0.1) -> list[Layer]:
    """The hidden layers."""
    found: list[Layer] = []
    for number, filters in enumerate(stages):
        found += [MaxPool2D(2)] * bool(number)
        for channels in filters:
            found += [Conv2D(channels, 3, bias=False), BatchNorm(), Activation("relu")]
    return [*found, GlobalAvgPool(), Dropout(dropout)]


def network(epochs: int, threads: int | None = None, seed: int = 0, stages=STAGES, **options):
    """The estimator; `options` are parameters in place of those here."""
    return NetworkClassifier(
        layers(stages),
        **{
            "solver": AdamW(weight_decay=0.05),
            "learning_rate": OneCycle(warmup=0.2),
            "learning_rate_init": 0.005,
            "loss": CrossEntropy(label_smoothing=0.05),
            "batch_size": 128,
            "max_iter": epochs,
            "n_iter_no_change": epochs,
            "random_state": seed,
            "n_jobs": threads,
            **options,
        },
    )


def fit(model: NetworkClassifier, train, watched) -> float:
    """Trains; `watched` images and labels give the curve and change nothing. Returns seconds."""
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(*train, X_val=watched[0], y_val=watched[1])
    return time.perf_counter() - start


# -- pictures ----------------------------------------------------------------------------


def draw(model: NetworkClassifier, picture: str) -> None:
    """Draws the loss and the accuracy of each epoch, and the filters of the first convolution."""
    from matplotlib.figure import Figure

    figure = Figure((9, 4), layout="constrained")
    curves, filters = figure.subfigures(1, 2, width_ratios=(3, 2))
    loss = curves.subplots()
    epochs = range(1, len(model.loss_curve_) + 1)
    loss.plot(epochs, model.loss_curve_, "C0", label="training loss")
    loss.set(xlabel="epoch", ylabel="loss")
    loss.xaxis.get_major_locator().set_params(integer=True)
    accuracy = loss.twinx()
    accuracy.plot(epochs, model.validation_scores_, "C1", label="accuracy, watched images")
    accuracy.set(ylabel="accuracy")
    curves.legend(loc="outside upper center", ncols=2)
    weights = model.get_weights()[0][0]  # (3, 3, 1, filters)
    filters.suptitle("filters of the first convolution", fontsize="medium")
    bound = abs(weights).max()
    for number, axes in enumerate(filters.subplots(-(-weights.shape[-1] // 8), 8).ravel()):
        axes.axis("off")
        if number < weights.shape[-1]:
            axes.imshow(weights[:, :, 0, number], cmap="RdBu", vmin=-bound, vmax=bound)
    figure.savefig(picture, dpi=150)


# -- beside PyTorch ----------------------------------------------------------------------


def race(train, test, goal: float, threads: int, most: int = 10, stages=STAGES, batch: int = 128):
    """Trains the same network here and in PyTorch up to an accuracy on the test images.

    Both begin with the same weights, draw their own order and dropout, and take Adam at a constant
    rate. They train in turns, an epoch each. Only training counts, not what judges it after each
    epoch, nor what compiles it.

    Returns
    -------
    dict of str to (float, list of float)
        Seconds, and the accuracy after each epoch, of each library; printed as they come.
    """
    constant = {"solver": "adam", "learning_rate": "constant", "learning_rate_init": 0.002}
    options = {"batch_size": batch, "warm_start": True, "warm_start_optimizer": True, **constant}
    ours = network(1, threads, stages=stages, loss="log_loss", **options)
    few = train[0][: 2 * batch], train[1][: 2 * batch]
    fit(network(1, threads, stages=stages, loss="log_loss", **options), few, few)  # compiles
    ours.initialize(*train)
    epoch, accuracy = _in_torch(ours, threads, stages)
    contestants = {
        "fusednn": (lambda: _epoch(ours, train), lambda: ours.score(*test)),
        "PyTorch": (lambda: epoch(train, batch), lambda: accuracy(test)),
    }
    epoch(few, batch, learns=False)
    outcomes: dict[str, tuple[float, list[float]]] = {name: (0.0, []) for name in contestants}
    for number in range(most):
        for name, (step, score) in contestants.items():
            seconds, scores = outcomes[name]
            if number == len(scores) and max(scores, default=0.0) < goal:
                start = time.perf_counter()
                step()
                seconds += time.perf_counter() - start
                scores.append(float(score()))
                outcomes[name] = seconds, scores
                told = f"{name:8} {seconds:6.1f} s, epoch {number + 1}: {scores[-1]:.4f}"
                print(told, flush=True)
    return outcomes


def _epoch(model: NetworkClassifier, train) -> None:
    """An epoch in an order of its own: a fit with the same seed would draw the last one again."""
    model.set_params(random_state=model.random_state + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(*train)


def _in_torch(ours: NetworkClassifier, threads: int, stages):
    """Functions of an epoch and of the accuracy of the same network with the same weights."""
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    channels, modules = 1, []
    for number, filters in enumerate(stages):
        modules += [nn.MaxPool2d(2)] if number else []
        for before, after in pairwise((channels, *filters)):
            convolution = nn.Conv2d(before, after, 3, padding=1, bias=False)
            modules += [convolution, nn.BatchNorm2d(after), nn.ReLU()]
        channels = filters[-1]
    pool = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.1)]
    module = nn.Sequential(*modules, *pool, nn.Linear(channels, len(ours.classes_)))
    arrays = export_torch(ours, module.state_dict())
    module.load_state_dict({key: torch.as_tensor(array) for key, array in arrays.items()})
    module = module.to(memory_format=torch.channels_last)
    judge = torch.optim.Adam(module.parameters(), lr=ours.learning_rate_init, fused=True)
    loss = nn.CrossEntropyLoss()

    def images(X):
        return torch.from_numpy(X).permute(0, 3, 1, 2)  # channels last in memory

    def epoch(train, batch, learns=True):
        module.train()
        X, y = images(train[0]), torch.from_numpy(train[1].astype(np.int64))
        for rows in torch.randperm(len(X)).split(batch):
            value = loss(module(X[rows]), y[rows])
            judge.zero_grad()
            if learns:
                value.backward()
                judge.step()

    def accuracy(test):
        module.eval()
        with torch.no_grad():
            found = torch.cat([module(part).argmax(1) for part in images(test[0]).split(1000)])
        return (found.numpy() == test[1]).mean()

    return epoch, accuracy


# -- the command -------------------------------------------------------------------------


def main(doc: str, folder: str, epochs: int, goal: float, augment) -> None:
    """The command of both scripts; `augment` makes the list of augmentations."""
    parser = argparse.ArgumentParser(description=doc.split("\n")[0])
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--threads", type=int, help="default: as many as help")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", type=int, help="only the first training images")
    parser.add_argument("--plain", action="store_true", help="without augmentation")
    parser.add_argument(
        "--choose",
        action="store_true",
        help=f"judge by the last {HELD_OUT} training images instead of the test images",
    )
    parser.add_argument("--plot", metavar="PNG", help="draw to this file")
    parser.add_argument(
        "--torch",
        action="store_true",
        help=f"time {goal} here and in PyTorch, without augmentation",
    )
    options = parser.parse_args()
    X, y, *test = load(folder)
    watched = X[-WATCHED:], y[-WATCHED:]
    left = WATCHED
    if options.choose:
        left, test = HELD_OUT, [X[-HELD_OUT:], y[-HELD_OUT:]]
    train = X[:-left][: options.samples], y[:-left][: options.samples]
    if options.torch:
        threads = options.threads or os.cpu_count() or 1
        race(train, test, goal, threads)
        return
    extra = {} if options.plain else {"augment": augment()}
    model = network(options.epochs, options.threads, options.seed, **extra)
    seconds = fit(model, train, watched)
    print(f"{options.epochs} epochs of {len(train[0])} images: {seconds:.0f} s")
    print(f"accuracy {model.score(*test):.4f} of {len(test[0])} images that were not trained on")
    if options.plot:
        draw(model, options.plot)
