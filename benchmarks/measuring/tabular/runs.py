"""The records of some tables and seeds, as arrays: errors, seconds."""

from typing import NamedTuple

import numpy as np

from .methods import METHODS
from .ranks import errors_of, mean_known
from .records import Records


class Runs(NamedTuple):
    """Records, and the tables and seeds that a report is about.

    Attributes
    ----------
    records : Records
    names : sequence of str
        Tables.
    seeds : sequence of int
    """

    records: Records
    names: tuple
    seeds: tuple

    def of(self, method, name=None):
        """The records with scores of a method, on one table or on all."""
        names = self.names if name is None else [name]
        pairs = [(one, seed) for one in names for seed in self.seeds]
        found = (self.records.scored(one, seed, method) for one, seed in pairs)
        return [one for one in found if one]

    def failures(self, method):
        """The records of a method that have no scores."""
        pairs = [(name, seed) for name in self.names for seed in self.seeds]
        found = (self.records.find(name, seed, method) for name, seed in pairs)
        return [one for one in found if one and "failed" in one]

    def of_one_seed(self):
        """The same for each seed alone."""
        return [self._replace(seeds=(seed,)) for seed in self.seeds]

    def errors(self, methods, metric):
        """Errors of methods, of shape (tables, seeds, methods), by `errors_of`."""
        return np.array(
            [
                [errors_of(self.records, name, seed, methods, metric) for seed in self.seeds]
                for name in self.names
            ]
        )

    def complete(self, methods):
        """Where all methods have been run that take any table, of shape (tables, seeds)."""
        every = [method for method in methods if METHODS[method].rows is None]
        return np.array(
            [
                [all(self.records.find(name, seed, one) for one in every) for seed in self.seeds]
                for name in self.names
            ]
        )

    def wins(self, method, other, metric):
        """Tables on which a method is ahead, by the mean of the seeds that both have.

        Returns
        -------
        wins, tables : int
        """
        errors = self.errors([method, other], metric)
        errors[np.isnan(errors).any(axis=2)] = np.nan
        ours, theirs = mean_known(errors, 1).T
        return int((ours < theirs).sum()), int((~np.isnan(ours)).sum())

    def clock(self, methods):
        """What counts: "wall", or "cpu" where other processes ran beside one of the runs."""
        found = [one for method in methods for one in self.of(method)]
        return "cpu" if any(one["loaded"] for one in found) else "wall"

    def seconds(self, method, clock):
        """Seconds of a fit on each table, means over the seeds; NaN without a record."""
        found = [[one["fit"][clock] for one in self.of(method, name)] for name in self.names]
        return np.array([np.mean(one) if one else np.nan for one in found])

    def rows(self):
        """Rows of each table; 0 where there is no record."""
        methods = {one["method"] for one in self.records.all()}
        found = [[sum(one["rows"]) for m in methods for one in self.of(m, n)] for n in self.names]
        return np.array([max(one, default=0) for one in found])
