"""The cache of machine code for GPUs; the compiler is a stand-in, so no package is needed."""

import os

import numpy as np
import pytest
from fusednn.kernels import _cache
from fusednn.kernels.activations import ACTIVATIONS
from fusednn.kernels.cuda.compiling import cache, compiler, programs
from fusednn.kernels.ops.pointwise.activate import activate
from fusednn.kernels.ops.pointwise.elementwise import add_rows

CODE = bytes(range(256)) + b"\n{}\0\n"


@pytest.fixture
def compiled(monkeypatch, tmp_path):
    """The calls of the compiler; the directory is new."""
    calls = []

    def compile_op(op, dtype, functions, capability):
        calls.append((op.__name__, np.dtype(dtype).name, capability))
        return compiler.Cubin("entry", CODE, 40, 0, 0, 512, "grid", 7)

    monkeypatch.setattr(compiler, "compile_op", compile_op)
    monkeypatch.setattr(cache, "kernel_directory", lambda create=False: str(tmp_path))
    monkeypatch.setattr(cache, "_known", {})
    return calls


def take(op=add_rows, dtype="f4", capability=(9, 0), **functions):
    """A cubin as a new process finds it."""
    cache._known.clear()
    return cache.cubin_of(op, dtype, functions, capability)


def test_a_second_process_compiles_nothing(compiled, tmp_path):
    first = take()
    assert take() == first == compiler.Cubin("entry", CODE, 40, 0, 0, 512, "grid", 7)
    assert compiled == [("add_rows", "float32", (9, 0))]
    [name] = os.listdir(tmp_path)
    assert name.startswith("add_rows-")
    assert name.endswith(".cubin")


def test_a_process_reads_a_file_once(compiled, tmp_path):
    take()
    [name] = os.listdir(tmp_path)
    os.unlink(tmp_path / name)
    cache.cubin_of(add_rows, "f4", {}, (9, 0))
    assert len(compiled) == 1


def test_everything_that_changes_the_code_is_in_the_name(compiled, tmp_path, monkeypatch):
    take()
    take(dtype="f8")
    take(capability=(8, 0))
    take(activate, function=ACTIVATIONS["tanh"].forward)
    take(activate, function=ACTIVATIONS["elu"].forward)
    take(activate)
    monkeypatch.setattr(cache.packages, "versions", lambda: {"numba-cuda": "another"})
    take()
    assert len(compiled) == len(os.listdir(tmp_path)) == 7


def test_a_damaged_file_is_replaced(compiled, tmp_path, monkeypatch):
    monkeypatch.setitem(_cache._counts, "failures", 0)
    take()
    [name] = os.listdir(tmp_path)
    data = bytearray((tmp_path / name).read_bytes())
    data[-3] ^= 1
    (tmp_path / name).write_bytes(data)
    with pytest.warns(_cache.CacheWarning, match="damaged"):
        assert take().code == CODE
    assert take().code == CODE
    assert len(compiled) == 2


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no owners here")
def test_a_file_that_others_can_write_to_is_not_read(compiled, tmp_path, monkeypatch):
    monkeypatch.setitem(_cache._counts, "failures", 0)
    take()
    [name] = os.listdir(tmp_path)
    os.chmod(tmp_path / name, 0o666)
    with pytest.warns(_cache.CacheWarning, match="can be written to by other users"):
        take()
    assert len(compiled) == 2


def test_a_user_s_function_is_not_kept(compiled, tmp_path):
    """Its values are in no key."""
    scale = 2.0

    class Own:
        @staticmethod
        def py_func(out, n, constants):
            return scale

    take(activate, function=Own)
    take(activate, function=Own)
    assert len(compiled) == 2
    assert os.listdir(tmp_path) == []


def test_programs_are_kept_by_all_their_ops(compiled, monkeypatch, tmp_path):
    made = []

    def compile_program(ops, dtype, capability, alone):
        made.append([op.__name__ for op, _ in ops])
        return compiler.Cubin("entry", CODE, 40, 0, 0, 512, "program", 7)

    def take_program(*ops, alone=True):
        cache._known.clear()
        return cache.program_of(ops, "f4", (9, 0), alone)

    monkeypatch.setattr(programs, "compile_program", compile_program)
    tanh, elu = ({"function": ACTIVATIONS[name].forward} for name in ("tanh", "elu"))
    assert take_program((add_rows, {}), (activate, tanh)).code == CODE
    take_program((add_rows, {}), (activate, tanh))
    assert made == [["add_rows", "activate"]]
    take_program((add_rows, {}), (activate, tanh), alone=False)
    take_program((activate, tanh), (add_rows, {}))
    take_program((add_rows, {}), (activate, elu))
    take_program((add_rows, {}))
    assert len(made) == len(os.listdir(tmp_path)) == 5
