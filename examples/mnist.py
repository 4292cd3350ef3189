"""MNIST's digits by a convolutional network, in some minutes on two cores.

    FUSEDNN_DATA=folder python examples/mnist.py [--plot mnist.png] [--torch]

The network and the options are those of `fashion_mnist.py`, but for the augmentation: a digit in a
mirror is another sign.
"""

from images import main

import fusednn


def augmentations():
    """Digits may be a few pixels off the middle."""
    return [fusednn.augment.Shift(2)]


if __name__ == "__main__":
    main(__doc__, "mnist", epochs=12, goal=0.99, augment=augmentations)
