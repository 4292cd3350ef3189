"""Fashion-MNIST by a small Transformer over patches of the images (Dosovitskiy et al., 2021).

    FUSEDNN_DATA=folder python examples/patches.py [--epochs 15] [--choose]

An image of 28 x 28 is a series of 49 overlapping patches of 7 x 7 pixels, of each of which two
convolutions make a vector (Xiao et al., 2021); positions are learned. Prints the seconds and the
accuracy on the test images. `--choose`, by which the options were chosen, judges by the last 5,000
training images instead.

One convolution whose stride is its size, over patches of 4 x 4, was 1.1 % behind after five epochs
of 15,000 images (0.842 and 0.853); images shifted at random learned more slowly.
"""

import argparse

from images import HELD_OUT, WATCHED, fit, load

from fusednn import NetworkClassifier, augment
from fusednn.layers import (
    Conv2D,
    GlobalAvgPool,
    LayerNorm,
    PositionalEncoding,
    Reshape,
    TransformerBlock,
)
from fusednn.losses import CrossEntropy
from fusednn.optimizers import AdamW
from fusednn.schedules import OneCycle

WIDTH, BLOCKS, HEADS, DROPOUT = 64, 3, 4, 0.1


def layers(size: int = 28):
    """The hidden layers, for images of `size` x `size` pixels."""
    return [
        Conv2D(WIDTH // 2, 3, "relu", stride=2),
        Conv2D(WIDTH, 3, stride=2),
        Reshape((-(-size // 4)) ** 2, WIDTH),
        PositionalEncoding(),
        *[TransformerBlock(HEADS, units=2 * WIDTH, dropout=DROPOUT)] * BLOCKS,
        LayerNorm(),
        GlobalAvgPool(),
    ]


def network(epochs: int, threads: int | None = None, seed: int = 0) -> NetworkClassifier:
    """The estimator."""
    return NetworkClassifier(
        layers(),
        solver=AdamW(weight_decay=0.05),
        learning_rate=OneCycle(warmup=0.2),
        learning_rate_init=0.002,
        loss=CrossEntropy(label_smoothing=0.05),
        batch_size=64,
        clip_norm=1.0,
        augment=[augment.Flip()],
        max_iter=epochs,
        n_iter_no_change=epochs,
        random_state=seed,
        n_jobs=threads,
    )


def main() -> None:
    """Trains, and prints seconds and accuracy."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--threads", type=int, help="default: as many as help")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", type=int, help="only the first training images")
    parser.add_argument("--choose", action="store_true", help="judge by training images")
    options = parser.parse_args()
    X, y, *test = load("fashion-mnist")
    watched, left = (X[-WATCHED:], y[-WATCHED:]), WATCHED
    if options.choose:
        left, test = HELD_OUT, [X[-HELD_OUT:], y[-HELD_OUT:]]
    train = X[:-left][: options.samples], y[:-left][: options.samples]
    model = network(options.epochs, options.threads, options.seed)
    seconds = fit(model, train, watched)
    print(f"{options.epochs} epochs of {len(train[0])} images: {seconds:.0f} s")
    print(f"accuracy {model.score(*test):.4f} of {len(test[0])} images that were not trained on")


if __name__ == "__main__":
    main()
