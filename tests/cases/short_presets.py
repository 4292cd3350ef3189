"""The presets of tabular estimators with small networks that train briefly."""

from contextlib import contextmanager

import pytest

from fusednn.estimators.tabular.presets import PRESETS


def shortened(preset, epochs=12):
    """The preset with networks of 32 units a layer."""
    tasks = {
        task: tuple(
            one._replace(epochs=epochs, widths=(32, 32)[: len(one.widths)])
            for one in getattr(preset, task)
        )
        for task in ("classes", "quantities")
    }
    return preset._replace(**tasks)


@contextmanager
def short_presets(epochs=12):
    """All presets are short within."""
    with pytest.MonkeyPatch.context() as patch:
        for name, preset in list(PRESETS.items()):
            patch.setitem(PRESETS, name, shortened(preset, epochs))
        yield dict(PRESETS)
