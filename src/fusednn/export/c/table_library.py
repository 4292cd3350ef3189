"""A model of raw tables as a shared library, whose description has its preparation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fusednn.serving.ensembles.ensemble import Ensemble, dtype_of
from fusednn.serving.ensembles.targets import Classes
from fusednn.tables.preparing.notes import to_notes

from .ensemble import write_c_ensemble
from .library import about_text, compile_to, labels_json

FORMAT = 3
"""Version of the description; earlier ones are of networks."""


def write_table_library(
    ensemble: Ensemble, path: Path, name: str, compiler: str | None = None, native: bool = True
) -> None:
    """Compiles an ensemble; the file appears at its path when it is complete.

    Parameters
    ----------
    ensemble : Ensemble
    path, name, compiler, native
        See `write_library`.

    Raises
    ------
    RuntimeError, TypeError
        See `write_library` and `about`.
    ValueError
        See `write_c_ensemble`.
    """
    text = about_text(about_ensemble(ensemble, name))
    compile_to(
        *(path, name, compiler, native),
        lambda source: write_c_ensemble(ensemble, source, name, text),
    )


def about_ensemble(ensemble: Ensemble, name: str) -> dict[str, Any]:
    """The description that a library contains; see `about` for the errors."""
    target = ensemble.target
    return {
        "format": FORMAT,
        "kind": "table",
        "name": name,
        "dtype": dtype_of(ensemble.members).name,
        "estimator": ensemble.name,
        "members": len(ensemble.members),
        **to_notes(ensemble.preparation),
        "target": {"classes": labels_json(target.labels)}
        if isinstance(target, Classes)
        else target._asdict(),
    }
