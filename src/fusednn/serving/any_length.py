"""Answers to series of other steps than the fit's, and to series with padding."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod

import numpy as np
from numpy import zeros

from fusednn.graph.network import Network
from fusednn.graph.time_axis import Series, StepsError, network_for, ops_of_steps
from fusednn.plan.binding.outputs import ANSWERS
from fusednn.plan.layout.choosing import forms_of
from fusednn.plan.layout.parameters import packed
from fusednn.plan.lengths import has_padding, lengths_of, longest_first

from . import checks, refusals
from .computing import Computing
from .sequences import checked_lengths, lengthened

MOST_OTHERS = 8
"""The most networks for series of other steps than the fit's that are kept ready. Making one
takes milliseconds; where there are as many, series of fewer steps than the fit's get padding."""


class AnyLength(Computing, ABC):
    """A network that also answers series of other lengths, where it has a time axis."""

    @abstractmethod
    def answer(self, kind, X, out, validate):
        """Computes one kind of answers for X; see `calls.Answering`."""

    def _takes_steps(self, X, given=None) -> bool:
        """Whether rows X of other columns are series of other steps.

        Several rows of as many columns as a step are no series of one step, unless what was
        given, if it had to be converted, had axes.
        """
        if self._series is None:
            return False
        columns, features = X.shape[1], self._series.features
        if columns == features > 1:
            return len(X) == 1 or checks.are_sequences(given) or np.ndim(given) > 2
        takes_rows = features == 1 or self._axes is not None
        return takes_rows and columns > 0 and columns % features == 0

    def _answer_steps(self, kind, X, out, validate):
        """`answer` for rows that are series of other steps."""
        series = self._series
        assert series is not None
        steps = X.shape[1] // series.features
        found = self._others.get(steps)
        if found is None:
            network, is_full = self._network_of(steps), len(self._others) >= MOST_OTHERS
            if is_full and steps < series.steps and series.may_be_padded:
                return self._answer_lengthened(kind, X, out, validate, network, series)
            found = self._of_steps(network)
            # one assignment, since calls of other threads may do the same
            kept = list(self._others.items())[1 - MOST_OTHERS :]
            self._others = dict([*kept, (steps, found)])
        return found.answer(kind, X, out, validate)

    def _answer_lengthened(self, kind, X, out, validate, network: Network, series: Series):
        """`answer` for rows of fewer steps, those of a network, with padding behind them."""
        columns = ANSWERS[self._answers[kind]].width(network)
        wide = self.answer(kind, lengthened(X, series), None, validate)
        found = np.ascontiguousarray(wide[:, :columns])
        if out is None:
            return found
        checks.check_out(out, found.shape, found.dtype)
        out[:] = found
        return out

    def _network_of(self, steps: int) -> Network:
        """The network for series of so many steps."""
        assert self._series is not None
        try:
            return network_for(self._network, steps * self._series.features)
        except StepsError as error:
            raise refusals.refuse_steps(error, self._network.ops, steps) from None

    def _of_steps(self, network: Network) -> AnyLength:
        """The same for a network of other steps, with the same parameters."""
        found = copy.copy(self)
        found._axes, found._others = None, {}
        flops = self._flops * network.inputs // self._inputs
        found._set_network(network, max(1, flops))
        found._series = None  # it is given rows of these steps alone
        if (forms := forms_of(network, self.dtype)) != self._forms:
            found._forms = forms
            found._parameters = [
                packed(form, array) for form, array in zip(forms, self.arrays(), strict=True)
            ]
        return found

    def _answer_series(self, kind, X, out, validate):
        """`answer` for rows that are not finite: series with padding, or refused."""
        reads = self._reads
        assert reads is not None
        if not has_padding(X, self._network.ops[0]):
            if validate:
                checked_lengths(X, reads.features, reads.channels_first)
                raise refusals.refuse_values(X, self._names)
            return self._in_padding().answer(kind, X, out, False)
        lengths = checked_lengths(X, reads.features, reads.channels_first)
        if np.isinf(X).any():
            raise refusals.refuse_infinity(X)
        return self._answer_lengths(kind, X, lengths, out)

    def _answer_tokens(self, kind, X, out):
        """`answer` for tokens with padding, which have been checked; of other steps too."""
        assert self._tokens is not None
        if self._takes_steps(X) and X.shape[1] != self._inputs:
            return self._answer_steps(kind, X, out, False)
        return self._answer_lengths(kind, X, lengths_of(X, self._tokens), out)

    def _answer_lengths(self, kind, X, lengths, out):
        """`answer` for series of these lengths with padding, the longest first."""
        for steps in np.unique(lengths).tolist():
            try:
                ops_of_steps(self._network.ops, max(1, steps))
            except StepsError as error:
                raise refusals.refuse_steps(error, self._network.ops, steps) from None
        order = longest_first(lengths)
        found = zeros(out.shape, out.dtype)  # answers to steps of padding stay 0
        out[order] = self._in_padding().answer(kind, X[order], found, False)
        return out

    def _in_padding(self) -> AnyLength:
        """The same for rows that are series with padding, without checks."""
        if self._padded is None:
            found = copy.copy(self)
            found._axes, found._others = None, {}
            found._set_network(self._network, self._flops)
            found._series = found._reads = found._tokens = None
            found._is_ragged, found._few_samples = True, 0
            self._padded = found
        return self._padded
