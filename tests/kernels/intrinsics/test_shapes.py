"""The micro-kernel's shapes: which is chosen, that each is right, and its machine code."""

import re
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from fusednn.kernels._jit import JIT
from fusednn.kernels.intrinsics import shapes, sync
from fusednn.kernels.intrinsics.shapes import SHAPE, SHAPES, choose_shape, host_features
from fusednn.kernels.ops.products.dense import TILE_ROWS
from llvmlite import ir
from oracles.parity import assert_same_network, fit_pair
from running import assembly
from running.elsewhere import run_pytest
from test_tiles import FORMS, MICRO_ROWS

LINUX, WINDOWS = "x86_64-unknown-linux-gnu", "x86_64-pc-windows-msvc"
MAC, ARM = "arm64-apple-darwin", "aarch64-unknown-linux-gnu"

# -- the choice ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("triple", "features", "expected"),
    [
        (LINUX, "avx avx2 avx512f fma", "avx512"),
        (LINUX, "avx avx2 fma", "avx2"),
        (WINDOWS, "avx2 fma", "avx2"),
        ("x86_64-apple-darwin", "avx2 fma", "avx2"),
        (LINUX, "avx avx2", "plain"),
        (LINUX, "sse2", "plain"),
        (LINUX, "", "plain"),
        ("i686-unknown-linux-gnu", "avx2 fma", "plain"),
        (ARM, "neon", "neon"),
        (ARM, "", "neon"),
        (MAC, "neon fullfp16", "neon"),
        ("powerpc64le-unknown-linux-gnu", "vsx neon", "plain"),
    ],
)
def test_choice(monkeypatch, triple, features, expected):
    monkeypatch.setattr(shapes, "FORCED_SHAPE", "")
    monkeypatch.setattr(shapes, "host_features", lambda: set(features.split()))
    monkeypatch.setattr(shapes.llvm, "get_process_triple", lambda: triple)
    assert choose_shape() is SHAPES[expected]


@pytest.mark.parametrize("name", SHAPES)
def test_forced_choice(monkeypatch, name):
    monkeypatch.setattr(shapes, "FORCED_SHAPE", name)
    assert choose_shape() is SHAPES[name]


def test_features_follow_numba(monkeypatch):
    monkeypatch.setattr(shapes.config, "CPU_NAME", None)
    monkeypatch.setattr(shapes.config, "CPU_FEATURES", "+avx2,-avx512f,+fma")
    assert host_features() == {"avx2", "fma"}
    monkeypatch.setattr(shapes.config, "CPU_FEATURES", None)
    assert host_features()
    monkeypatch.setattr(shapes.config, "ENABLE_AVX", 0)
    assert not [name for name in host_features() if name.startswith("avx")]
    monkeypatch.setattr(shapes.config, "CPU_NAME", "generic")
    assert host_features() == set()


def test_tiles_of_parameters_are_whole_tiles():
    assert TILE_ROWS % SHAPE.rows == 0
    assert all(TILE_ROWS % SHAPE.lanes(itemsize) == 0 for itemsize in (4, 8))


# -- every shape at work ---------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_fit_in_this_shape(activation, dtype):
    random = np.random.RandomState(0)
    X = random.normal(size=(71, 19)).astype(dtype)
    y = (X @ random.normal(size=(19, 3))).argmax(axis=1)
    options = {"activation": activation, "max_iter": 4, "batch_size": 32}
    pair = fit_pair("classifier", X, y, hidden_layer_sizes=(37, 13), **options)
    assert_same_network(*pair, 1e-10 if dtype is np.float64 else 1e-4)
    few, all_ = (np.concatenate([pair[1].predict_proba(x) for x in parts])
                 for parts in (X[:, None], [X]))  # fmt: skip
    np.testing.assert_array_equal(few, all_)


OTHERS = sorted(set(SHAPES) - {SHAPE.name})


def lacks(name):
    """Whether the host lacks what a shape needs.

    LLVM splits vectors that are too wide for the host; only fusing it cannot imitate fast.
    """
    return SHAPES[name].fused and SHAPE.name != "neon" and "fma" not in host_features()


PARTS = "test_shapes", "test_tiles", "test_sums", "../ops/test_reduced_products"


FILES = [Path(__file__).parent / f"{part}.py" for part in PARTS]


def test_the_files_for_other_shapes_exist():
    assert all(file.exists() for file in FILES)


@pytest.fixture(scope="module")
def others():
    """The short or long tests in every other shape, each in a process, all at once."""
    chosen = "test_form or bit or nan or chain or rounded or sums or in_this_shape"
    arguments = *FILES, "-k", f"({chosen}) and not another_process"
    with ThreadPoolExecutor() as pool:

        @cache
        def started(part):
            return {
                name: pool.submit(run_pytest, {"FUSEDNN_SHAPE": name}, *arguments, "-m", part)
                for name in OTHERS
                if not lacks(name)
            }

        yield started


