"""Mutated files: each is refused in one sentence, or is a predictor that answers."""

import io
import json
import os
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import safetensors
from cases.mutations import joined, mutated, split
from cases.saved_models import LABELS, X, estimators, fit_quietly

from fusednn import MLPClassifier, freeze
from fusednn.serving.files.fields import Refused
from fusednn.serving.files.reading import KEY
from fusednn.serving.loading import read_predictor

KEPT = Path(__file__).with_name("written")
PARTS = [  # seeds from, to
    (0, 1000),
    *(
        pytest.param(max(1000, first), first + 10_000, marks=pytest.mark.long)
        for first in range(0, 100_000, 10_000)
    ),
]
START = int(os.environ.get("FUSEDNN_FUZZ_SEED", "0"))
"""Set it to the seed that a failure names to begin there."""


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """Files of all kinds, as bytes."""
    folder, found = tmp_path_factory.mktemp("files"), []
    for name in ("plain", "columns", "quantiles", "every layer", "windows", "words"):
        estimator, rows, y = estimators()[name]
        fit_quietly(estimator, rows, y)
        freeze(estimator).save(folder / "model", notes={"a": [1]})
        found.append((folder / "model").read_bytes())
        if name in ("every layer", "windows", "columns"):
            estimator.save(folder / "model")
            found.append((folder / "model").read_bytes())
    return [*found, *(path.read_bytes() for path in sorted(KEPT.glob("*_?.safetensors")))]


def outcome(data):
    """What becomes of a file: the words that refuse it, or "answers"."""
    try:
        predictor = read_predictor(io.BytesIO(data), n_jobs=1)
    except Refused as error:
        message = str(error)
        assert 0 < len(message) < 1000
        assert "\n" not in message
        return " ".join(message.split()[:3])
    rows = np.zeros((2, predictor.n_features_in_))
    with np.errstate(all="ignore"):
        logits = predictor(rows)
        predictor.predict(rows)
    assert logits.dtype == predictor.dtype
    assert logits.shape[0] == 2
    safetensors.deserialize(data)  # the library, too, takes it for a file of its own
    return "answers"


@pytest.mark.parametrize(("first", "last"), PARTS)
def test_mutated_files_are_refused_or_answer(first, last, originals):
    found, each = Counter(), last - first
    for seed in range(START + first, START + last):
        try:
            found[outcome(mutated(originals, seed))] += 1
        except BaseException as error:
            raise AssertionError(f"FUSEDNN_FUZZ_SEED={seed}: {error!r}") from error
    print(f"{found.total()} files: {found.most_common(12)}")
    assert found.total() == each
    # the mutations reach all the way: files that are changed and whole, and many ways to be wrong
    assert found["answers"] > each // 100
    assert found["answers"] < each // 2
    assert len(found) > 30


# -- sizes that are not there ------------------------------------------------------------

AFTER = {"activation": "tanh", "constants": []}
HUGE = 2**31 - 1


def _through(width):
    return {"op": "Through", "width": width, "after": AFTER}


def _block(width):
    return {"op": "Residual", "inner": [_through(width)], "after": AFTER}


def _reshape(*shape):
    return {"op": "Reshape", "shape": list(shape), "channels_first": False, "after": AFTER}


def _embedding(inputs, columns=(0,), categories=(5,), sizes=(4,)):
    named = {"columns": columns, "categories": categories, "sizes": sizes}
    return {"op": "Embedding", "fan_in": inputs, "after": AFTER} | named


def _tokens(steps, categories, size):
    named = {"fan_in": steps, "categories": categories, "size": size, "padding": None}
    return {"op": "TokenEmbedding", "after": AFTER} | named


