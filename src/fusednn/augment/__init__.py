"""Descriptions of augmentations for `augment=` of `NetworkClassifier` and `NetworkRegressor`.

Augmentations change each training sample at random, anew whenever it is in a batch. Validation
samples, predictions and gradients see the samples as they are. X must have axes, or a first
`Reshape` must give them: `Flip`, `Shift`, `Rotate`, `Scale`, `Noise` and `CutOut` take images
(n, H, W, C) or (n, H, W); `Stretch`, `Crop` and `Jitter` take series (n, T, C). Samples keep their
shape.

The first four of the images, and the first two of the series, move pixels or steps. Those of a
list are composed in its order, and the sample is interpolated once, linearly. Then noise is added,
then squares are cut out, wherever these stand in the list. Pixels and steps that come from outside
the sample, and those cut out, are 0; with `standardize=True` they are the mean, which the scaling
makes 0.

Descriptions are immutable and compare by value.

Examples
--------
>>> from fusednn import NetworkClassifier
>>> from fusednn.augment import CutOut, Flip, Shift
>>> from fusednn.layers import Conv2D, Flatten
>>> layers = [Conv2D(16, 3, "relu"), Flatten()]
>>> model = NetworkClassifier(layers, augment=[Flip(), Shift(2), CutOut(4)])
"""

from .augmentation import Augmentation
from .images import CutOut, Flip, Noise, Rotate, Scale, Shift
from .series import Crop, Jitter, Stretch

__all__ = [
    "Augmentation",
    "Crop",
    "CutOut",
    "Flip",
    "Jitter",
    "Noise",
    "Rotate",
    "Scale",
    "Shift",
    "Stretch",
]
