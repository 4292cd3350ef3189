"""Files of layers over windows: bits, and what is refused."""

import copy
import io
import json
import tracemalloc

import numpy as np
import pytest
from cases.mutations import joined, split
from cases.window_networks import (
    convolution,
    model_of,
    pool,
    random_ops,
    rows_for,
    transpose,
    whole_pool,
)
from numpy.testing import assert_array_equal

from fusednn import load
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.reshape import Reshape
from fusednn.graph.layers.residual import Residual
from fusednn.graph.layers.upsampling import UpSampling
from fusednn.serving.files.description import written_ops
from fusednn.serving.files.fields import Refused
from fusednn.serving.files.reading import KEY, VERSION
from fusednn.serving.files.reading_ops import read_ops
from fusednn.serving.loading import read_predictor
from fusednn.serving.predictor import Predictor

HUGE = 2**31 - 1
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
SHAPE = 5, 4, 3
OPS = (
    Reshape(SHAPE),
    convolution(SHAPE, 4, (3, 2), "relu", padding=((1, 1), (0, 1))),
    pool((5, 4, 4), (2, 2), True, padding=((1, 0), (0, 0)), overhangs=True),
    whole_pool((3, 2, 4), False),
    Dense(4, 2),
)

ENLARGING = (
    Reshape((2, 3, 4)),
    transpose((2, 3, 4), 6, (3, 2), stride=(2, 1), padding=((1, 0), (0, 0)), groups=2),
    UpSampling((4, 4, 6), (1, 2)),
    Residual(
        (convolution((4, 8, 6), 3, (1, 1), stride=(2, 2)),),
        shortcut=(pool((4, 8, 6), (2, 2), True), Dense(6, 3)),
    ),
    whole_pool((2, 4, 3), True),
    Dense(3, 2),
)


@DTYPES
@pytest.mark.parametrize("seed", range(24))
def test_answers_keep_their_bits(seed, dtype, tmp_path):
    ops = random_ops(seed)
    predictor, X = Predictor(model_of(ops, dtype)), rows_for(ops, dtype)
    predictor.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert_array_equal(loaded(X), predictor(X))
    assert read_ops(written_ops(tuple(ops), VERSION), "ops", 10**6, VERSION) == tuple(ops)


def test_a_network_over_photographs_can_be_saved(tmp_path):
    """Its samples are far larger than its parameters."""
    shape = 224, 224, 3
    conv = convolution(shape, 32, (3, 3), "relu", padding=((1, 1), (1, 1)), stride=(2, 2))
    ops = [Reshape(shape), conv, whole_pool((112, 112, 32), True), Dense(32, 2)]
    predictor = Predictor(model_of(ops, "float32"))
    predictor.save(tmp_path / "model")
    X = rows_for(ops, "float32", 2)
    assert_array_equal(load(tmp_path / "model")(X), predictor(X))


