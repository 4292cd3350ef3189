"""Fashion-MNIST by a convolutional network, in some minutes on two cores.

    FUSEDNN_DATA=folder python examples/fashion_mnist.py [--plot fashion.png] [--torch]

Prints the seconds and the accuracy on the test images. `--plot` draws the learning curve and the
filters of the first convolution. `--torch` trains the same network here and in PyTorch until 0.91
of the test images are right, and prints the seconds of both.

The options were chosen with `--choose`, which trains on 55,000 images and judges by the other
5,000 training images.
"""

from images import main

import fusednn


def augmentations():
    """Garments are shown from either side, and a few pixels off the middle."""
    return [fusednn.augment.Flip(), fusednn.augment.Shift(2)]


if __name__ == "__main__":
    main(__doc__, "fashion-mnist", epochs=18, goal=0.91, augment=augmentations)
