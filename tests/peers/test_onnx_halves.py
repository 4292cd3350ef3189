"""Halves of networks without labels in ONNX Runtime, beside the estimators that they are of."""

import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

# Without the peers the module ends above, so these imports cannot come first.
from cases.halves import halves
from cases.small_games import fitted
from oracles.onnx_sessions import BATCHES, check_values, run, session_of

from fusednn import export_onnx

pytestmark = pytest.mark.peers


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_halves_answer_as_the_estimators(dtype, tmp_path):
    for name, (predictor, rows, answers) in halves(dtype).items():
        session = session_of(predictor, tmp_path / f"{name}.onnx")
        assert session.get_inputs()[0].shape == ["N", *rows.shape[1:]]
        for count in (*BATCHES, len(rows)):
            found = run(session, rows[:count])["variable"]
            check_values(found.reshape(answers[:count].shape), answers[:count])


def test_a_whole_game_is_refused():
    with pytest.raises(TypeError, match="GAN has two networks: take its generator_"):
        export_onnx(fitted(), None)
