"""The scripts of `examples/`, run on little."""

import importlib.util
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_deep_sigmoid(tmp_path):
    """Ten sigmoid layers stay near chance and are told of; the remedies learn, and are not."""
    module = load("deep_sigmoid")
    outcomes = module.run(passes=20)
    sigmoid, *others = outcomes
    assert sigmoid.accuracy < 0.2
    (message,) = sigmoid.messages
    assert message.startswith("The gradients vanish: that of layers[0] Dense is ")
    assert len(others) == 3
    for name, _, accuracy, told in others:
        assert accuracy > 0.9, name
        assert told == [], name
    text = module.table(outcomes)
    assert text.count("DiagnosisWarning") == 1
    assert all(name in text for name, *_ in outcomes)
    pytest.importorskip("matplotlib")
    module.draw(outcomes, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000
