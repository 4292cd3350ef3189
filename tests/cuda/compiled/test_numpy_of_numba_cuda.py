"""What the installed numba-cuda looks up in NumPy."""

from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("numba_cuda")

# Without the package the module ends above, so this import cannot come first.
from fusednn.kernels.cuda.compiling import packages

pytestmark = pytest.mark.cuda


def test_the_name_that_numpy_dropped_is_still_looked_up():
    """The day this fails, `packages.for_this_numpy` can go, with its row in docs/cuda.md."""
    [folder] = find_spec("numba_cuda").submodule_search_locations
    sources = Path(folder).rglob("*.py")
    assert any(f"np.{packages.DROPPED}" in path.read_text("utf-8") for path in sources)