def test_a_pool_of_large_images_can_be_saved(tmp_path):
    """A file may hold every pool that a fit accepts."""
    ops = [Reshape((1200, 1000, 1)), whole_pool((1200, 1000, 1), True), Dense(1, 2)]
    predictor = Predictor(model_of(ops, "float32"))
    predictor.save(tmp_path / "model")
    X = rows_for(ops, "float32", 2)
    assert_array_equal(load(tmp_path / "model")(X), predictor(X))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("windows") / "model"
    Predictor(model_of(OPS, "float64")).save(path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def enlarged(tmp_path_factory):
    path = tmp_path_factory.mktemp("enlarging") / "model"
    Predictor(model_of(ENLARGING, "float64")).save(path)
    return path.read_bytes()


def _windows(at, **changes):
    return lambda plan: plan["ops"][at]["windows"].update(changes)


def _op(at, **changes):
    return lambda plan: plan["ops"][at].update(changes)


def _without(at, key):
    return lambda plan: plan["ops"][at]["windows"].pop(key)


def _both(*changes):
    return lambda plan: [change(plan) for change in changes]


CONV, POOL, WHOLE = 1, 2, 3
WRONG = {
    "version 3": (lambda plan: plan.update(version=3), "version 3 of its format has not"),
    "no windows": (_op(CONV, windows=None), "windows must be an object"),
    "lists": (_op(CONV, windows=[[5, 4], [3, 2]]), "windows must be an object"),
    "a key lost": (_without(CONV, "stride"), "lacks 'stride'"),
    "a key more": (_windows(CONV, ceil=True), "'ceil', which is not known"),
    "a number": (_windows(CONV, kernel=3), "kernel must be a list"),
    "a fraction": (_windows(CONV, kernel=[3, 2.0]), "integer from 1"),
    "no axes": (_windows(CONV, kernel=[]), "a list of 1 to 2 values"),
    "three axes": (_windows(CONV, kernel=[3, 2, 1]), "a list of 1 to 2 values"),
    "axes that differ": (_windows(CONV, stride=[1]), "as many values for each axis"),
    "padding that is no pair": (_windows(CONV, padding=[[1], [0, 1]]), "a list of 2 to 2"),
    "negative padding": (_windows(CONV, padding=[[-1, 1], [0, 1]]), "integer from 0"),
    "stride 0": (_windows(CONV, stride=[0, 1]), "integer from 1"),
    "dilation 0": (_windows(CONV, dilation=[1, 0]), "integer from 1"),
    "no flag": (_windows(CONV, overhangs=0), "true or false"),
    "no window": (_windows(CONV, dilation=[4, 1]), "must fit into the sizes"),
    "overhang of a convolution": (_windows(CONV, overhangs=True), "overhangs must be false"),
    "groups": (_op(CONV, groups=2), "must divide fan_in and fan_out"),
    "groups 0": (_op(CONV, groups=0), "integer from 1"),
    "other sizes": (_windows(CONV, sizes=[4, 5]), r"takes axes \(4, 5, 3\), but the op"),
    "other channels": (_op(CONV, fan_in=2), r"takes axes \(5, 4, 2\)"),
    "another kernel": (
        _windows(CONV, kernel=[2, 3], padding=[[1, 0], [1, 1]]),
        r"of shape \[3, 2, 3, 4\], but float64 of shape \[2, 3, 3, 4\]",
    ),
    "dilation of a pool": (_windows(POOL, dilation=[2, 1]), "dilation must be 1"),
    "padding of a pool": (_windows(POOL, padding=[[2, 0], [0, 0]]), "at most half of the kernel"),
    "several windows": (_op(POOL, is_whole=True), "must be one window"),
    "no window left": (_windows(WHOLE, sizes=[2, 2]), "must fit into the sizes"),
    "rows at the end": (_op(WHOLE, is_whole=False), "must end with one row for each sample"),
    "giant sizes": (_windows(CONV, sizes=[HUGE, HUGE]), "more pixels"),
    "giant padding": (_windows(CONV, padding=[[HUGE, HUGE], [0, 1]]), "more pixels"),
    "much padding": (
        _windows(CONV, padding=[[3 * 10**6, 0], [0, 1]], stride=[3 * 10**6, 1]),
        "wider than its tensors can be",
    ),
    "giant kernel": (
        _windows(POOL, kernel=[2**30, 2], padding=[[2**29, 2**29], [0, 0]]),
        "more pixels",
    ),
    "many taps": (
        _both(
            _op(0, shape=[2000, 2000, 3]),
            _windows(CONV, sizes=[2000, 2000]),
            _windows(POOL, sizes=[2000, 2000], kernel=[999, 999], padding=[[0, 0]] * 2),
        ),
        "more than 16777216 taps",
    ),
}


TRANSPOSE, UPSAMPLE, BLOCK = 1, 2, 3


def _block(**changes):
    return lambda plan: plan["ops"][BLOCK].update(changes)


def _without_shortcut(plan):
    del plan["ops"][BLOCK]["shortcut"]


WRONG_ENLARGING = {
    "version 3": (lambda plan: plan.update(version=3), "'shortcut', which is not known"),
    "version 3, no shortcut": (
        _both(lambda plan: plan.update(version=3), _without_shortcut),
        "must have as many outputs as inputs",
    ),
    "no shortcut": (_without_shortcut, "lacks 'shortcut'"),
    "an empty shortcut": (_block(shortcut=[]), "must have as many outputs as inputs"),
    "a shortcut that is no list": (_block(shortcut=None), "must be a list"),
    "no inner ops": (_block(inner=[]), "at least 1|1 to 4096"),
    "a shortcut of another shape": (
        lambda plan: plan["ops"][BLOCK]["shortcut"].pop(),
        r"shortcut must have the outputs of ops\[3\].inner",
    ),
    "the last op in a shortcut": (
        lambda plan: plan["ops"][BLOCK]["shortcut"][1].update(last=True),
        "must not hold the last op",
    ),
    "groups": (_op(TRANSPOSE, groups=3), "must divide fan_in and fan_out"),
    "overhang": (_windows(TRANSPOSE, overhangs=True), "overhangs must be false"),
    "other sizes": (_windows(TRANSPOSE, sizes=[6, 4]), r"takes axes \(3, 3, 4\), but the op"),
    "other channels": (_op(TRANSPOSE, fan_in=2), r"takes axes \(2, 3, 2\)"),
    "another kernel": (_windows(TRANSPOSE, kernel=[2, 2]), r"of shape \[2, 2, 2, 6\] is expected"),
    "no window": (_windows(TRANSPOSE, dilation=[4, 1]), "must fit into the sizes"),
    "giant sizes": (_windows(TRANSPOSE, sizes=[HUGE, HUGE]), "more pixels"),
    "much padding": (
        _windows(TRANSPOSE, padding=[[3 * 10**6, 0], [0, 0]], stride=[3 * 10**6, 1]),
        "wider than its tensors can be",
    ),
    "much cut off": (
        _windows(TRANSPOSE, sizes=[4 * 10**6, 4], stride=[4 * 10**6 - 2, 1]),
        "wider than its tensors can be",
    ),
    "no factors": (_op(UPSAMPLE, factors=[]), "at least 1"),
    "factor 0": (_op(UPSAMPLE, factors=[0, 1]), "integer from 1"),
    "a factor too few": (_op(UPSAMPLE, factors=[2]), "a factor for each axis but the last"),
    "three factors": (
        _op(UPSAMPLE, shape=[1, 4, 4, 6], factors=[1, 1, 2]),
        "for each axis but the last, one or two",
    ),
    "one axis": (_op(UPSAMPLE, shape=[96], factors=[2]), "a factor for each axis but the last"),
    "another shape": (_op(UPSAMPLE, shape=[4, 6, 4]), r"takes axes \(4, 6, 4\), but the op"),
    "giant factors": (_op(UPSAMPLE, factors=[HUGE, HUGE]), "more pixels"),
    "large factors": (
        _both(
            lambda plan: plan["ops"].insert(UPSAMPLE, copy.deepcopy(plan["ops"][UPSAMPLE])),
            _op(UPSAMPLE, factors=[300, 500]),
            _op(UPSAMPLE + 1, shape=[1200, 2000, 6], factors=[1, 1]),
        ),
        "wider than its tensors can be",
    ),
    "a giant shape": (_op(UPSAMPLE, shape=[4, HUGE, 6]), "more elements than a network"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refused_in_little_memory(name, written):
    check_refused(*WRONG[name], written)


@pytest.mark.parametrize("name", WRONG_ENLARGING)
def test_what_is_wrong_with_enlarging_is_refused_in_little_memory(name, enlarged):
    check_refused(*WRONG_ENLARGING[name], enlarged)


def check_refused(change, words, written):
    header, tensors = split(written)
    plan = json.loads(header["__metadata__"][KEY])
    change(plan)
    header["__metadata__"][KEY] = json.dumps(plan)
    data = joined(header, tensors)
    tracemalloc.start()
    try:
        with pytest.raises(Refused, match=words) as caught:
            read_predictor(io.BytesIO(data))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
    assert peak < 2_000_000 + 30 * len(data)


def test_blocks_without_a_shortcut_are_in_files_of_version_1(tmp_path):
    """With the keys of that version; a block with a shortcut makes it version 4."""
    plans = {}
    for name, shortcut in {"plain": (), "shortcut": (Dense(4, 4),)}.items():
        ops = [Dense(5, 4), Residual((Dense(4, 4),), shortcut=shortcut), Dense(4, 2)]
        predictor, X = Predictor(model_of(ops, "float64")), rows_for(ops, "float64")
        predictor.save(tmp_path / name)
        assert_array_equal(load(tmp_path / name)(X), predictor(X))
        header, _ = split((tmp_path / name).read_bytes())
        plans[name] = json.loads(header["__metadata__"][KEY])
    assert plans["plain"]["version"] == 1
    assert list(plans["plain"]["ops"][1]) == ["op", "inner", "after"]
    assert plans["shortcut"]["version"] == 4
    assert "ops.1.shortcut.0.weights" in header


def test_what_is_written_is_plain(written):
    """Numbers of NumPy do not get into a file, and an unchanged plan is read."""
    header, tensors = split(written)
    plan = json.loads(header["__metadata__"][KEY])
    assert plan["version"] == 4
    assert plan["ops"][CONV]["windows"] == {
        "sizes": [5, 4],
        "kernel": [3, 2],
        "stride": [1, 1],
        "padding": [[1, 1], [0, 1]],
        "dilation": [1, 1],
        "overhangs": False,
    }
    predictor = read_predictor(io.BytesIO(joined(header, tensors)))
    X = rows_for(OPS, "float64")
    assert_array_equal(predictor(X), Predictor(model_of(OPS, "float64"))(X))
    assert np.isfinite(predictor(X)).all()
