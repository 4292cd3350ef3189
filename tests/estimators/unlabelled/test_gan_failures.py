"""What `GAN` refuses, games that fail, and what it warns of."""

import re
import warnings

import numpy as np
import pytest
from cases.small_games import LISTS, SMALL, X, Y, fitted, same
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from fusednn import GAN, DiagnosisWarning
from fusednn.estimators.unlabelled.game_troubles import troubles_of
from fusednn.layers import BatchNorm, Dense, Dropout, LayerNorm, Reshape
from fusednn.schedules import ReduceOnPlateau
from fusednn.training.games.game import Game
from fusednn.training.games.shown import spread_of
from fusednn.training.threads.team import Team

BAD = {
    "generator": (
        {"generator": [Dense(5)]},
        r"generator\[0\] is Dense.*gives samples of 5 columns",
    ),
    "discriminator": ({"discriminator": [Reshape(2, 2)]}, r"discriminator\[0\] is Reshape"),
    "empty": ({"generator": []}, "generator must be a list"),
    "batch": ({"batch_size": 101}, "batch_size=101 is more than the 100 samples"),
    "penalty": (
        {"penalty": 1.0, "discriminator": [Dense(4, "tanh")]},
        r"discriminator\[0\] is Dense.*penalty needs dense layers",
    ),
    "penalty of norms": (
        {"penalty": 1.0, "discriminator": [Dense(4), LayerNorm()]},
        r"discriminator\[1\] is LayerNorm.*set spectral_norm=True instead",
    ),
    "penalty of noise": (
        {"penalty": 1.0, "instance_noise": 0.1},
        "instance_noise: set spectral_norm=True",
    ),
    "penalty of dropout": (
        {"penalty": 1.0, "discriminator": [Dense(4, "relu"), Dropout(0.1)]},
        r"discriminator\[1\] is Dropout.*set spectral_norm=True instead",
    ),
    "weight norm": ({"discriminator": [Dense(4, weight_norm=True)]}, "weight_norm"),
    "max norm": ({"generator": [Dense(3, max_norm=1.0)]}, "max_norm"),
    "plateau": ({"learning_rate": ReduceOnPlateau()}, "ReduceOnPlateau"),
    "loss": ({"loss": "log"}, "loss"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_parameters(name):
    """One sentence each."""
    options, message = BAD[name]
    model = GAN(**{**SMALL, "generator": LISTS[0], "discriminator": LISTS[1], **options})
    with pytest.raises(ValueError, match=message) as raised:
        model.fit(X)
    assert "loss" in options or not re.search(r"\. [A-Z]", str(raised.value))
    with pytest.raises(NotFittedError):
        model.sample()


def test_bad_data():
    model, plain = fitted(y=Y), fitted()
    with pytest.raises(ValueError, match=r"y has classes that fit has not seen: \['c'\]"):
        model.sample(2, ["a", "c"])
    with pytest.raises(ValueError, match=r"not seen: \[0, 1\]"):
        model.sample(2, [0, 1])
    with pytest.raises(ValueError, match=r"not seen: \['c'\]"):
        model.score_samples(X[:2], ["a", "c"])
    with pytest.raises(ValueError, match=r"not seen: \['0'\]"):
        fitted(y=(Y == "a") * 1).sample(2, "0")
    with pytest.raises(ValueError, match="not seen"):
        model.partial_fit(X, np.where(Y == "a", "z", Y))
    with pytest.raises(ValueError, match="y has 3 classes for 2 samples"):
        model.sample(2, ["a", "b", "a"])
    with pytest.raises(ValueError, match="fitted to classes"):
        model.partial_fit(X)
    for call in (lambda: plain.sample(2, [0, 1]), lambda: plain.score_samples(X, Y)):
        with pytest.raises(ValueError, match="fitted without"):
            call()
    with pytest.raises(ValueError, match="n_samples must be a positive integer, got 0"):
        plain.sample(0)
    with pytest.raises(ValueError, match="NaN"):
        plain.fit(np.full((20, 3), np.nan))
    with pytest.raises(ValueError, match="inconsistent"):
        plain.fit(X, Y[:50])
    assert not hasattr(plain, "classes_")
    assert plain.sample(2).shape == (2, 3)


def test_a_game_that_diverges():
    model = GAN(*LISTS, **{**SMALL, "ema_decay": None}, solver="sgd", learning_rate_init=1e30)
    with pytest.raises(ValueError, match="stopped being finite in the first pass"):
        model.fit(X)
    calm = fitted(ema_decay=None, max_iter=2)
    calm.set_params(warm_start=True, max_iter=3, solver="sgd", loss="least_squares")
    calm.set_params(learning_rate=lambda number: 1e-4 if number < 1 else 1e30)
    calm.set_params(learning_rate_init=1.0)
    with pytest.warns(UserWarning, match="stopped being finite after pass 1"):
        calm.fit(X)
    assert np.isfinite(calm.sample(5)).all()
    assert len(calm.history_["accuracy"]) == 3
    assert calm._optimizer.t == calm._judgements == 6  # those of the pass that is kept


def test_the_last_finite_pass_is_kept():
    """To the bit, with all that the discriminator's weights are divided by."""
    options = {"loss": "least_squares", "solver": "sgd", "learning_rate_init": 1.0}
    options |= {"learning_rate": lambda number: 1e-4 if number < 2 else 1e30}
    lists = LISTS[0], [Dense(8, "leaky_relu"), BatchNorm()]
    for more in ({}, {"spectral_norm": True, "ema_decay": None}, {"y": Y}):
        model = GAN(*lists, **SMALL).set_params(**options)
        y = more.pop("y", None)
        model.set_params(max_iter=5, **more)
        with pytest.warns(UserWarning, match="stopped being finite after pass 2"):
            model.fit(X, y)
        assert same(model, fitted(X, y, lists, **{**options, **more, "max_iter": 2}))
        assert model.n_iter_ == 2


def test_time_ends_a_fit():
    with pytest.warns(ConvergenceWarning, match="Maximum time"):
        GAN(*LISTS, **{**SMALL, "max_iter": 10**6}, max_time=0.2).fit(X)


def test_steps_that_time_left_out_do_not_count():
    model = GAN(*LISTS, **SMALL, max_time=1e-9, discriminator_steps=2)
    with pytest.warns(ConvergenceWarning, match="Maximum time"):
        model.fit(X)
    assert (model._optimizer.t, model._judgements, model.n_iter_) == (1, 2, 0)
    assert np.isfinite(model.sample(3)).all()


@pytest.mark.parametrize("breaks", [False, True], ids=["finite", "with NaN"])
def test_an_interrupted_fit(monkeypatch, breaks):
    """Ctrl-C in the third pass keeps finite weights."""
    run, passes = Game.run_pass, []

    def stopped(game, is_late):
        passes.append(1)
        if len(passes) < 3:
            return run(game, is_late)
        game.plan.parameters[0] = np.nan if breaks else 3.0
        raise KeyboardInterrupt

    monkeypatch.setattr(Game, "run_pass", stopped)
    model = GAN(*LISTS, **{**SMALL, "ema_decay": None, "learning_rate": "constant"})
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(X)
    monkeypatch.undo()
    two = fitted(max_iter=2, ema_decay=None, learning_rate="constant")
    assert same(model, two) == breaks
    assert np.isfinite(model.sample(3)).all()
    assert model.n_iter_ == 2


@pytest.mark.parametrize("passes", [0, 1])
def test_interrupts_within_a_pass(monkeypatch, passes):
    """Only steps that ran count, since rates and averages follow the counts."""
    run, calls = Team.run, []

    def stopped(team, first, last, *args, **options):
        run(team, first, last, *args, **options)
        calls.append(1)
        if len(calls) == 3 + passes * whole:
            raise KeyboardInterrupt

    model = GAN(*LISTS, **{**SMALL, "batch_size": 10}, discriminator_steps=2)
    whole = 5  # steps of a pass
    one = property(lambda game: 1, lambda game, value: None)
    monkeypatch.setattr(Game, "_per_slice", one, raising=False)
    monkeypatch.setattr(Team, "run", stopped)
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(X)
    steps = 3 + passes * whole
    assert (model._optimizer.t, model._judgements) == (steps, 2 * steps)
    assert model.n_iter_ == passes
    assert {name: len(values) for name, values in model.history_.items()} == dict.fromkeys(
        ("generator_loss", "discriminator_loss", "accuracy", "variety", "push"), passes
    )
    monkeypatch.undo()
    model.partial_fit(X)
    assert (model._optimizer.t, len(model.history_["push"])) == (steps + whole, passes + 1)


def test_clipping_leaves_statistics():
    """The running variance, and the scaling of default networks, are no weights."""
    lists = LISTS[0], [Dense(8, "relu"), BatchNorm(), Dense(4, "relu")]
    _, scale, *others = fitted(X * 9, None, lists, loss="wasserstein").get_weights()[2:]
    assert abs(scale[0]).max() <= 0.01
    assert scale[3].max() > 0.1
    assert len(others) == 2


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ({"variety": [0.05] * 5}, "mode collapse"),
        ({"accuracy": [1.0] * 5}, "discriminator wins"),
        ({"push": [1.0, 1e-9, 1e-9, 1e-9]}, "vanished"),
    ],
    ids=["collapse", "wins", "vanishes"],
)
def test_troubles(history, message):
    fine = {"variety": [1.0] * 5, "accuracy": [0.6] * 5, "push": [1.0] * 5}
    assert troubles_of(fine) == []
    [found] = troubles_of({**fine, **history})
    assert message in found


