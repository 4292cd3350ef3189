"""Shared options of the scripts, and files of results."""

import argparse
import json
import sys
from pathlib import Path

from .environment import describe

SAME = ("cpu", "commit", "versions")
"""Besides their conditions, two runs must have these in common to share a file."""

OWN = (
    *("json", "draw", "child", "scratch", "what", "most"),
    *("batches", "widths", "channels", "sizes", "kernels", "units", "steps", "work"),
)
"""Options that are not conditions: they choose files, and which results to measure."""


def parser(doc, repeats, seconds=None, peers=None, threads=2):
    """A parser with the options that most scripts have.

    Parameters
    ----------
    doc : str
        The script's docstring.
    repeats : int
        Default number of rounds.
    seconds : float, optional
        Default length of a run. None: no such option.
    peers : str, optional
        Default peers. None: no such option.
    threads : int or None, default=2
        Default number of threads. None: no such option.

    Returns
    -------
    ArgumentParser
    """
    made = argparse.ArgumentParser(description=doc.partition("\n")[0])
    if threads is not None:
        made.add_argument("--threads", type=int, default=threads)
    made.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    made.add_argument("--repeats", type=int, default=repeats, help="rounds")
    if seconds is not None:
        made.add_argument(
            "--seconds", type=float, default=seconds, help="approximate length of one run"
        )
    if peers is not None:
        made.add_argument("--peers", default=peers, help=f"some of {peers}; '' for none")
    made.add_argument("--json", type=Path, help="the file for every round's times")
    return made


def begin(options, **more):
    """A new report: the machine, the options that are conditions, and `more`."""
    conditions = {key: value for key, value in vars(options).items() if key not in OWN}
    return describe(**conditions | more)


def write(path, report):
    """Writes a report as JSON, unless the path is None."""
    if path is not None:
        path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def read(path):
    """Reads the report in a file."""
    return json.loads(path.read_text(encoding="utf-8"))


def resume(options, **more):
    """The existing report in `options.json`, or a new one from `begin`.

    A report with other conditions, machine, commit or versions is refused.
    """
    new = begin(options, **more)
    if options.json is None or not options.json.exists():
        return new
    kept = read(options.json)
    conditions = new.keys() - {"cpus", "load", "date", "system", "python"}
    for key in sorted({*SAME, *conditions}):
        if kept.get(key) != new[key]:
            sys.exit(
                f"{options.json} has {key} {kept.get(key)}, this run {new[key]}; use another file"
            )
    return kept
