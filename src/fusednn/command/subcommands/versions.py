"""`fusednn versions`: prints what a bug report needs."""

from __future__ import annotations

import argparse

from fusednn.versions import show_versions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds nothing: this command has no options."""


def run(options: argparse.Namespace) -> None:
    """Prints what `fusednn.show_versions()` does."""
    show_versions()
