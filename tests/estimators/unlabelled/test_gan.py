"""`GAN` as scikit-learn's tools and users see it."""

import copy
import pickle

import numpy as np
import pytest
from cases.small_games import IMAGES, LISTS, SMALL, WAYS, X, Y, fitted, same
from oracles.parity import fit_quietly
from running.nested_weights import leaves
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import estimator_checks_generator

from fusednn import GAN
from fusednn.layers import Activation, BatchNorm, Dense, Dropout, Flatten, Reshape
from fusednn.schedules import Cosine

NORMS = (
    [Dense(8), BatchNorm(), Activation("relu"), Dense(3)],
    [Dense(8), BatchNorm(), Activation("relu"), Dropout(0.3)],
)
CHECKS = [*estimator_checks_generator(GAN(max_iter=2, batch_size=4), legacy=True)]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.parametrize(("estimator", "check"), CHECKS, ids=lambda one: type(one).__name__)
def test_estimator_checks(estimator, check):
    check(estimator)


def test_samples_are_what_the_generator_makes_of_noise():
    model = fitted(ema_decay=None)
    (w, b), (v, c) = model.get_weights()[:2]
    noise = np.random.RandomState(5).normal(size=(7, 4))
    made = np.maximum(noise @ w + b, 0) @ v + c
    np.testing.assert_allclose(model.sample(7, random_state=5), made, rtol=1e-9)
    np.testing.assert_allclose(model.generator_.predict(noise), made, rtol=1e-9)
    assert model.sample().shape == (1, 3)
    (w, b), (v, c) = model.get_weights()[2:]
    hidden = X @ w + b
    score = (np.where(hidden > 0, hidden, 0.01 * hidden) @ v + c)[:, 0]
    np.testing.assert_allclose(model.score_samples(X), score, rtol=1e-9)
    np.testing.assert_allclose(model.discriminator_.predict(X), score, rtol=1e-9)
    assert model.discriminator_layers_ == (*LISTS[1], Dense(1))


def test_samples_of_classes():
    model = fitted(y=Y)
    assert model.classes_.tolist() == ["a", "b"]
    noise = np.random.RandomState(5).normal(size=(3, 4))
    given = np.hstack([noise, np.eye(2)[[1, 0, 1]]])
    made = model.generator_.predict(given)
    np.testing.assert_allclose(model.sample(3, ["b", "a", "b"], random_state=5), made, rtol=1e-12)
    np.testing.assert_array_equal(
        model.sample(2, "b", random_state=1), model.sample(y=["b", "b"], random_state=1)
    )
    assert model.sample(4, random_state=0).shape == (4, 3)
    answers = model.discriminator_.predict(X)
    assert answers.shape == (100, 2)
    np.testing.assert_allclose(model.score_samples(X), answers.max(axis=1))
    np.testing.assert_allclose(model.score_samples(X, Y), answers[np.arange(100), (Y == "b") * 1])


def test_training_moves_samples_to_the_data():
    model = GAN(*LISTS, latent=4, batch_size=20, max_iter=60, learning_rate_init=0.01,
                learning_rate="constant",
                random_state=0, ema_decay=0.95)  # fmt: skip
    samples = fit_quietly(model, X).sample(500, random_state=0)
    assert abs(samples.mean(axis=0) - X.mean(axis=0)).max() < 0.3
    assert set(model.history_) == {
        "generator_loss", "discriminator_loss", "accuracy", "variety", "push"
    }  # fmt: skip
    assert {len(values) for values in model.history_.values()} == {60}
    assert model.n_iter_ == 60
    assert model.t_ == 6000


@pytest.mark.parametrize(
    "options",
    [{}, {"penalty": 1.0}, {"loss": "wasserstein", "discriminator_steps": 2}, {"y": Y},
     {"spectral_norm": True, "lists": NORMS, "instance_noise": 0.1}],
    ids=str,
)  # fmt: skip
def test_threads_change_no_bit(options):
    one, two = (fitted(n_jobs=jobs, **{"batch_size": 50, **options}) for jobs in (1, 2))
    assert same(one, two)
    assert one.history_ == two.history_