def test_spread_within_classes():
    """Rows that are alike in each class have none, whatever is between classes."""
    codes = np.arange(20) % 4
    rows = np.array([[0.0, 5.0], [9.0, 1.0], [2.0, 2.0], [-7.0, 0.0]])[codes]
    assert spread_of(rows, codes) == 0
    noise = np.random.RandomState(0).normal(size=rows.shape)
    squares = [(noise[codes == c] - noise[codes == c].mean(axis=0)) ** 2 for c in range(4)]
    want = np.sqrt(np.concatenate(squares).mean(axis=0)).mean()
    assert spread_of(rows + noise, codes) == pytest.approx(want)
    assert spread_of(noise, None) == pytest.approx(noise.std(axis=0).mean())


SPARSE = [Dense(3, init="zeros", rate_factor=0.0)]
"""A generator that makes the same row whatever the noise, and does not learn."""


@pytest.mark.parametrize(("options", "message"), [
    ({"generator": SPARSE}, "mode collapse"),
    ({"discriminator": [Dense(8, "relu", init="zeros", rate_factor=0.0)]}, "vanished"),
], ids=["collapse", "vanishes"])  # fmt: skip
def test_failures_that_fits_show(options, message):
    model = GAN(*LISTS, **SMALL, diagnose=True).set_params(**options)
    with pytest.warns(DiagnosisWarning, match=message):
        model.fit(X)


def test_diagnose_warns():
    model = GAN(*LISTS, **SMALL, diagnose=True)
    far = X + 50
    model.set_params(discriminator_learning_rate_init=0.1, learning_rate_init=1e-6, max_iter=8)
    with pytest.warns(DiagnosisWarning, match="discriminator wins"):
        model.fit(far)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DiagnosisWarning)
        model.set_params(diagnose=False).fit(far)
