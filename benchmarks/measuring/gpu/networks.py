"""The networks that are timed on a GPU: those of the CPU's comparisons, and two of 4096 units."""

from itertools import pairwise

from benchmarks.measuring import layered, networks
from benchmarks.measuring.networks import Network

WIDE = {
    "4096-1024": Network(4096, (1024, 4096, 4096, 10), 1024),
    "4096-4096": Network(16384, (4096, 4096, 4096, 4096, 10), 4096),
}
DENSE = {**networks.NETWORKS, **WIDE}
LAYERED = {name: layered.NETWORKS[name] for name in ("small", "lstm", "language")}
NAMES = ["4096-1024", "tabular", "small", *("lstm", "language", "wide", "image", "small-200")]
NAMES += ["small-32", "4096-4096"]
"""In the order in which they are timed, so that what a short time leaves out matters least."""

COMPILED = {"tabular", "4096-1024", "small"}
"""Those that PyTorch and JAX compile too: each compilation takes many seconds."""

ADAM_BYTES = 24
"""Bytes of a float32 parameter that Adam reads and writes in a step: it and two moments."""


def network_of(name):
    """A network by its name."""
    return DENSE.get(name) or LAYERED[name]


def data_of(network, dtype):
    """X and y."""
    if isinstance(network, Network):
        return networks.make_data(network, dtype)
    return layered.make_samples(network, dtype)


def prediction_flops(network, samples):
    """Operations of the products of a call."""
    if isinstance(network, Network):
        return 2 * samples * sum(a * b for a, b in pairwise(network.trained_sizes))
    return 2 * samples * network.work


class Limits:
    """What a GPU reaches at most.

    Parameters
    ----------
    flops, bytes : float
        Per second, in products of float32 and in copies.
    launch : float
        Seconds of the smallest kernel in a graph.
    """

    def __init__(self, flops, bytes, launch):
        self.flops, self.bytes, self.launch = flops, bytes, launch

    def step(self, flops, parameters, batch_bytes, launches):
        """The least microseconds of a step: the slowest of its products, its bytes, its launches.

        Parameters
        ----------
        flops : int
        parameters : int
        batch_bytes : int
        launches : int

        Returns
        -------
        dict
            By what limits.
        """
        moved = ADAM_BYTES * parameters + batch_bytes
        found = {
            "products": flops / self.flops,
            "bytes": moved / self.bytes,
            "launches": launches * self.launch,
        }
        return {name: 1e6 * seconds for name, seconds in found.items()}
