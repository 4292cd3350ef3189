"""Programs of some networks as machine code: registers, shared memory, and how they read."""

from functools import cache

import numpy as np
import pytest

pytest.importorskip("numba_cuda")
pytest.importorskip("cuda.core")

# Without the packages the module ends above, so these imports cannot come first.
from running.host_device import HostDevice, opened_as_cuda
from running.machine_code import instructions

from fusednn import MLPClassifier, MLPRegressor
from fusednn.plan.cuda.modes import ALONE, OWN_BYTES, TOGETHER
from fusednn.training.cuda import preparing
from fusednn.training.cuda.loaded import compiled_program

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]
X = np.random.default_rng(0).normal(size=(60, 20))
FITS = {
    "adam": MLPClassifier((64, 64), dtype="float32"),
    "noise": MLPRegressor(
        hidden_layer_sizes=(40,),
        activation="tanh",
        dropout=0.1,
        normalization="batch",
        dtype="float64",
    ),
}
PROGRAMS = [("adam", ALONE), ("adam", TOGETHER), ("noise", ALONE)]


class Recording(HostDevice):
    """Keeps what programs are made of, in the order in which they were needed."""

    shared = 1 << 24

    def load_program(self, kernels, dtype, alone):
        self.made_of = [*getattr(self, "made_of", ()), (kernels, dtype, alone)]
        return super().load_program(kernels, dtype, alone)


@cache
def compiled(name, mode):
    """The type and the machine code of a fit's program."""
    with pytest.MonkeyPatch.context() as patch, opened_as_cuda(Recording) as devices:
        patch.setattr(preparing, "mode_of", lambda *given: mode)
        model = FITS[name].set_params(device="cuda", max_iter=1, batch_size=30, random_state=0)
        model.fit(X, X[:, 0] > 0)
    kernels, dtype, alone = devices[0].made_of[0]  # of the fit; another judges its weights
    return dtype, compiled_program(kernels, dtype, (9, 0), alone)


@pytest.mark.parametrize(("name", "mode"), PROGRAMS)
def test_code_fits(name, mode):
    dtype, cubin = compiled(name, mode)
    assert 0 < cubin.registers <= 255  # one block on a multiprocessor
    assert (cubin.spills, cubin.stack) == (0, 0)
    assert not {one.split(".")[0] for one in instructions(cubin.code)} & {"LDL", "STL"}
    assert cubin.shared % 16 == 0
    assert cubin.shared + cubin.scratch * dtype.itemsize <= OWN_BYTES[dtype]


@pytest.mark.parametrize(("name", "mode"), PROGRAMS)
def test_what_records_point_to_may_be_in_shared_memory(name, mode):
    """Loads by their addresses are of any memory, and nothing is taken for constant.

    Only the words of the program are known to be global, and the scratch of several blocks.
    """
    _, cubin = compiled(name, mode)
    names = instructions(cubin.code)
    assert not [one for one in names if "CONSTANT" in one]
    assert not [one for one in names if one.startswith("LDGSTS")]  # which copy from global memory
    assert sum(one.startswith("LD.E") for one in names) > 100
    known = {one for one in names if one.startswith(("LDG", "STG"))}
    vectors = {f"{name}.E.128" for name in ("LDG", "STG")}  # of scratch
    words = {"LDG.E", "LDG.E.64", "LDG.E.64.STRONG.GPU"}
    assert known - words == (vectors if mode == TOGETHER else set())


@pytest.mark.parametrize(("name", "mode"), PROGRAMS)
def test_waits_of_all_blocks(name, mode):
    """They are in the code once, and forget what the multiprocessor has read before."""
    _, cubin = compiled(name, mode)
    names = instructions(cubin.code)
    waits = [one for one in names if one.startswith("ATOM")]
    assert len(waits) == (mode == TOGETHER)
    assert ("CCTL.IVALL" in names) == (mode == TOGETHER)
