"""Diagnoses a fit after each pass: gradients and outputs of each layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusednn.estimators.input.sample_weights import present
from fusednn.plan.training import Rule, Target
from fusednn.training.fit_values import Outcome, Training
from fusednn.training.fits import Train
from fusednn.training.probe import Probe
from fusednn.training.progress import Watcher

from .troubles import DEAD_KINDS, SATURATED_KINDS, Seen, troubles

MOST_SAMPLES = 512
"""The most samples on which gradients and outputs are computed."""


class Diagnosis:
    """A watcher that computes statistics of the network after each pass, then calls another one.

    Parameters
    ----------
    training : Training
        Its first `MOST_SAMPLES` samples with a nonzero weight are used.
    layers : list of (str, int)
        The name of each layer, and the number of its op.
    before : dict
        The fitted attributes of an earlier diagnosis, by name; empty if the network is new.
    n_jobs : int or None
    """

    def __init__(self, training: Training, layers, before: dict[str, Any], n_jobs):
        self._watcher: Watcher | None = None
        self._incremental, self._before = training.incremental, before
        assert isinstance(training.target, Target)
        weights, order = training.target.weights, training.order
        if weights is not None and weights[order].any():
            order = order[present(weights[order])]
        order = order[:MOST_SAMPLES]
        samples = training._replace(
            X=training.X[order], target=training.target.take(order), order=np.arange(len(order))
        )
        session = samples.session(Rule(None), len(order), l2=0.0, n_jobs=n_jobs)
        self._probe = Probe(session)
        self._layers = layers
        self._ops = session.network.ops
        self._weights = _matrices_of(session, layers)
        self._sizes = self._norms(training.arrays)
        self._gradients: list[np.ndarray] = []
        self._outputs: list[list] = []

    def run(self, train: Train, watcher: Watcher | None) -> Outcome:
        """Runs the training; adds the fitted attributes and the messages to its outcome."""
        self._watcher = watcher
        with self._probe:
            outcome = train(self)
        own, before = self._attributes(), self._before
        kept = dict(own)
        if before.get("diagnosed_layers_") == own["diagnosed_layers_"]:
            for name in ("gradient_norms_", "activation_stats_"):
                kept[name] = np.concatenate([before[name], own[name]])
        judged = kept if self._incremental else own
        seen = Seen(
            gradient_norms=judged["gradient_norms_"],
            activation_stats=judged["activation_stats_"],
            layers=judged["diagnosed_layers_"],
            weighted=judged["diagnosed_weights_"],
            weight_norms=self._sizes,
            activations=[self._activation(op) for _, op in self._layers],
        )
        told = before.get("_troubles", []) if self._incremental else []
        found = troubles(seen, outcome.finite)
        new = {kind: message for kind, message in found.items() if kind not in told}
        kept["_troubles"] = [*told, *new]
        return outcome._replace(seen=kept, troubles=tuple(new.values()))

    def begin(self):
        if self._watcher is not None:
            self._watcher.begin()

    def end(self, progress, parameters):
        outputs, gradients = self._probe.look(parameters())
        with np.errstate(all="ignore"):  # the values of a network that diverges overflow
            norms = self._norms(gradients)
            row = [
                statistics(outputs[op].reshape(-1, self._ops[op].fan_out), self._activation(op))
                for _, op in self._layers
            ]
        self._gradients.append(norms)
        self._outputs.append(row)
        return self._watcher is not None and self._watcher.end(progress, parameters)

    def _attributes(self):
        """Makes the fitted attributes of these passes."""
        names = [name for name, _ in self._layers]
        return {
            "gradient_norms_": np.array(self._gradients).reshape(-1, len(self._weights)),
            "activation_stats_": np.array(self._outputs, float).reshape(-1, len(names), 3),
            "diagnosed_layers_": names,
            "diagnosed_weights_": [names[layer] for layer, _ in self._weights],
        }

    def _activation(self, op):
        return self._ops[op].after.activation

    def _norms(self, arrays):
        """The Euclidean norm of all matrices of a layer, for each layer that has matrices.

        The weights of convolutions count as matrices.
        """
        squares = (
            (np.sum(np.square(np.asarray(arrays[number], float))) for number in own)
            for _, own in self._weights
        )
        return np.array([np.sqrt(sum(each)) for each in squares])


def statistics(outputs, activation):
    """The mean, standard deviation and share of dead units or saturated outputs of (rows, O)."""
    share = 0.0
    if activation in DEAD_KINDS:
        share = np.mean(~outputs.any(axis=0))
    elif activation in SATURATED_KINDS:
        low, high = SATURATED_KINDS[activation]
        share = np.mean((outputs < low) | (outputs > high))
    return np.mean(outputs, dtype=float), np.std(outputs, dtype=float), share


def _matrices_of(session, layers):
    """Returns (layer, numbers of its matrices) for each layer that has matrices."""
    counts = [len(op.parameters()) for op in session.network.ops]
    starts = np.cumsum([0, *counts])
    shapes = [parameter.shape for parameter in session.network.parameters()]
    matrices = [number for number, shape in enumerate(shapes) if len(shape) > 1]
    found = (
        (layer, [number for number in matrices if starts[op] <= number < starts[op + 1]])
        for layer, (_, op) in enumerate(layers)
    )
    return [(layer, own) for layer, own in found if own]
