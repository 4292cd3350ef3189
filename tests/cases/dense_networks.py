"""Networks of dense layers alone, made of ops without an estimator's builder."""

from itertools import pairwise

from fusednn.graph.layers.dense import Dense
from fusednn.graph.network import Network
from fusednn.plan.binding.activations import epilogue


def dense_network(sizes, activation, loss, groups=(), loss_constants=(), dropout=()):
    """A multi-layer perceptron; `dropout` are the rates of the hidden layers, if they have any."""
    rates = dropout or [0.0] * (len(sizes) - 2)
    afters = [*(epilogue(activation, dropout=rate) for rate in rates), epilogue("identity")]
    pairs = zip(pairwise(sizes), afters, strict=True)
    return Network(
        tuple(Dense(*pair, after) for pair, after in pairs), loss, groups, loss_constants
    )