@pytest.mark.parametrize("jobs", [1, 2])
def test_images(jobs):
    model = fitted(IMAGES, np.arange(40) % 3, WAYS, n_jobs=jobs, instance_noise=0.1)
    assert model.sample(2, y=[0, 2]).shape == (2, 8, 8, 1)
    assert model.sample(2).dtype == np.float32
    assert same(model, fitted(IMAGES, np.arange(40) % 3, WAYS, n_jobs=1, instance_noise=0.1))
    flat = model.discriminator_.predict(IMAGES)
    np.testing.assert_allclose(flat.max(axis=1), model.score_samples(IMAGES), rtol=1e-5)
    assert "ConvTranspose2D" in model._repr_html_()


def test_defaults():
    """Passes for so many steps; a penalty for the default discriminator on columns alone."""
    from fusednn.estimators.unlabelled.playing import AUTO_STEPS

    model = GAN(max_time=0.2, random_state=0)
    with pytest.warns(ConvergenceWarning, match="Maximum time"):
        model.fit(X)
    assert model._optimizer.total == AUTO_STEPS[0]
    assert model._penalty() == 0.3
    assert GAN(instance_noise=0.1, max_iter=1).initialize(X)._penalty() == 0
    assert fitted()._penalty() == 0
    model.partial_fit(X)
    assert model._optimizer.schedule == "constant"


def test_the_discriminator_is_clipped():
    model = fitted(loss="wasserstein", clip=0.02)
    assert max(abs(array).max() for array in leaves(model.get_weights()[2:])) <= 0.02
    assert max(abs(array).max() for array in leaves(model.get_weights()[:2])) > 0.02


@pytest.mark.parametrize(
    "options",
    [{}, {"ema_decay": None}, {"y": Y}, {"spectral_norm": True, "lists": NORMS}],
    ids=str,
)
def test_files_keep_what_training_needs(options, tmp_path):
    model = fitted(learning_rate=Cosine(), **options)
    y, path = options.get("y"), tmp_path / "model.safetensors"
    model.save(path)
    again, other = GAN.load(path), pickle.loads(pickle.dumps(model))
    for one in (again, other):
        np.testing.assert_array_equal(
            one.sample(3, random_state=1), model.sample(3, random_state=1)
        )
        assert one.history_ == model.history_
    for one in (model, again, other, copy.deepcopy(model)):
        one.partial_fit(X, y)
    assert same(model, again)
    assert same(model, other)
    assert model.n_iter_ == 1
    assert len(model.history_["push"]) == 4


def test_files_of_images(tmp_path):
    model = fitted(IMAGES, None, WAYS)
    model.save(tmp_path / "model")
    again = GAN.load(tmp_path / "model")
    np.testing.assert_array_equal(again.score_samples(IMAGES), model.score_samples(IMAGES))
    assert again.sample(2).shape == (2, 8, 8, 1)


def test_partial_fit_goes_on_as_a_longer_fit_of_as_many_steps():
    """Up to the draws, which each call begins anew: the optimizers do not begin anew."""
    model = GAN(*LISTS, **SMALL)
    for _ in range(3):
        model.partial_fit(X)
    assert model.n_iter_ == 1
    assert model.t_ == 300
    assert model._optimizer.t == 18
    assert model._judgements == 18


def test_copies():
    model = fitted(label_smoothing=0.1, instance_noise=0.2)
    assert clone(model).get_params() == model.get_params()
    assert same(model, copy.deepcopy(model))


def test_verbose_prints_each_pass(capsys):
    fitted(verbose=True)
    assert capsys.readouterr().out.count("accuracy") == 3


def test_callbacks():
    callback = pytest.importorskip(
        "sklearn.callback", reason="scikit-learn has callbacks since 1.9"
    )
    assert callback

    class Stop:
        passes = 0

        def setup(self, estimator, context): ...

        def teardown(self, estimator, context): ...

        def on_fit_task_begin(self, estimator, context): ...

        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None, **told):
            self.passes += context.task_name == "epoch"
            return self.passes == 2

    model = GAN(*LISTS, **SMALL).set_callbacks(Stop())
    model.fit(X)
    assert model.n_iter_ == 2


def test_flat_lists_of_images():
    lists = [Dense(64), Reshape(8, 8)], [Flatten(), Dense(5, "relu")]
    model = fitted(IMAGES[..., 0], None, lists)
    assert model.sample(3).shape == (3, 8, 8)
