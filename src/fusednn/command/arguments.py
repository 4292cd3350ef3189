"""Converters for option values, passed to argparse as `type`."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from fusednn.tables.reading.sources import STANDARD_INPUT

TASKS = "classification", "regression"
DEVICES = "cpu", "cuda", "auto"


def file(text: str) -> Path:
    """A file name."""
    if not text:  # Path("") is the current directory
        raise argparse.ArgumentTypeError("the name of the file is empty")
    return Path(text)


def rows_from(text: str) -> Path:
    """A file to read rows from; - is standard input."""
    return STANDARD_INPUT if text == "-" else file(text)


def rows_to(text: str) -> Path | None:
    """A file to write rows to; None means standard output, given as -."""
    return None if text == "-" else file(text)


def positive(text: str) -> int:
    """A whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def sizes(text: str) -> tuple[int, ...]:
    """Units of layers, separated by commas."""
    try:
        return tuple(positive(part) for part in text.split(","))
    except (ValueError, argparse.ArgumentTypeError):
        message = f"{text!r} is not a list of sizes, such as 256,128"
        raise argparse.ArgumentTypeError(message) from None


def jobs(text: str) -> int:
    """A number of threads."""
    number = int(text)
    if number == 0:
        raise argparse.ArgumentTypeError("0 threads; give a positive number, or -1 for all CPUs")
    return number


def seed(text: str) -> int:
    """A seed that NumPy accepts."""
    number = int(text)
    if not 0 <= number < 2**32:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 4294967295")
    return number


def above_zero(text: str) -> float:
    """A finite number above 0."""
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def share(text: str) -> float:
    """A fraction of the rows, from 0 to less than 1."""
    number = float(text)
    if not 0 <= number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a share of at least 0 and less than 1")
    return number


# argparse's messages show the name of the converter
for _whole in (positive, jobs, seed):
    _whole.__name__ = "whole number"
for _real in (above_zero, share):
    _real.__name__ = "number"
