"""`fusednn export`: a model for programs without fusednn."""

from __future__ import annotations

import argparse
from pathlib import Path

from .encode import Numbers
from .errors import UserError
from .output import check_output
from .tabular import Tabular, open_model

KINDS = "onnx", "c", "library"

DETAILS = """\
onnx is a model for ONNX Runtime and its kin (needs the package onnx), c is C99 source, library is
that source compiled to a shared library (needs a C compiler).

What is exported takes encoded columns, not a table: the inputs that are printed, in that order,
in the network's type. A column of numbers is one input; missing values must be replaced by the
number that is shown. A column of words is an input for each category: 1 for the row's own, 0
for the others; ? is a missing value. Outputs are those of the labels printed, or the target.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = DETAILS
    parser.add_argument("model", type=Path, metavar="MODEL", help="written by `fusednn fit`")
    parser.add_argument("--to", choices=KINDS, required=True, help="what to make of it")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="PATH", required=True,
        help="where to write; replaced if it is there",
    )  # fmt: skip


def run(options: argparse.Namespace) -> None:
    """Exports, and says what the network takes."""
    check_output(options.output, options.model)
    predictor, tabular = open_model(options.model)
    _export(options.to, predictor, options.output)
    print(f"wrote {options.output}")
    for line in description(tabular, str(predictor.dtype)):
        print(line)


def description(tabular: Tabular, dtype: str) -> list[str]:
    """What the network takes and puts out, in lines."""
    names = tabular.encoding.names
    lines = [f"inputs ({len(names)}, {dtype}), in this order:"]
    number = 0
    for part in tabular.encoding.inputs:
        for name in part.inputs:
            what = f"missing values: {part.fill!r}" if isinstance(part, Numbers) else "1 or 0"
            lines.append(f"{number:>6}  {name}  ({what})")
            number += 1
    target = tabular.target
    if target.labels is None:
        lines.append(f"output: {target.name}")
    else:
        lines.append(f"labels of {target.name}, in this order:")
        lines += [f"{number:>6}  {label}" for number, label in enumerate(target.labels)]
    return lines
