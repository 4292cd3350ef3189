"""What shows how a language model trains: callbacks, verbose, diagnosis, plots, the diagram."""

import numpy as np
import pytest
from cases.small_language_models import CODES, LISTS, TEXT, fitted, model_of, text_model
from running.html_tables import rows_of
from running.nested_weights import flat, leaves

from fusednn import DiagnosisDisplay, LanguageModel, LossCurveDisplay
from fusednn.exceptions import DiagnosisWarning
from fusednn.layers import Dense, TokenEmbedding

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
NAMES = pytest.mark.parametrize("name", LISTS)


class Recorder:
    """Keeps the model of each epoch; stops after so many."""

    def __init__(self, stop_after=None):
        self.calls, self.stop_after, self.models = [], stop_after, []

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.calls.append(context.task_name)

    def on_fit_task_end(
        self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None
    ):
        if fitted_estimator is not None and context.task_name == "epoch":
            self.models.append(fitted_estimator)
            self.seen = X, y
        return len(self.models) == self.stop_after


def test_callbacks_see_a_model_after_each_epoch():
    """It writes and judges as the model of a fit of so many epochs."""
    pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks since 1.9")
    recorder = Recorder()
    fitted(text_model(max_iter=3).set_callbacks(recorder))
    assert recorder.calls == ["setup", "fit", *["epoch"] * 3, "teardown"]
    assert recorder.seen == (TEXT, None)
    for epochs, seen in enumerate(recorder.models, 1):
        short = fitted(text_model(max_iter=epochs))
        np.testing.assert_array_equal(flat(seen.get_weights()), flat(short.get_weights()))
        assert seen.generate("the ", 9, random_state=0) == short.generate(
            "the ", 9, random_state=0
        )
        assert seen.score(TEXT) == short.score(TEXT)
    assert fitted(text_model(max_iter=9).set_callbacks(Recorder(2))).n_iter_ == 2


def test_callbacks_of_scikit_learn(capsys):
    """Its monitor scores where there is a y, which may be anything."""
    callback = pytest.importorskip("sklearn.callback", reason="callbacks come with 1.9")
    monitor = callback.ScoringMonitor(scoring={"bits": lambda model, X, y: model.score(X)})
    fitted(text_model(max_iter=3).set_callbacks(monitor, callback.ProgressBar()), y=TEXT)
    found = [row["bits"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert found == [fitted(text_model(max_iter=n)).score(TEXT) for n in (1, 2, 3)]
    assert "LanguageModel" in capsys.readouterr().out


def test_verbose_prints_each_epoch(capsys):
    model = fitted(text_model(max_iter=3, verbose=True), X_val=TEXT[:60])
    lines = capsys.readouterr().out.splitlines()
    losses = [line for line in lines if line.startswith("Iteration ")]
    assert losses == [
        f"Iteration {n}, loss = {loss:.8f}" for n, loss in enumerate(model.history_["loss"], 1)
    ]
    scores = [float(line.split()[-1]) for line in lines if line.startswith("Validation score")]
    assert scores == pytest.approx([-x for x in model.history_["validation_loss"]], abs=1e-6)
    fitted(text_model(max_iter=1, verbose=2))
    assert "Learning rate: 0.01, seconds: " in capsys.readouterr().out


def first_windows():
    """The windows that a diagnosis looks at."""
    return CODES[: 32 * 12], CODES[: 32 * 12 + 1]


@NAMES
def test_a_diagnosis_after_each_epoch(name, tmp_path):
    model = fitted(model_of(name, diagnose=True, max_iter=3, dtype="float64"), CODES)
    plain = fitted(model_of(name, max_iter=3, dtype="float64"), CODES)
    np.testing.assert_array_equal(flat(model.get_weights()), flat(plain.get_weights()))
    names = model.diagnosed_layers_
    assert names[0] == "layers[0] TokenEmbedding"
    assert names[-1] == "output"
    codes, longer = first_windows()
    _, gradients = model.loss_and_gradient(longer)
    norms = {
        f"layers[{at}]": np.sqrt(sum(np.sum(w**2) for w in leaves(own) if w.ndim > 1))
        for at, own in enumerate(gradients[:-1])
    }
    last = np.sqrt(sum(np.sum(w**2) for w in leaves(gradients[-1]) if w.ndim > 1))
    expected = [
        last if name == "output" else norms[name.split()[0]] for name in model.diagnosed_weights_
    ]
    assert ("output" in model.diagnosed_weights_) == (name == "untied")
    assert model.gradient_norms_.shape == (3, len(expected))
    np.testing.assert_allclose(model.gradient_norms_[-1], expected, rtol=1e-9)
    outputs = model.hidden_activations(codes.reshape(32, 12), 0)
    assert model.activation_stats_.shape == (3, len(names), 3)
    np.testing.assert_allclose(
        model.activation_stats_[-1, 0, :2], [outputs.mean(), outputs.std()], rtol=1e-9
    )
    logits = model.predict_logits(codes.reshape(32, 12))
    np.testing.assert_allclose(
        model.activation_stats_[-1, -1, :2], [logits.mean(), logits.std()], rtol=1e-9
    )
    model.save(tmp_path / "model.st")
    loaded = LanguageModel.load(tmp_path / "model.st")
    np.testing.assert_array_equal(loaded.gradient_norms_, model.gradient_norms_)
    fitted(model.set_params(warm_start=True, max_iter=2), CODES)
    assert len(model.gradient_norms_) == 5


def test_a_diagnosis_names_the_trouble():
    layers = [TokenEmbedding(8), *[Dense(8, "logistic")] * 12]
    model = LanguageModel(layers, 12, tied=False, diagnose=True, max_iter=2, random_state=0)
    with pytest.warns(DiagnosisWarning, match="vanish"):
        model.fit(CODES)


def test_plots():
    pytest.importorskip("matplotlib").use("Agg")
    model = fitted(model_of(diagnose=True, early_stopping=True, max_iter=3), CODES)
    display = DiagnosisDisplay.from_estimator(model)
    assert [line.get_label() for line in display.activation_lines_] == model.diagnosed_layers_
    curves = LossCurveDisplay.from_estimator(model).lines_
    assert [list(line.get_ydata()) for line in curves[:2]] == [*model.history_.values()]


def test_the_diagram():
    """The shape of each output; the tied weights count once."""
    model = model_of("attention", 12)
    assert "fusednn-layers" not in model._repr_html_()
    rows = rows_of(fitted(model, CODES))
    assert [row[1] for row in rows[:2]] == ["12", "12 × 16"]
    assert rows[-2] == ["output", "12 × 9", "tied"]
    total = sum(array.size for array in leaves(model.get_weights()))
    assert rows[-1] == ["total", "", f"{total:,}"]
    rows = rows_of(fitted(model_of("untied"), CODES))
    assert rows[-2] == ["output", "12 × 9", "99"]
