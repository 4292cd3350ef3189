"""`fusednn export`: a model for programs without fusednn."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from fusednn.command.arguments import file
from fusednn.command.models import is_raw, open_model
from fusednn.command.terminal.errors import UserError
from fusednn.command.terminal.output import check_output, replacing
from fusednn.export.c.text import identifier, remark
from fusednn.tables.preparing.raw_types import Raw, raw_type_of
from fusednn.tables.tabular import Tabular

if TYPE_CHECKING:
    from fusednn.serving.ensembles.predictor import TabularPredictor
    from fusednn.serving.predictor import Predictor

KINDS = "onnx", "c", "library"

DETAILS = """\
onnx writes a model for ONNX Runtime and similar programs (needs the package onnx). c writes C99
source. library compiles that source to a shared library (needs a C compiler).

A model of --preset plain takes encoded columns, not a table. This command prints its inputs in
their order, and their type. A column of numbers is one input, and so is each part of a date (in
UTC where dates have an offset); replace a missing value by the number that is printed. A column of
words is one input per category: 1 for the row's own category, 0 for the others; category ? is a
missing value. There is one output per printed label, or one for the target.

Other models take the table's columns and prepare them: ONNX has an input for each, C a row of
them. This command prints their names and types. library is for --preset plain alone.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = DETAILS
    parser.add_argument("model", type=file, metavar="MODEL", help="written by `fusednn fit`")
    parser.add_argument("--to", choices=KINDS, required=True, help="the format to write")
    parser.add_argument(
        "-o", "--output", type=file, metavar="PATH", required=True,
        help="the file to write; an existing file is replaced",
    )  # fmt: skip
    parser.add_argument(
        "--opset", type=int, metavar="N",
        help="for onnx: the version of its operators, 13 or later; default: 17",
    )  # fmt: skip
    parser.add_argument(
        "--name", help="prefix of the names of C functions; default: PATH's own name"
    )


def run(options: argparse.Namespace) -> None:
    """Exports the network, and prints its inputs and outputs."""
    if options.opset is not None and options.to != "onnx":
        raise UserError("--opset is only for --to onnx")
    check_output(options.output, options.model)
    predictor, tabular = open_model(options.model)
    if options.to == "library" and is_raw(predictor):
        raise UserError(
            f"--to library is not for {options.model}, a model of raw tables: give --to c, and"
            " compile the file"
        )
    _export(options, predictor, tabular)
    print(f"wrote {options.output}")
    print(*description(predictor, tabular), sep="\n")


def _json(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


def description(
    predictor: Predictor | TabularPredictor,
    tabular: Tabular,
    written: Callable[[str], str] = _json,
) -> list[str]:
    """Lines that describe inputs and outputs; `written` formats names and labels."""
    if is_raw(predictor):
        return _columns(predictor, written) + _outputs(tabular, written)
    names = tabular.encoding.names
    lines = [f"inputs ({len(names)}, {predictor.dtype}), in this order:"]
    number = 0
    for part in tabular.encoding.inputs:
        for name, fill in zip(part.inputs, part.fills, strict=True):
            what = "1 or 0" if fill is None else f"missing values: {fill!r}"
            lines.append(f"{number:>6}  {written(name)}  ({what})")
            number += 1
    return lines + _outputs(tabular, written)


def _columns(predictor: TabularPredictor, written: Callable[[str], str]) -> list[str]:
    """The columns of a table, each with its type outside Python."""
    features = predictor.ensemble().preparation.features
    lines = [f"columns ({len(features)}):"]
    for number, feature in enumerate(features):
        lines.append(f"{number:>6}  {written(feature.name)}  ({_TYPES[raw_type_of(feature)]})")
    return lines


_TYPES = {
    Raw.NUMBER: "number; missing: NaN",
    Raw.TEXT: "text; missing: empty",
    Raw.MOMENT: "microseconds since 1970; missing: the least integer",
}


def _outputs(tabular: Tabular, written: Callable[[str], str]) -> list[str]:
    target, lines = tabular.target, []
    if target.labels is None:
        lines.append(f"output: {written(target.name)}")
    else:
        lines.append(f"labels of {written(target.name)}, in this order:")
        lines += [f"{number:>6}  {written(label)}" for number, label in enumerate(target.labels)]
    return lines


def _export(
    options: argparse.Namespace, predictor: Predictor | TabularPredictor, tabular: Tabular
) -> None:
    import fusednn

    output, kind = options.output, options.to
    try:
        if kind == "onnx":
            opset = {} if options.opset is None else {"opset": options.opset}
            fusednn.export_onnx(predictor, output, **opset)
        elif kind == "library":
            fusednn.export_library(predictor, output, _identifier(options))
        else:
            with replacing(output) as place, TemporaryDirectory() as folder:
                source = Path(folder, output.name)
                fusednn.export_c(predictor, source, _identifier(options))
                lines = description(predictor, tabular, remark)
                comment = "/*\n * " + "\n * ".join(lines) + "\n */\n"
                place.write_bytes(comment.encode("ascii") + source.read_bytes())
    except OSError as error:
        raise UserError(f"{output} cannot be written: {error.strerror or error}") from None
    except (ImportError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(str(error)) from None


def _identifier(options: argparse.Namespace) -> str:
    try:
        return identifier(options.name, options.output)
    except ValueError as error:
        raise UserError(f"--name: {str(error).removesuffix('; pass name=')}") from None
