"""Convolutions and pools in C: strict compilers, sanitizers, answers of the predictor."""

import re
from math import prod

import numpy as np
import pytest
from cases.window_networks import (
    convolution,
    grouped_ops,
    model_of,
    random_ops,
    rows_for,
    single_ops,
)
from running.c_programs import COMPILERS, FAST, SANITIZED, assert_close, needs_compiler, run_models

from fusednn.export.c.source import write_c
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.reshape import Reshape
from fusednn.serving.predictor import Predictor

pytestmark = needs_compiler
TOLERANCE = {"float32": 1e-5, "float64": 1e-13}
WAYS = {"sanitized": SANITIZED, "optimised": FAST}
ROWS = 15


def models_of(networks, dtype):
    """Models and samples, by names that are identifiers."""
    return {
        f"{name.translate(NAMES)}_{dtype}": (model_of(ops, dtype), rows_for(ops, dtype, ROWS))
        for name, ops in networks.items()
    }


NAMES = str.maketrans(" ,", "__")


def check(networks, dtype, folder, compiler, options):
    models = models_of(networks, dtype)
    found = run_models(folder, models, compiler, options)
    for name, (model, X) in models.items():
        expected = Predictor(model)(X)
        for answers in found[name]:
            assert_close(answers.logits, expected, TOLERANCE[dtype], name)


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("way", WAYS)
def test_each_option(way, compiler, dtype, tmp_path):
    check(single_ops(), dtype, tmp_path, compiler, WAYS[way])


SEEDS = [(0, 4), *(pytest.param(at, at + 42, marks=pytest.mark.long) for at in (4, 46))]


@pytest.mark.parametrize(("first", "last"), SEEDS)
@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.long)])
def test_random_networks(first, last, dtype, tmp_path):
    networks = {f"random_{seed}": random_ops(seed) for seed in range(first, last)}
    check(networks, dtype, tmp_path, COMPILERS[0], SANITIZED)


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.long)])
def test_groups_are_blocks_of_weights(dtype, tmp_path):
    """As a convolution of all channels whose weights between groups are zero."""
    models, expected = {}, {}
    for name, op in grouped_ops().items():
        name = name.translate(NAMES)
        shape = *op.windows.sizes, op.fan_in
        ops = [Reshape(shape), op, Reshape((prod(op.out_shape(shape)),))]
        model, X = model_of(ops, dtype), rows_for(ops, dtype, ROWS)
        models[name] = model, X
        w, b = model.arrays
        whole = np.zeros((*w.shape[:-2], op.fan_in, op.fan_out), dtype)
        rows, columns = w.shape[-2], op.fan_out // op.groups
        for group in range(op.groups):
            own = slice(group * columns, (group + 1) * columns)
            whole[..., group * rows : (group + 1) * rows, own] = w[..., own]
        plain = op._replace(groups=1)
        expected[name] = Predictor(model._replace(ops=(ops[0], plain, ops[2]), arrays=[whole, b]))(
            X
        )
    found = run_models(tmp_path, models, COMPILERS[0], SANITIZED)
    for name, answers in found.items():
        for each in answers:
            assert_close(each.logits, expected[name], TOLERANCE[dtype], name)


def test_a_chain_needs_two_buffers(tmp_path):
    """And one for the taps of 8 windows; the image is read where the caller has it."""
    shape, pads = (12, 10, 16), ((1, 1), (1, 1))
    ops = [Reshape(shape), *[convolution(shape, 16, (3, 3), "relu", padding=pads)] * 5]
    ops += [Reshape((prod(shape),)), Dense(prod(shape), 3)]
    write_c(model_of(ops, "float32"), tmp_path / "net.c", "net")
    [work] = re.findall(r"#define NET_WORK (\d+)", (tmp_path / "net.c").read_text())
    most_taps = 32 * 9 * 16  # a buffer holds them for eight samples
    assert int(work) == 2 * prod(shape) + most_taps // 8
