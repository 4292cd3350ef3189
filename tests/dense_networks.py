"""Networks of dense layers alone, made of ops without an estimator's builder."""

from itertools import pairwise

from fusednn.plan.layers.dense import Dense
from fusednn.plan.layers.epilogue import Epilogue
from fusednn.plan.network import Network


def dense_network(sizes, activation, loss, groups=(), loss_constants=(), dropout=()):
    """A multi-layer perceptron; `dropout` are the rates of the hidden layers, if they have any."""
    last = len(sizes) - 2
    afters = [Epilogue(activation, dropout=rate) for rate in dropout or [0.0] * last]
    ops = [
        Dense(*pair, after, first=number == 0, last=number == last)
        for number, (pair, after) in enumerate(
            zip(pairwise(sizes), [*afters, Epilogue()], strict=True)
        )
    ]
    return Network(tuple(ops), loss, groups, loss_constants)
