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

from .terminal.errors import UserError, complain, in_words

INTERRUPTED, CLOSED_PIPE = 130, 141
FULL = errno.ENOSPC, errno.EDQUOT, errno.EFBIG
"""What is wrong where no more can be written."""


class Command(NamedTuple):
    """A sub-command: a module of this package with `add_arguments(parser)` and `run(args)`."""

    module: str
    summary: str


COMMANDS = {
    "fit": Command(".subcommands.fit", "train a network on a table, and write it to a file"),
    "predict": Command(".subcommands.predict", "predict the rows of a table"),
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
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message} (`{self.prog} --help` lists the options)")


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(prog="fusednn", description="Neural networks for scikit-learn users.")
    parser.add_argument("--version", action="version", version=f"fusednn {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        sub = commands.add_parser(name, help=command.summary, description=command.summary)
        if name in arguments:  # what the others need is not imported
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
        Those of the command line where None.

    Returns
    -------
    int
        Exit code: 0, 1 when a check fails, 2 for what the user can mend, 130 after Ctrl-C, 141
        when the reader of a pipe went away.
    """
    if arguments is None:
        arguments = sys.argv[1:]
    if sys.stderr is None:  # closed by who called: `print` would take standard output instead
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - until the process ends
    if sys.stdout is None:
        complain("standard output is closed: let it go somewhere, say to a file")
        return UserError.exit_code
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a name from the data must not end the program
            stream.reconfigure(errors="backslashreplace")
    code = 0
    try:
        try:
            code = _run(arguments)
        finally:  # Python would do so after all, and tell of its errors in lines of its own
            sys.stdout.flush()
            sys.stderr.flush()
    except BrokenPipeError:
        _drop_what_cannot_be_written()
        return CLOSED_PIPE
    except OSError as error:
        _drop_what_cannot_be_written()
        if not code:
            complain(f"{_place(error)}{error.strerror or error}")
        return UserError.exit_code
    return code


def _run(arguments: Sequence[str]) -> int:
    """The exit code; only streams that cannot be written to raise an error."""
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
        complain("not enough memory; try fewer rows")
        return UserError.exit_code
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except OSError as error:  # a disk is full, a name too long, a folder closed
        complain(f"{_place(error)}{error.strerror or error}")
        return UserError.exit_code
    return 0


def _place(error: OSError) -> str:
    """What could not be read or written, where it is known."""
    if error.filename is not None:
        return f"{error.filename}: "
    # other files are written through `replacing`, which names them
    return "standard output cannot be written: " if error.errno in FULL else ""


def _drop_what_cannot_be_written() -> None:
    """Lets go of streams that cannot be written to: Python flushes them once more at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
