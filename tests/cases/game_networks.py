"""Small generators and discriminators, and the graphs of their games."""

from cases.op_networks import LISTS

from fusednn.graph.game import discriminator_graph, generator_graph, penalty_graph
from fusednn.graph.layers.dense import Dense
from fusednn.plan.binding.activations import epilogue

GENERATOR = (Dense(4, 5, epilogue("tanh")), Dense(5, 6))
NORMED_GENERATOR = (*LISTS["norms"][:3], Dense(5, 6))
DISCRIMINATOR = (
    Dense(6, 7, epilogue("leaky_relu", (0.2,))),
    Dense(7, 5, epilogue("relu")),
    Dense(5, 3),
)
GAMES = {
    "plain": (GENERATOR, DISCRIMINATOR),
    "norms and noise": (NORMED_GENERATOR, LISTS["noise"]),
    "one layer": (GENERATOR, DISCRIMINATOR[:1]),
}
FACTOR = 2.5
"""The factor of the gradient penalty."""


def generating(name):
    return generator_graph(*GAMES[name]).graph


def judging(name, scaled=False):
    return discriminator_graph(GAMES[name][1], scaled)


def penalising(name, scaled=False):
    return penalty_graph(GAMES[name][1], FACTOR, scaled)


GRAPHS = {
    **{f"generator of {name}": generating(name) for name in GAMES},
    **{f"discriminator of {name}": judging(name) for name in GAMES},
    **{f"penalty of {name}": penalising(name) for name in ("plain", "one layer")},
    "spectral discriminator": judging("plain", scaled=True),
    "spectral penalty": penalising("plain", scaled=True),
    "generator of spectral": generator_graph(*GAMES["plain"], scaled=True).graph,
}
