"""`fusednn cache`: shows where compiled kernels are stored and their size, or deletes them."""

from __future__ import annotations

import argparse
from pathlib import Path

from fusednn.command.terminal.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares `--clear`."""
    parser.add_argument(
        "--clear", action="store_true", help="delete the compiled kernels of all versions"
    )


def run(options: argparse.Namespace) -> None:
    """Shows or clears the cache."""
    from fusednn.kernels._cache import cache_directory, clear
    from fusednn.kernels._cachedir import root_directory

    try:
        root = Path(root_directory())
        if options.clear:
            states = clear()
            print(f"cleared {root}: {_count(states, 'directory', 'directories')} of kernels")
            return
        current = cache_directory()
        if current is None:
            raise UserError(
                f"kernels cannot be stored in {root}, which only you may be able to write to;"
                " set FUSEDNN_CACHE_DIR to another directory"
            )
        print(f"directory    {current}")
        print(f"this state   {_contents(Path(current))}")
        print(f"all states   {_contents(root)}")
    except OSError as error:
        raise UserError(
            f"the cache cannot be used ({error}); set FUSEDNN_CACHE_DIR to a directory that"
            " only you can write to"
        ) from None


def _contents(directory: Path) -> str:
    sizes = [path.stat().st_size for path in directory.rglob("*.kernel")]
    return f"{_count(len(sizes), 'kernel', 'kernels')}, {sum(sizes) / 1e6:.1f} MB"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
