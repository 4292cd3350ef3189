"""Results in files: written whole after every piece, taken up again by a later run."""

import json
import sys

from .environment import describe

SAME = ("cpu", "versions")
"""What two runs must have in common beside their conditions to share a file."""


def write(path, report):
    """Writes a report as JSON; no path, no file."""
    if path is not None:
        path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def read(path):
    """The report that a file holds."""
    return json.loads(path.read_text(encoding="utf-8"))


def resume(path, **conditions):
    """The report that `path` holds already, or a new one.

    Parameters
    ----------
    path : Path or None
    **conditions
        What was asked for; a report of other conditions, of another machine or of other versions
        is refused.

    Returns
    -------
    dict
    """
    new = describe(**conditions)
    if path is None or not path.exists():
        return new
    kept = read(path)
    for key in (*SAME, *conditions):
        if kept.get(key) != new[key]:
            sys.exit(f"{path} has {key} {kept.get(key)}, this run {new[key]}; use another file")
    return kept
