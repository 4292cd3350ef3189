"""What a file of attention may not say; each is refused in one sentence, before much memory."""

import io
import json
import tracemalloc

import numpy as np
import pytest
from cases.mutations import joined, split
from cases.window_networks import model_of
from numpy.testing import assert_array_equal

from fusednn.graph.layers.attention import Attention, Gate, Positions
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.reshape import Reshape
from fusednn.graph.layers.residual import Residual
from fusednn.serving.files.fields import Refused
from fusednn.serving.files.reading import KEY
from fusednn.serving.loading import read_predictor
from fusednn.serving.predictor import Predictor

HUGE = 2**31 - 1
OPS = (
    Reshape((3, 4)),
    Positions(3, 4),
    Residual((Dense(4, 8), Attention(2, 2, 1, causal=True, base=100.0))),
    Gate(2),
    Reshape((6,)),
    Dense(6, 2),
)
POSITIONS, RESIDUAL, GATE = 1, 2, 3


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("attention") / "model"
    Predictor(model_of(OPS, "float64")).save(path)
    return path.read_bytes()


def _op(at, **changes):
    return lambda plan: plan["ops"][at].update(changes)


def _attention(**changes):
    return lambda plan: plan["ops"][RESIDUAL]["inner"][1].update(changes)


WRONG = {
    "version 6": (lambda plan: plan.update(version=6), "must be|has"),
    "no heads": (_attention(heads=0), "heads must be an integer from 1"),
    "heads that are not shared": (_attention(heads=3, key_heads=2), "key_heads must divide"),
    "odd pairs": (_attention(size=1, heads=4, key_heads=2), "size must be even"),
    "other columns": (_attention(heads=4), r"takes axes \(steps, 12\), but the op"),
    "a negative base": (_attention(base=-1.0), "base must be a number"),
    "huge": (_attention(size=HUGE, base=0.0), "makes the network wider|takes axes"),
    "other steps": (_op(POSITIONS, steps=2), "has positions of 2 steps, not of 3"),
    "more steps": (_op(POSITIONS, steps=HUGE), r"shape \[3, 4\], but float64 of shape"),
    "no table": (_op(POSITIONS, width=5), r"takes axes \(steps, 5\), but the op"),
    "an odd gate": (_op(GATE, width=3), "takes 6 columns, but the op before it has 4"),
    "a key more": (_attention(mask=True), "'mask', which is not known"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refused_in_little_memory(name, written):
    change, words = WRONG[name]
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
    assert peak < 2_000_000 + 30 * len(data)


def test_weights_of_all_steps_are_counted(tmp_path):
    """A row is small, but a block of queries has a weight of each step."""
    ops = Reshape((2**19, 3)), Attention(1, 1, 1), Reshape((2**19,)), Dense(2**19, 1)
    with pytest.raises(ValueError, match="wider than its tensors can be"):
        Predictor(model_of(ops, "float32")).save(tmp_path / "model")


def test_an_unchanged_plan_is_read(written):
    header, tensors = split(written)
    plan = json.loads(header["__metadata__"][KEY])
    assert plan["version"] == 7
    predictor = read_predictor(io.BytesIO(joined(header, tensors)))
    X = np.random.RandomState(0).normal(size=(9, 12))
    assert_array_equal(predictor(X), Predictor(model_of(OPS, "float64"))(X))