GIANTS = {
    "width": lambda plan, header: plan["ops"].insert(0, _through(HUGE)),
    "only widths": lambda plan, header: plan.update(ops=[_through(HUGE)]),
    "axes": lambda plan, header: plan["ops"].insert(0, _reshape(HUGE, HUGE)),
    "many axes": lambda plan, header: plan["ops"].insert(0, _reshape(*[HUGE] * 100_000)),
    "only axes": lambda plan, header: plan.update(ops=[_reshape(HUGE)], version=3),
    "weights": lambda plan, header: plan["ops"][0].update(fan_in=HUGE, fan_out=HUGE),
    "embedding": lambda plan, header: plan["ops"].insert(0, _embedding(HUGE)),
    "table": lambda plan, header: plan["ops"].insert(0, _embedding(5, [0], [HUGE], [HUGE])),
    "tables": lambda plan, header: plan["ops"].insert(
        0, _embedding(5, [0] * 9, [9] * 9, [HUGE] * 9)
    ),
    "vectors of tokens": lambda plan, header: plan["ops"].insert(0, _tokens(5, HUGE, HUGE)),
    "tokens": lambda plan, header: plan["ops"].insert(0, _tokens(HUGE, 1, 1)),
    "ops": lambda plan, header: plan.update(ops=[_through(5)] * 20_000),
    "blocks": lambda plan, header: plan.update(ops=[_block(5)] * 5_000),
    "shape": lambda plan, header: header["ops.0.weights"].update(shape=[2**61, 4]),
    "offsets": lambda plan, header: header["ops.0.weights"].update(data_offsets=[0, 2**62]),
    "no elements": lambda plan, header: header["ops.0.weights"].update(
        shape=[0, 2**61, 2**61], data_offsets=[0, 0]
    ),
    "labels": lambda plan, header: plan["head"].update(
        classes=[{"dtype": "str9999999", "values": ["a"] * 3}]
    ),
    "targets": lambda plan, header: plan["head"].update(per_target=HUGE),
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    path = tmp_path_factory.mktemp("plain") / "model"
    freeze(fit_quietly(MLPClassifier((4,), max_iter=2, random_state=0), X, LABELS)).save(path)
    return path.read_bytes()


@pytest.mark.parametrize("name", GIANTS)
def test_claims_of_giant_sizes_take_no_memory(name, plain):
    header, tensors = split(plain)
    plan = json.loads(header["__metadata__"][KEY])
    GIANTS[name](plan, header)
    header["__metadata__"][KEY] = json.dumps(plan)
    data = joined(header, tensors)
    outcome(plain)  # what is loaded and compiled once
    tracemalloc.start()
    try:
        with pytest.raises(Refused):
            read_predictor(io.BytesIO(data))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000 + 30 * len(data)


def test_ops_without_parameters_do_not_outgrow_the_file(plain):
    """Some thousand blocks that copy wide rows: refused, or of a memory like the file's."""
    header, _ = split(plain)
    plan = json.loads(header["__metadata__"][KEY])
    width = 40_000
    wide = plan["ops"][0] | {"fan_in": width, "fan_out": 4}
    header = {"__metadata__": header["__metadata__"]}
    start = 0
    for at, (rows, columns) in enumerate([(width, 4), (4, 3)]):
        for part, shape in (("weights", [rows, columns]), ("biases", [columns])):
            stop = start + 8 * int(np.prod(shape))
            entry = {"dtype": "F64", "shape": shape, "data_offsets": [start, stop]}
            header[f"ops.{at + 2000}.{part}"] = entry
            start = stop
    blocks = [_block(width) for _ in range(2000)]
    plan["ops"] = [*blocks, wide, plan["ops"][1]]
    header["__metadata__"] = {KEY: json.dumps(plan)}
    with pytest.raises(Refused, match="wider than its tensors"):
        read_predictor(io.BytesIO(joined(header, bytes(start))))


def test_a_large_model_is_packed_tensor_by_tensor(tmp_path):
    """The peak is the packed weights and one tensor, not the file besides."""
    estimator = MLPClassifier((700,) * 9, dtype="float32", max_iter=1, random_state=0)
    fit_quietly(estimator, X, LABELS)
    freeze(estimator).save(tmp_path / "model")
    size = (tmp_path / "model").stat().st_size
    tracemalloc.start()
    try:
        with open(tmp_path / "model", "rb") as file:
            predictor = read_predictor(file)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert predictor.n_features_in_ == 5
    assert held < 1.1 * size
    assert peak < held + 0.35 * size
