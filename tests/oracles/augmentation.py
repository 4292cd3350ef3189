"""Augmented samples by SciPy, from the random words of a Philox in Python."""

import numpy as np
from oracles import reference_layers
from scipy import ndimage


def augmented(X, asked, *, seed, step, stream):
    """Samples (n, H W C), each augmented as `asked`, a `graph.augmentation.Augmentation`, says."""
    shape = asked.height, asked.width, asked.channels
    line = asked.width * asked.channels
    fill = np.reshape(asked.fill or np.zeros(line), shape[1:])
    found = np.array(X, float).reshape(len(X), *shape)
    noise = reference_layers.gaussian_noise(
        len(X), asked.height * line, seed=seed, step=step, layer=stream + 1
    ).reshape(found.shape)
    for row, image in enumerate(found):

        def words(counter, row=row):
            return reference_layers.philox((counter, row, step, stream), (seed, 0))

        image[:] = moved(image, pulled(asked, words), fill)
        if asked.deviations:
            image += np.reshape(asked.deviations, shape[1:]) * noise[row]
        for number, size in enumerate(asked.holes, start=len(asked.moves)):
            down, across = words(number)[:2]
            top, left = (down * asked.height >> 32, across * asked.width >> 32)
            for y in range(top - size // 2, top - size // 2 + size):
                for x in range(left - size // 2, left - size // 2 + size):
                    if 0 <= y < asked.height and 0 <= x < asked.width:
                        image[y, x] = fill[x]
    return found.reshape(len(X), -1)


def moved(image, pull, fill):
    """An image (H, W, C) through a map of homogeneous places (y, x, 1) to its own."""

    def through(plane):
        return ndimage.affine_transform(plane, pull, order=1, mode="grid-constant", cval=0)

    inside = through(np.ones(image.shape[:2]))[..., np.newaxis]
    planes = [through(image[..., channel]) for channel in range(image.shape[-1])]
    return np.stack(planes, axis=-1) + (1 - inside) * fill


def pulled(asked, words):
    """The map of the moves, each undone, the last first."""
    middle = np.eye(3)
    middle[:2, 2] = (asked.height - 1) / 2, (asked.width - 1) / 2
    found = np.eye(3)
    for number, (name, amount) in enumerate(asked.moves):
        w0, w1 = words(number)[:2]
        sign = 2 * (w0 + 0.5) / 2**32 - 1
        push, pull = np.eye(3), None  # about the centre
        if name == "flip":
            push[1, 1] = -1 if w0 < 2**31 else 1
        elif name == "shift":
            count = 2 * int(amount) + 1
            push[:2, 2] = (w1 * count >> 32) - amount, (w0 * count >> 32) - amount
        elif name == "rotate":  # counter-clockwise, to the eye
            turn = 2 * np.pi * amount * sign
            push[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
        elif name == "scale":
            push[[0, 1], [0, 1]] = 1 + amount * sign
        elif name == "stretch":
            push[1, 1] = 1 + amount * sign
        else:
            assert name == "crop"
            first, size = w0 * (asked.width - int(amount) + 1) >> 32, int(amount)
            ends = np.array([first, first + size - 1])  # of the window, and of the series
            share = (ends[1] - ends[0]) / (asked.width - 1) if asked.width > 1 else 1.0
            pull = np.diag([1, share, 1])
            pull[1, 2] = first
            pull = np.linalg.inv(middle) @ pull @ middle
        found = found @ (np.linalg.inv(push) if pull is None else pull)
    return middle @ found @ np.linalg.inv(middle)
