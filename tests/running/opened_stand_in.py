"""A stand-in for NVIDIA's packages as the GPU that "cuda" opens."""

from fusednn.kernels.cuda.compiling import packages
from fusednn.kernels.cuda.twins import BLOCK, Twin
from running.host_device import opened_as_cuda

from fusednn.training.cuda import gpu


class Twins(dict):
    """Every op has a twin but the one that is missing."""

    missing = None

    def get(self, op):
        return None if op is self.missing else Twin(op, BLOCK, 10_000)

    __getitem__ = get


def opener(monkeypatch):
    """What opens a stand-in where "cuda" is asked for, in a process that has used no GPU yet."""
    twins = Twins()
    monkeypatch.setattr(gpu, "_used_by", None)
    monkeypatch.setattr(gpu, "_loaded", {})
    monkeypatch.setattr(packages, "toolkit", lambda: (13, 0))
    monkeypatch.setattr(gpu, "every_twin", lambda: twins)

    def as_cuda(stand_in):
        monkeypatch.setattr(gpu, "_packages", stand_in.packages)
        made = stand_in.compiled, stand_in.compiled_program
        return opened_as_cuda(lambda: gpu.open_gpu(*made))

    return as_cuda
