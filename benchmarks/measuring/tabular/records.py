"""Results that are kept in a file: a record for each table, seed, method and random state."""

import datetime
import json
import os

from benchmarks.measuring.environment import commit, cpu_model, installed

from .methods import METHODS

AS_SEED = -1
"""Stands for a random state that is the seed of the split."""


class Records:
    """The records of a file, written anew after each that is added.

    Parameters
    ----------
    path : Path
        A JSON file; it may not exist yet.
    """

    def __init__(self, path):
        self._path = path
        kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        self._kept = {self._key(one): one for one in kept}

    @staticmethod
    def _key(record):
        return record["set"], record["seed"], record["method"], record.get("state", AS_SEED)

    def all(self):
        """Every record."""
        return list(self._kept.values())

    def find(self, name, seed, method, state=None):
        """The record, or None; `state` is a random state other than the seed."""
        return self._kept.get((name, seed, method, AS_SEED if state is None else state))

    def states(self, name, seed, method):
        """All records with scores of one split, whatever their random state."""
        wanted = name, seed, method
        return [one for key, one in self._kept.items() if key[:3] == wanted and "first" in one]

    def add(self, asked, found):
        """Keeps what a trial found, with the machine and the versions that it ran with.

        Parameters
        ----------
        asked : dict
            "set", "seed", "method", "threads", "cap", and "state" where it is not the seed.
        found : dict
            What `trial.in_process` returned.
        """
        package = METHODS[asked["method"]].package
        versions = {name: installed(name) for name in dict.fromkeys((package, "scikit-learn"))}
        record = asked | found
        record |= {"versions": versions, "cpu": cpu_model(), "cpus": os.cpu_count()}
        if package == "fusednn":
            record["commit"] = commit()
        record["date"] = datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes")
        self._kept[self._key(record)] = record
        lines = ",\n".join(json.dumps(self._kept[key]) for key in sorted(self._kept))
        text = f"[\n{lines}\n]\n"
        part = self._path.with_suffix(".part")
        part.write_text(text, encoding="utf-8")
        part.replace(self._path)
        return record

    def scored(self, name, seed, method):
        """The record if it has scores, else None."""
        found = self.find(name, seed, method)
        return found if found and "first" in found else None
