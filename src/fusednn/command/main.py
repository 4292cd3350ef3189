"""Entry point of the command `fusednn`: the table of sub-commands, errors and exit codes."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple, NoReturn

from fusednn import __version__
from fusednn.tables.errors import TableError

from .terminal.errors import Interrupted, UserError, complain, in_words

CLOSED_PIPE = 141
FULL = errno.ENOSPC, errno.EDQUOT, errno.EFBIG
"""Errors of a full disk, an exhausted quota and a size limit."""


class Command(NamedTuple):
    """A sub-command: a module with `add_arguments(parser)` and `run(options)`."""

    module: str
    summary: str


COMMANDS = {
    "fit": Command(".subcommands.fit", "train a network on a table, and write it to a file"),
    "predict": Command(".subcommands.predict", "predict the rows of a table"),
    "fit-text": Command(
        ".subcommands.fit_text", "train a language model on a text, and write it to a file"
    ),
    "generate": Command(".subcommands.generate", "write what follows a prompt"),
    "export": Command(".subcommands.export", "write a model as ONNX, C or a shared library"),
    "demo": Command(".subcommands.demo", "train a network, on your data or the bundled digits"),
    "warmup": Command(
        ".subcommands.warmup", "compile what estimators need, ahead of their first fit"
    ),
    "cache": Command(".subcommands.cache", "show or clear the compiled kernels kept on disk"),
    "versions": Command(
        ".subcommands.versions", "show versions, CPU, threads and cache, for bug reports"
    ),
}


class _Parser(argparse.ArgumentParser):
    """A parser that reports an error in one line."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message} (`{self.prog} --help` lists the options)")


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(prog="fusednn", description="Neural networks for scikit-learn users.")
    parser.add_argument("--version", action="version", version=f"fusednn {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        sub = commands.add_parser(name, help=command.summary, description=command.summary)
        if name in arguments:  # the other sub-commands are not imported
            module = import_module(command.module, __package__)
            module.add_arguments(sub)
            sub.set_defaults(run=module.run)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command `fusednn`.

    Parameters
    ----------
    arguments : sequence of str, default=None
        None: those of the command line.

    Returns
    -------
    int
        Exit code: 0 for success, 1 if a check failed, 2 for an error that the user can fix, 130
        after Ctrl-C, 141 if the reader of a pipe closed it.
    """
    if arguments is None:
        arguments = sys.argv[1:]
    if sys.stderr is None:  # closed by the caller: `print` would use standard output instead
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - until the process ends
    if sys.stdout is None:
        complain("standard output is closed: redirect it, for example to a file")
        return UserError.exit_code
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a name that cannot be encoded must not raise
            stream.reconfigure(errors="backslashreplace")
    code = 0
    try:
        try:
            code = _run(arguments)
        finally:  # else Python flushes at exit and prints errors in lines of its own
            sys.stdout.flush()
            sys.stderr.flush()
    except BrokenPipeError:
        _discard_unwritten()
        return CLOSED_PIPE
    except OSError as error:
        _discard_unwritten()
        if not code:
            complain(f"{_place(error)}{error.strerror or error}")
        return UserError.exit_code
    return code


def _run(arguments: Sequence[str]) -> int:
    """Runs a command and returns its exit code. Only a stream that cannot be written raises."""
    try:
        options = _parse(arguments)
        options.run(options)
    except UserError as error:
        complain(error)
        return error.exit_code
    except TableError as error:
        complain(in_words(error))
        return UserError.exit_code
    except MemoryError:
        complain("not enough memory; try fewer rows, or a smaller network")
        return UserError.exit_code
    except KeyboardInterrupt:
        complain("interrupted")
        return Interrupted.exit_code
    except BrokenPipeError:
        raise
    except OSError as error:  # a full disk, a name that is too long, a folder without permission
        complain(f"{_place(error)}{error.strerror or error}")
        return UserError.exit_code
    return 0


def _place(error: OSError) -> str:
    """A prefix that names what could not be read or written, if that is known."""
    if error.filename is not None:
        return f"{error.filename}: "
    # `replacing` already names its file, so a write without a name is to standard output
    return "standard output cannot be written: " if error.errno in FULL else ""


def _discard_unwritten() -> None:
    """Sends streams that cannot be flushed to the null device: Python flushes again at exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