@pytest.mark.long
@pytest.mark.skipif(not JIT, reason="the JIT is off")
@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("part", ["not long", "long"])
def test_shape_in_another_process(name, part, others):
    if lacks(name):
        pytest.skip(f"this host has no fused multiply-add, which {name} needs")
    others(part)[name].result()


# -- machine code ----------------------------------------------------------------------------

TARGETS = [  # shape, triple, CPU, a full vector's register, and its multiply-add or addition
    ("avx512", LINUX, "skylake-avx512", r"vfmadd\d+p%s\b.*%%zmm"),
    ("avx512", WINDOWS, "znver4", r"vfmadd\d+p%s\b.*%%zmm"),
    ("avx2", LINUX, "haswell", r"vfmadd\d+p%s\b.*%%ymm"),
    ("avx2", WINDOWS, "znver2", r"vfmadd\d+p%s\b.*%%ymm"),
    ("neon", ARM, "", r"fmla\s+v\d+\.%s"),
    ("neon", MAC, "apple-m1", r"fmla\.%s"),
    ("plain", LINUX, "x86-64", r"addp%s\b.*%%xmm"),
    ("plain", WINDOWS, "x86-64", r"addp%s\b.*%%xmm"),
]
SUFFIXES = {"neon": {"float32": "4s", "float64": "2d"}}
CALL = re.compile(r"\s(call\w*|bl|blr)\s")
STORE = re.compile(r"v?mov\w+\s+%[xyz]mm\d+, \S*\(|(str|stp|stur|st1)\S*\s")


@pytest.mark.thinned
@pytest.mark.parametrize("element", assembly.ELEMENTS)
@pytest.mark.parametrize(("name", "triple", "cpu", "pattern"), TARGETS)
def test_assembly_of_every_form(name, triple, cpu, pattern, element):
    shape = SHAPES[name]
    full = shape.lanes(4 if element == "float32" else 8)
    letters = SUFFIXES.get(name, {"float32": "s", "float64": "d"})[element]
    for rows, groups, vectors, lanes in FORMS.values():
        rows = shape.rows if rows == MICRO_ROWS else rows
        vectors = shape.vectors if vectors > 1 else 1
        form = rows, groups, vectors, lanes or full
        text = assembly.assemble_tile(triple, cpu, "", element, shape, form)
        assert not CALL.search(text), form
        loops = list(assembly.loops(text))
        assert loops, form
        for loop in loops:
            assert not [code for code in loop if STORE.match(code)], form
        if lanes is None:
            sums = [code for code in loops[0] if re.match(pattern % letters, code)]
            assert len(sums) >= rows * groups * vectors, form
            assert len(sums) % (rows * groups * vectors) == 0, form
        assert shape.fused or not re.search(r"\s(vfn?m(add|sub)|fmla|fmadd)", text), form


HINTS = {LINUX: "pause", WINDOWS: "pause", ARM: "yield", MAC: "yield"}
POINTER = ir.PointerType(assembly.I64)


@pytest.mark.skipif(not JIT, reason="the JIT is off")
@pytest.mark.parametrize("triple", HINTS)
def test_assembly_of_the_synchronisation(monkeypatch, triple):
    monkeypatch.setattr(sync.llvm, "get_process_triple", lambda: triple)
    assert re.search(rf"\s{HINTS[triple]}\s", assembly.assemble_intrinsic(triple, sync.pause))
    arm = triple in (ARM, MAC)
    for intrinsic, arguments, code in (
        (sync.fetch_add, (POINTER, assembly.I64), "ldaxr|ldaddal" if arm else "lock.*xadd"),
        (
            sync.swap_if,
            (POINTER, assembly.I64, assembly.I64),
            "ldaxr|casal" if arm else "lock.*cmpxchg",
        ),
        (sync.load_acquire, (POINTER,), "ldap?r" if arm else "movq"),
        (sync.store_release, (POINTER, assembly.I64), "stlr" if arm else "movq"),
    ):
        text = assembly.assemble_intrinsic(triple, intrinsic, arguments)
        assert re.search(rf"\s({code})", text), text
        assert not CALL.search(text)


@pytest.mark.skipif(not JIT, reason="the JIT is off")
def test_no_hint_where_none_is_known(monkeypatch):
    triple = "powerpc64le-unknown-linux-gnu"
    monkeypatch.setattr(sync.llvm, "get_process_triple", lambda: triple)
    text = assembly.assemble_intrinsic(LINUX, sync.pause)
    assert not re.search(r"\s(pause|yield|call\w*)\s", text)
