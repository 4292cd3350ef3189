"""`n_iter_no_change="cycle"`: fits that stop where a cycle of the rate brought nothing."""

import numpy as np
import pytest
from oracles.parity import fit_quietly
from running.nested_weights import flat

from fusednn import Autoencoder, LanguageModel, MLPClassifier, NetworkClassifier
from fusednn.layers import Dense
from fusednn.schedules import Cosine, CosLog, Cyclic, Schedule, WarmUp
from fusednn.training.cycles import passes_at_ends

random = np.random.RandomState(0)
X = random.normal(size=(120, 6))
y = (X[:, 0] + 0.5 * random.normal(size=120) > 0).astype(int)
X_VAL = random.normal(size=(60, 6))
Y_VAL = (X_VAL[:, 0] + 0.5 * random.normal(size=60) > 0).astype(int)
OPTIONS = {"max_iter": 60, "batch_size": 16, "random_state": 0, "learning_rate_init": 0.1}


def scored(scores, **options):
    """A fit whose epochs have these validation scores, whatever the network."""
    given = iter(scores)

    def score(estimator, X, y):
        return next(given)

    asked = {"n_iter_no_change": "cycle", "learning_rate": CosLog(4), **options}
    model = NetworkClassifier(
        [Dense(4, "relu")], early_stopping=True, scoring=score, **{**OPTIONS, **asked}
    )
    return fit_quietly(model, X, y, X_val=X_VAL, y_val=Y_VAL)


def test_where_cycles_end():
    """RealMLP's valleys are those of 256 epochs."""
    assert passes_at_ends(CosLog(4), 256 * 7, 0, 7) == (17, 51, 119, 256)
    assert passes_at_ends(CosLog(4), 4 * 7, 0, 7) == (1, 2, 4)
    assert passes_at_ends(Cyclic(0.1, 7), 70, 0, 7) == (2, 4, 6, 8, 10)
    assert passes_at_ends(WarmUp(7, then=CosLog(2)), 70, 0, 7) == (4, 10)
    assert passes_at_ends(CosLog(4), 256 * 7, 51 * 7, 7) == (68, 205)


RISING = 0.5 + 0.4 * np.arange(60) / 60
ENDS = 4, 12, 28, 60


@pytest.mark.parametrize(
    ("scores", "epochs"),
    [
        (RISING, 60),
        (np.full(60, 0.5), 12),  # the first cycle is better than nothing
        (np.minimum(RISING, RISING[11]), 28),
        (np.minimum(RISING, RISING[12]), 60),  # the third begins better than the second ends
        (RISING[::-1], 12),
        (np.where(np.arange(60) == 20, 0.99, 0.5), 12),
        (np.full(60, np.nan), 4),
    ],
)
def test_it_stops_at_valleys_alone(scores, epochs):
    model = scored(scores)
    assert model.n_iter_ == epochs == len(model.validation_scores_)


def test_many_small_gains_are_one():
    """Each epoch gains 0.001, the second cycle 0.008, the third 0.007."""
    scores = 0.5 + 1e-3 * np.minimum(np.arange(60), 18)
    assert scored(scores, tol=0.0075).n_iter_ == 28
    assert scored(scores, tol=0.0065).n_iter_ == 60
    assert scored(np.full(60, 0.5), tol=0.0).n_iter_ == 12


def test_by_the_loss_the_same_whether_epochs_run_one_by_one(capsys):
    found = []
    for verbose in (False, True):
        model = NetworkClassifier(
            [Dense(4, "relu")], learning_rate=CosLog(4), n_iter_no_change="cycle", tol=0.1,
            verbose=verbose, **OPTIONS,
        )  # fmt: skip
        fit_quietly(model, X, y)
        found.append((model.n_iter_, flat(model.get_weights()).tobytes()))
    shown = capsys.readouterr().out
    assert found[0] == found[1]
    assert found[0][0] in ENDS[1:-1]
    assert "Training loss did not improve more than tol=0.100000 in a cycle. Stopping." in shown


@pytest.mark.parametrize(
    "rate", ["constant", Cosine(), WarmUp(3), WarmUp(3, then=Cosine()), Cyclic(0.1, 10**6),
             lambda number: 1.0]
)  # fmt: skip
def test_rates_without_cycles(rate):
    model = NetworkClassifier(
        [Dense(4)], **{**OPTIONS, "learning_rate": rate}, n_iter_no_change="cycle"
    )
    with pytest.raises(ValueError, match="needs a learning_rate with cycles that end within"):
        model.fit(X, y)


class Saw(Schedule):
    """A schedule of one's own may have cycles."""

    def factors(self, steps, total):
        return 1 - 3 * steps / total % 1

    def cycle_ends(self, total):
        return [total / 3, 2 * total / 3, total]


def test_cycles_of_ones_own():
    assert scored(np.full(60, 0.5), learning_rate=Saw()).n_iter_ == 40


def test_autoencoders_stop_so():
    model = Autoencoder(
        [Dense(2)], learning_rate=CosLog(3), n_iter_no_change="cycle", tol=1e9,
        **{**OPTIONS, "max_iter": 21},
    )  # fmt: skip
    assert fit_quietly(model, X).n_iter_ == 9


def test_perceptrons_have_the_numbers_of_scikit_learn():
    with pytest.raises(ValueError, match="The 'n_iter_no_change' parameter"):
        MLPClassifier(n_iter_no_change="cycle", learning_rate=CosLog()).fit(X, y)


def test_language_models_stop_so():
    model = LanguageModel(
        context=8, max_iter=7, steps_per_epoch=2, batch_size=2, learning_rate=CosLog(3), tol=1e9,
        n_iter_no_change="cycle", random_state=0,
    )  # fmt: skip
    assert fit_quietly(model, np.arange(200) % 7).n_iter_ == 3


# -- the later of the best epochs ------------------------------------------------------------


@pytest.mark.parametrize("best_epoch", ["first", "last"])
def test_the_last_of_the_best_epochs(best_epoch):
    """Ties keep the first epoch, or the last, and count as no improvement either way."""
    scores = [0.1, 0.7, 0.3, 0.7, 0.7, 0.2, *np.full(54, 0.1)]
    kept = {"first": 2, "last": 5}[best_epoch]
    options = {"learning_rate": "constant", "n_iter_no_change": 10}
    model = scored(scores, **options, best_epoch=best_epoch)
    assert model.best_validation_score_ == 0.7
    assert model.n_iter_ == 13
    until = fit_quietly(
        NetworkClassifier([Dense(4, "relu")], **{**OPTIONS, "max_iter": kept}), X, y
    )
    np.testing.assert_array_equal(flat(model.get_weights()), flat(until.get_weights()))


def test_no_number_is_no_best_epoch():
    model = scored(np.full(60, -np.inf), best_epoch="last")
    assert model.n_iter_ == 4
    first = NetworkClassifier([Dense(4, "relu")], **OPTIONS).initialize(X, y)
    np.testing.assert_array_equal(flat(model.get_weights()), flat(first.get_weights()))


def test_refused_values():
    for name, value in (("best_epoch", "best"), ("n_iter_no_change", "valley")):
        model = NetworkClassifier([Dense(4)], **{**OPTIONS, name: value})
        with pytest.raises(ValueError, match=f"The '{name}' parameter"):
            model.fit(X, y)
