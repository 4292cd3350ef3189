"""Why ten layers of sigmoids do not learn, how the diagnosis reports it, and three remedies.

    python examples/deep_sigmoid.py [--plot docs/deep_sigmoid.png]

A sigmoid's derivative is at most 1/4, and the gradient of the first layer is a product of ten of
them: it vanishes, and SGD barely moves the weights (Glorot and Bengio, AISTATS 2010). Three
remedies: ReLU with He's initialisation, BatchNorm before each sigmoid, or Residual blocks.
"""

from __future__ import annotations

import argparse
import warnings
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from fusednn import DiagnosisWarning, NetworkClassifier
from fusednn.layers import Activation, BatchNorm, Dense, Residual

GLOROT, HE = "glorot_uniform", "he_normal"


def networks(depth=10, units=64):
    """The layers of each network, by name."""
    first = Dense(units, "sigmoid", init=GLOROT)
    normed = [Dense(units, init=GLOROT), BatchNorm(), Activation("sigmoid")]
    block = Residual([first, Dense(units, init=GLOROT)])
    return {
        "sigmoid": [first] * depth,
        "ReLU + He": [Dense(units, "relu", init=HE)] * depth,
        "sigmoid + BatchNorm": normed * depth,
        "sigmoid + Residual": [first] + [block] * (depth - 1),
    }


class Outcome(NamedTuple):
    """A fitted model, its accuracy on the test samples, and its warnings."""

    name: str
    model: NetworkClassifier
    accuracy: float
    messages: list[str]


def run(passes=30, depth=10, units=64):
    """Fits each network to the digits."""
    X, y = load_digits(return_X_y=True)
    parts = train_test_split(X.astype(np.float32), y, stratify=y, random_state=0)
    X_train, X_test, y_train, y_test = parts
    outcomes = []
    for name, layers in networks(depth, units).items():
        model = NetworkClassifier(
            layers,
            solver="sgd",
            learning_rate_init=0.1,
            batch_size=100,
            max_iter=passes,
            n_iter_no_change=passes,
            standardize=True,
            diagnose=True,
            random_state=0,
        )
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", DiagnosisWarning)
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X_train, y_train)
        messages = [str(w.message) for w in caught if issubclass(w.category, DiagnosisWarning)]
        outcomes.append(Outcome(name, model, model.score(X_test, y_test), messages))
    return outcomes


def table(outcomes):
    """A line for each network, with the gradients of the first and last layer at the end."""
    lines = [f"{'network':20}{'loss':>8}{'accuracy':>10}{'first':>10}{'last':>10}{'ratio':>10}"]
    for name, model, accuracy, messages in outcomes:
        norms = model.gradient_norms_[-1]
        lines.append(
            f"{name:20}{model.loss_:8.3f}{accuracy:10.3f}{norms[0]:10.1e}{norms[-1]:10.1e}"
            f"{norms[0] / norms[-1]:10.1e}"
        )
        lines += [f"    DiagnosisWarning: {message}" for message in messages]
    return "\n".join(lines)


def draw(outcomes, picture):
    """Draws the losses, and the gradients by layer after the first and the last pass."""
    from matplotlib.figure import Figure

    figure = Figure((10, 4), layout="constrained")
    losses, gradients = figure.subplots(1, 2)
    for number, (name, model, *_) in enumerate(outcomes):
        color, norms = f"C{number}", model.gradient_norms_
        losses.plot(range(1, len(norms) + 1), model.loss_curve_, color=color, label=name)
        layers = range(1, norms.shape[1] + 1)
        gradients.semilogy(layers, norms[0], "--", color=color)
        gradients.semilogy(layers, norms[-1], "o-", ms=3, color=color, label=name)
    losses.set(xlabel="pass", ylabel="training loss")
    losses.legend()
    gradients.set(xlabel="layer with weights", ylabel="norm of the gradient")
    gradients.set_title("dashed: after the first pass, solid: after the last", fontsize="medium")
    for axes in (losses, gradients):
        axes.grid(alpha=0.3)
    figure.savefig(picture, dpi=150)


def main():
    """Prints the table, and draws it with --plot."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--passes", type=int, default=30)
    parser.add_argument("--plot", metavar="PNG", help="draw to this file")
    options = parser.parse_args()
    outcomes = run(options.passes)
    print(table(outcomes))
    if options.plot:
        draw(outcomes, options.plot)


if __name__ == "__main__":
    main()
