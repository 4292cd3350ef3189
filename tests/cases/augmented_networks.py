"""Networks whose samples are augmented."""

from cases.op_networks import CASES

from fusednn.graph.augmentation import Augmentation

LINE = (0.5, -1.0, 2.0)
AUGMENTED = {
    "images": (
        CASES["windows"],
        Augmentation(
            *(2, 3, 1, (("shift", 1.0), ("flip", 0.0), ("rotate", 0.1), ("scale", 0.2))),
            *((0.1, 0.2, 0.3), (1, 2), LINE),
        ),
    ),
    "series": (
        CASES["shortcuts"],
        Augmentation(1, 6, 1, (("stretch", 0.3), ("crop", 4.0)), (0.2,) * 6),
    ),
    "squares before a dense layer": (
        CASES["many outputs"],
        Augmentation(2, 1, 3, holes=(1,), fill=LINE),
    ),
    "noise before a norm": (CASES["first a norm"], Augmentation(3, 2, 1, deviations=(0.1, 0.3))),
    "before channels first": (
        CASES["channels first"],
        Augmentation(3, 1, 2, (("shift", 2.0),), (), (2,)),
    ),
}
