"""`fusednn generate`: writes what follows a prompt, as it is made."""

from __future__ import annotations

import argparse
import sys

from fusednn.command.arguments import file, positive, seed
from fusednn.command.terminal.errors import UserError

STORAGES = "bfloat16", "int8"
DETAILS = """\
What follows the prompt is printed token by token. The same seed gives the same text.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.epilog = DETAILS
    add = parser.add_argument
    add("model", type=file, metavar="MODEL", help="written by `fusednn fit-text`")
    add(
        "--prompt", metavar="TEXT",
        help="the text that goes before; default: a line's end, or the beginning of a text",
    )  # fmt: skip
    add("-n", type=positive, default=500, metavar="N", help="tokens; default: 500")
    add(
        "--temperature", type=float, default=1.0, metavar="T",
        help="below 1 what is probable becomes more so; 0: the most probable; default: 1",
    )  # fmt: skip
    add("--top-k", type=positive, metavar="K", help="draw from the K most probable tokens alone")
    add(
        "--top-p", type=float, metavar="P",
        help="draw from the most probable tokens of together this probability",
    )  # fmt: skip
    add("--unknown", action="store_true", help="write the mark of unknown tokens too")
    add(
        "--weights", choices=STORAGES,
        help="round the weights, so that a token takes less time; default: as they are",
    )  # fmt: skip
    add("--seed", type=seed, metavar="N", help="default: another text each time")


def run(options: argparse.Namespace) -> None:
    """Loads the model and prints pieces of text."""
    from fusednn import LanguageModel

    try:
        model = LanguageModel.load(options.model)
    except OSError as error:
        raise UserError(f"{options.model} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise UserError(str(error)) from None
    if model.tokenizer_ is None:
        raise UserError(f"{options.model} is a model of codes: give one that has a tokenizer")
    prompt = options.prompt
    if prompt is None:
        prompt = "\n" if model.end_code_ is None else ""
        if prompt and not _knows(model.tokenizer_, prompt):
            raise UserError(f"{options.model} has not seen a line's end: give --prompt TEXT")
    try:
        pieces = model.iter_generate(
            *(prompt, options.n, options.temperature, options.top_k, options.top_p, options.seed),
            unknown=options.unknown,
            weights=options.weights,
        )
    except ValueError as error:
        raise UserError(str(error)) from None
    if hasattr(sys.stdout, "reconfigure"):  # the same bytes whatever the terminal's encoding
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    for piece in pieces:
        print(piece, end="", flush=True)
    print(flush=True)


def _knows(tokenizer, text: str) -> bool:
    """Whether a text has codes, and only such that training had."""
    try:
        return len(tokenizer.encode(text)) > 0
    except ValueError:
        return False
