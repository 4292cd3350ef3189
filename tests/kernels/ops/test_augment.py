"""Augmented samples to the bit: whole places are pixels, and moves by nothing change nothing."""

import numpy as np
import pytest
from cases.ops.of_augmentations import augmenting
from running.op_cases import SAMPLES, Memory, run

from fusednn.graph.augmentation import Augmentation

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
SHAPE = HEIGHT, WIDTH, CHANNELS = 4, 5, 2
FILL = 7.0


def of_images(*moves, **more):
    return Augmentation(*SHAPE, moves, fill=(FILL,) * (WIDTH * CHANNELS), **more)


def images(dtype):
    """The samples that `augmented` is of."""
    size = HEIGHT * WIDTH * CHANNELS
    return Memory(dtype, np.nan).values(SAMPLES, size).reshape(SAMPLES, *SHAPE)


def augmented(asked, dtype):
    _, found = run(lambda make: augmenting(make, asked), dtype, np.nan)
    return found["out"].reshape(SAMPLES, asked.height, asked.width, asked.channels)


def shifted(image, down, right):
    """A pixel of the sum of both places before, or the fill."""
    found = np.full_like(image, FILL)
    for y in range(HEIGHT):
        for x in range(WIDTH):
            if 0 <= y - down < HEIGHT and 0 <= x - right < WIDTH:
                found[y, x] = image[y - down, x - right]
    return found


def place_of(image, candidates):
    """The key of the candidate that an image equals to the bit."""
    [key] = [key for key, one in candidates.items() if np.array_equal(one, image)]
    return key


@DTYPES
def test_flips_are_mirror_images(dtype):
    keys = {
        place_of(found, {"as it is": image, "flipped": image[:, ::-1]})
        for image, found in zip(
            images(dtype), augmented(of_images(("flip", 0.0)), dtype), strict=True
        )
    }
    assert keys == {"as it is", "flipped"}


@DTYPES
@pytest.mark.parametrize(
    "moves",
    [
        (("shift", 5.0),),
        (("flip", 0.0), ("shift", 5.0)),
        (("flip", 0.0), ("shift", 5.0), ("flip", 0.0)),
    ],
    ids=len,
)
def test_shifts_are_by_whole_pixels(dtype, moves):
    """Also between flips, and where nothing of a sample is left."""
    seen, steps = [], range(-5, 6)
    for image, found in zip(images(dtype), augmented(of_images(*moves), dtype), strict=True):
        if (found == FILL).all():
            continue
        sources = {"as it is": image}
        if len(moves) > 1:
            sources["flipped"] = image[:, ::-1]
        candidates = {
            (way, down, right): shifted(source, down, right)
            for way, source in sources.items()
            for down in steps
            for right in steps
        }
        seen.append(place_of(found, candidates))
    ways, *places = zip(*seen, strict=True)
    assert len(set(zip(*places, strict=True))) > SAMPLES // 4
    if len(moves) == 2:  # of two flips most samples here have both or none
        assert set(ways) == {"as it is", "flipped"}


@DTYPES
@pytest.mark.parametrize(
    "moves",
    [
        (),
        (("shift", 0.0),),
        (("rotate", 0.0), ("scale", 0.0)),
        (("stretch", 0.0), ("crop", float(WIDTH))),
    ],
    ids=str,
)
def test_moves_by_nothing_change_no_bit(dtype, moves):
    assert augmented(of_images(*moves), dtype).tobytes() == images(dtype).tobytes()


@DTYPES
def test_squares_are_filled_and_nothing_else(dtype):
    for image, found in zip(images(dtype), augmented(of_images(holes=(3,)), dtype), strict=True):
        hole = (found == FILL).all(axis=-1)
        np.testing.assert_array_equal(found[~hole], image[~hole])
        rows, columns = (np.flatnonzero(hole.any(axis=axis)) for axis in (1, 0))
        assert hole[np.ix_(rows, columns)].all()
        assert hole.sum() == len(rows) * len(columns)
        assert 2 <= len(rows) <= 3
        assert 2 <= len(columns) <= 3


@DTYPES
def test_a_window_of_one_step_is_that_step(dtype):
    asked = Augmentation(1, 6, 2, (("crop", 1.0),))
    series = Memory(dtype, np.nan).values(SAMPLES, 12).reshape(SAMPLES, 6, 2)
    for one, found in zip(series, augmented(asked, dtype)[:, 0], strict=True):
        assert any((found == step).all() for step in one)
