"""Ctrl-C and a time that is over: the fit keeps what it has learned, and goes on later."""

import numpy as np
import pytest
from cases.small_language_models import CODES, model_of
from running.nested_weights import flat

from fusednn import LanguageModel, NetworkClassifier
from fusednn.layers import Dense
from fusednn.training.session import Session

HELD_OUT = pytest.mark.parametrize("early_stopping", [False, True])


class Interrupt:
    """A watcher that presses Ctrl-C after so many passes."""

    def __init__(self, after):
        self.after = after

    def begin(self):
        """Begins nothing."""

    def end(self, progress, parameters):
        if progress.n_iter == self.after:
            raise KeyboardInterrupt
        return False


@HELD_OUT
def test_ctrl_c_keeps_the_weights_and_the_fit_goes_on(early_stopping):
    options = {"early_stopping": early_stopping, "steps_per_epoch": 5}
    whole = model_of(max_iter=5, **options).fit(CODES)
    model = model_of(max_iter=5, **options)
    model._watcher = Interrupt(2)
    with pytest.warns(UserWarning, match=r"^Training interrupted by user\.$"):
        model.fit(CODES)
    assert model.n_iter_ == len(model.history_["loss"]) == 2
    assert len(model.generate(CODES[:3], 4)) == 4
    short = model_of(max_iter=2, **options).fit(CODES)
    np.testing.assert_array_equal(flat(model.get_weights()), flat(short.get_weights()))
    del model._watcher
    model.set_params(warm_start=True, warm_start_optimizer=True, max_iter=3).fit(CODES)
    if not early_stopping:
        np.testing.assert_array_equal(flat(model.get_weights()), flat(whole.get_weights()))
    assert model.loss_curve_ == pytest.approx(whole.loss_curve_, rel=1e-6)


def stop_within_a_pass(monkeypatch):
    """Ctrl-C comes before the pass is counted."""
    run = Session.run_passes

    def interrupted(self, rates):
        run(self, rates)
        raise KeyboardInterrupt

    monkeypatch.setattr(Session, "run_passes", interrupted)


@pytest.mark.parametrize(
    ("model", "data"),
    [
        (model_of(early_stopping=True), (CODES,)),
        (
            NetworkClassifier([Dense(5)], early_stopping=True, random_state=0),
            (np.random.RandomState(0).normal(size=(50, 3)), np.arange(50) % 2),
        ),
    ],
    ids=["language", "classifier"],
)
def test_without_a_score_the_weights_are_those_of_now(model, data, monkeypatch):
    """A fit that ends within its first pass: not the weights with which it began."""
    first = flat(model.initialize(*data).get_weights())
    stop_within_a_pass(monkeypatch)
    with pytest.warns(UserWarning, match=r"^Training interrupted by user\.$"):
        model.fit(*data)
    assert model.n_iter_ == 0
    assert abs(flat(model.get_weights()) - first).max() > 1e-4


def test_a_time_that_is_over_within_the_first_epoch():
    model = LanguageModel(context=32, max_time=0.5, early_stopping=True, random_state=0, n_jobs=1)
    codes = np.random.RandomState(0).randint(60, size=900_000).astype(np.uint8)
    first = flat(model.initialize(codes).get_weights())
    with pytest.warns(UserWarning, match="Maximum time"):
        model.fit(codes)
    assert model.n_iter_ == 0
    assert model.loss_and_gradient(codes[:400])[0] < np.log(60) + 0.5
    assert abs(flat(model.get_weights()) - first).max() > 1e-4
