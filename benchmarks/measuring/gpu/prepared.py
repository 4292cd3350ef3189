"""Machine code that is compiled on one machine and carried to another.

The cache of kernels is of one CPU and one set of packages, so a machine with others finds nothing
there. A prepared folder asks for the same sources and the same vectors of the CPU alone: where
those differ, the bits would.
"""

import hashlib
import json
import os
import zlib
from pathlib import Path

import numpy as np

MOST_BYTES = 64 << 20
"""What can be carried to a machine with a GPU."""

CAPABILITY = 9, 0
"""What is prepared for: sm_90."""


class NotPreparedError(Exception):
    """A kernel is not in the folder, and compiling it is forbidden."""


def state():
    """What must be the same where machine code is made and where it is used."""
    from fusednn.kernels._cachedir import KERNELS, source_digest
    from fusednn.kernels.intrinsics.shapes import SHAPE

    return {
        "sources": [source_digest(folder) for folder in (KERNELS, KERNELS / "cuda")],
        "shape": SHAPE.name,
    }


def use_shape_of(folder):
    """Has kernels take the vectors that a folder was prepared for; before they are imported."""
    path = Path(folder) / "state.json"
    if path.exists():
        os.environ["FUSEDNN_SHAPE"] = json.loads(path.read_text())["shape"]


class Prepared:
    """A folder of machine code.

    Parameters
    ----------
    folder : path-like
    compiles, compiles_program : callable, optional
        Make what the folder does not have, which then has it: `loaded.compiled_kernel` and
        `loaded.compiled_program`. Without them nothing is compiled.

    Attributes
    ----------
    used : set of str
        The names of the files that were asked for.
    """

    def __init__(self, folder, compiles=None, compiles_program=None):
        self.folder, self.used = Path(folder), set()
        self._compiles, self._compiles_program = compiles, compiles_program
        path, mine = self.folder / "state.json", state()
        if compiles is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(mine))
        elif not path.exists():
            raise NotPreparedError(f"{self.folder} has not been prepared")
        elif json.loads(path.read_text()) != mine:
            raise NotPreparedError(f"{self.folder} was prepared from other sources")

    def compiled(self, kernel, dtype, capability):
        """The machine code of a kernel, as `open_gpu` asks for it."""
        name = file_name(kernel.op.py_func.__name__, [kernel], dtype, capability)
        return self._kept(name, self._compiles, kernel, dtype, capability)

    def program(self, kernels, dtype, capability, alone):
        """The machine code of a program, likewise."""
        name = file_name("alone" if alone else "together", kernels, dtype, capability)
        return self._kept(name, self._compiles_program, kernels, dtype, capability, alone)

    def _kept(self, name, compiles, *given):
        """What the folder has by a name, or else is compiled and written there."""
        from fusednn.kernels.cuda.compiling.compiler import Cubin

        path = self.folder / name
        self.used.add(name)
        if path.exists():
            said, _, code = path.read_bytes().partition(b"\n")
            return Cubin(code=zlib.decompress(code), **json.loads(said))
        if compiles is None:
            raise NotPreparedError(f"{name} is not in {self.folder}")
        made = compiles(*given)
        said = {key: value for key, value in made._asdict().items() if key != "code"}
        path.write_bytes(json.dumps(said).encode() + b"\n" + zlib.compress(made.code, 9))
        return made

    def size(self):
        """The bytes of all files."""
        return sum(path.stat().st_size for path in self.folder.iterdir())

    def in_words(self):
        """What was prepared, and whether it can be carried."""
        size = self.size()
        fits = "can be carried" if size <= MOST_BYTES else f"is more than {MOST_BYTES >> 20} MiB"
        return (
            f"{self.folder}: {len(self.used)} kernels and programs for sm_90, {size / 2**20:.1f}"
            f" MiB, which {fits}; a run with --prepared compiles nothing"
        )


def file_name(kind, kernels, dtype, capability):
    """The name of the file of a kernel, or of a program of kernels in their order."""
    given = [
        (
            _identity(kernel.op),
            [(name, _identity(one)) for name, one, _ in kernel.functions if one],
        )
        for kernel in kernels
    ]
    made_of = given, np.dtype(dtype).str, tuple(capability)
    return f"{kind}-{hashlib.sha256(repr(made_of).encode()).hexdigest()[:16]}.cubin"


def _identity(kernel):
    function = kernel.py_func
    assert function.__closure__ is None, f"{function.__qualname__} holds a user's function"
    return function.__module__, function.__qualname__
