"""Which tests are long: `pytest` leaves them out, `pytest -m long` runs them alone.

A grid that is `thinned` is long but for a few tests that have every value of its parameters.
"""

from collections import Counter, defaultdict

import pytest


@pytest.hookimpl(tryfirst=True)  # before pytest leaves out what is marked
def pytest_collection_modifyitems(config, items):
    thin(items)
    if any("::" in argument for argument in config.args):
        return  # a module's short tests may not be among them
    short = {item.path for item in items if not item.get_closest_marker("long")}
    for item in items:
        if item.path not in short:
            raise pytest.UsageError(f"every test of {item.path} is marked long; keep a few short")


def thin(items):
    """Marks most tests of grids as long."""
    grids = defaultdict(list)
    for item in items:
        if item.get_closest_marker("thinned"):
            grids[item.parent.nodeid, item.originalname].append(item)
    for grid in grids.values():
        # values that need not be hashable; the same object in all tests that have it
        places = [
            frozenset((name, id(value)) for name, value in item.callspec.params.items())
            for item in grid
        ]
        short = covering(places)
        for item, place in zip(grid, places, strict=True):
            if place not in short:
                item.add_marker(pytest.mark.long)


def covering(places):
    """A few of these sets that have all elements of all.

    The next has most that is new, and else what was rare so far: each type of a grid over types
    and networks has half of the networks.
    """
    left, chosen, uses = frozenset().union(*places), [], Counter()

    def worth(place):
        return len(place & left), -sum(map(uses.__getitem__, place))

    while left:
        chosen.append(max(places, key=worth))
        left -= chosen[-1]
        uses.update(chosen[-1])
    return chosen
