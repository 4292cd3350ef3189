"""Products with rounded weights in every shape: which have them, and their machine code."""

import re

import pytest
from fusednn.kernels.intrinsics.integers import dot_of
from fusednn.kernels.intrinsics.shapes import SHAPES
from running import assembly
from test_shapes import ARM, CALL, LINUX, MAC, STORE, SUFFIXES, TARGETS, WINDOWS

FORMS = [(8, 1, 2), (4, 1, 2), (1, 1, 2), (8, 1, 1), (1, 1, 1), (1, 4, 2)]
"""Rows, panels and vectors of a panel; eight rows stand for all of the shape's."""


@pytest.mark.parametrize(
    ("shape", "triple", "features", "expected"),
    [
        ("avx512", LINUX, "avx512f avx512vnni", "vpdpbusd"),
        ("avx512", LINUX, "avx512f avx512vl", None),
        ("avx2", LINUX, "avx2 avxvnni", "vpdpbusd"),
        ("avx2", WINDOWS, "avx2 avx512f avx512vnni avx512vl", "vpdpbusd"),
        ("avx2", LINUX, "avx2 avx512vnni", None),
        ("avx2", LINUX, "avx2 fma", None),
        ("neon", ARM, "neon dotprod", "sdot"),
        ("neon", MAC, "neon dotprod", "sdot"),
        ("neon", ARM, "neon", None),
        ("neon", LINUX, "dotprod avx512vnni", None),
        ("plain", LINUX, "avxvnni avx512vnni avx512vl", None),
    ],
)
def test_who_has_products_of_integers(shape, triple, features, expected):
    assert dot_of(SHAPES[shape], triple, set(features.split())) == expected


def of_shape(shape, form):
    rows, groups, vectors = form
    return shape.rows if rows == 8 else rows, groups, vectors, shape.lanes(4)


def check_loop(text, pattern, least, form):
    """No calls; in the loop over k so many operations and no store."""
    assert not CALL.search(text), form
    loop = next(iter(assembly.loops(text)))
    assert not [code for code in loop if STORE.match(code)], form
    found = [code for code in loop if re.match(pattern, code)]
    assert len(found) >= least, form
    assert len(found) % least == 0, form


@pytest.mark.parametrize(("name", "triple", "cpu", "pattern"), TARGETS)
def test_assembly_of_halves(name, triple, cpu, pattern):
    shape = SHAPES[name]
    letters = SUFFIXES.get(name, {"float32": "s"})["float32"]
    for form in FORMS:
        form = of_shape(shape, form)
        text = assembly.assemble_tile(triple, cpu, "", "float32", shape, form, halves=True)
        check_loop(text, pattern % letters, form[0] * form[1] * form[2], form)


INTEGERS = [  # shape, triple, CPU, features, instruction, its pattern
    ("avx512", LINUX, "cascadelake", "", "vpdpbusd", r"vpdpbusd\b.*%zmm"),
    ("avx512", WINDOWS, "znver4", "", "vpdpbusd", r"vpdpbusd\b.*%zmm"),
    ("avx2", LINUX, "alderlake", "", "vpdpbusd", r"\{vex\}\s+vpdpbusd\b.*%ymm"),
    ("avx2", LINUX, "haswell", "+avxvnni", "vpdpbusd", r"\{vex\}\s+vpdpbusd\b.*%ymm"),
    ("avx2", WINDOWS, "znver4", "", "vpdpbusd", r"vpdpbusd\b.*%ymm"),
    ("neon", ARM, "", "+dotprod", "sdot", r"sdot\s+v\d+\.4s"),
    ("neon", MAC, "apple-m1", "", "sdot", r"sdot\.4s"),
]


@pytest.mark.parametrize(("name", "triple", "cpu", "features", "dot", "pattern"), INTEGERS)
def test_assembly_of_integers(name, triple, cpu, features, dot, pattern):
    shape = SHAPES[name]
    for form in FORMS:
        form = of_shape(shape, form)
        text = assembly.assemble_integer_tile(triple, cpu, features, shape, dot, form)
        check_loop(text, pattern, form[0] * form[1] * form[2], form)


ROUNDING = {  # the highest of two vectors of words; a vector's multiply-add
    "avx512": (r"vpmaxsd\b.*%zmm", r"vfmadd\d+ps\b.*%zmm"),
    "avx2": (r"vpmaxsd\b.*%ymm", r"vfmadd\d+ps\b.*%ymm"),
    "neon": (r"smax(\.4s)?\s+v", r"fmla(\.4s)?\s+v"),
}


@pytest.mark.parametrize(("name", "triple", "cpu", "features", "dot", "pattern"), INTEGERS)
def test_assembly_of_rounding(name, triple, cpu, features, dot, pattern):
    texts = assembly.assemble_rounding(triple, cpu, features, SHAPES[name])
    for text, expected in zip(texts, ROUNDING[name], strict=True):
        assert not CALL.search(text)
        loop = next(iter(assembly.loops(text)))
        assert [code for code in loop if re.match(expected, code)], loop
