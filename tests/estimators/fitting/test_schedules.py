"""`learning_rate=` of the estimators: descriptions and callables, in every way to train."""

import copy
import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from oracles.parity import fit_quietly
from sklearn.base import clone

import fusednn
from fusednn import MLPClassifier
from fusednn.optimizers import SGD, AdamW
from fusednn.schedules import (
    Cosine,
    CosLog,
    Cyclic,
    Exponential,
    FlatCosine,
    OneCycle,
    ReduceOnPlateau,
    Schedule,
    Step,
    WarmUp,
)

random = np.random.RandomState(0)
X = random.normal(size=(60, 5))
Y = (X[:, 0] * X[:, 1] > 0) + 2 * (X[:, 2] > 0)


def halved(number):
    return 0.5**number


def constant(number):
    return 1.0


class Linear(Schedule):
    def factors(self, steps, total):
        return 1.5 * (1 - steps / total)


SOLVERS = ["sgd", "adam", "amsgrad", "lion", SGD(0.9), AdamW()]
SCHEDULES = [Step(3, 0.5), Exponential(0.9), Cosine(0.1), OneCycle(), Cyclic(0.1, 3), WarmUp(5),
             WarmUp(3, then=Step(2, 0.1)), FlatCosine(), CosLog(), Linear(), halved]  # fmt: skip


def named(schedule):
    return getattr(schedule, "__name__", str(schedule))


each_solver = pytest.mark.parametrize("solver", SOLVERS, ids=str)
each_schedule = pytest.mark.parametrize("schedule", SCHEDULES, ids=named)


def new(schedule, solver="sgd", **params):
    defaults = {"hidden_layer_sizes": (7,), "random_state": 0, "max_iter": 4, "batch_size": 16}
    params = {**defaults, "shuffle": False, **params}
    return MLPClassifier(solver=solver, learning_rate=schedule, **params)


def fit(*args, **params):
    return fit_quietly(new(*args, **params), X, Y)


def bits(estimator):
    return [part.tobytes() for part in [*estimator.coefs_, *estimator.intercepts_]]


@each_solver
@pytest.mark.parametrize("one", [Step(3, 1.0), Exponential(1), Cosine(1.0), Cyclic(1, 2),
                                 OneCycle(start=1, final=1), WarmUp(1), FlatCosine(1), constant,
                                 ReduceOnPlateau()], ids=named)  # fmt: skip
def test_factors_of_one(one, solver):
    np.testing.assert_equal(bits(fit(one, solver)), bits(fit("constant", solver)))


@each_solver
@each_schedule
def test_passes_in_parts(schedule, solver):
    """The same by `fit`, pass by pass, by `partial_fit` and by a copy; another without."""
    whole = fit(schedule, solver)
    assert bits(fit(schedule, solver, max_time=1e6)) == bits(whole)
    assert bits(fit_quietly(clone(whole), X, Y)) == bits(whole)
    parts = new(schedule, solver)
    for _ in range(4):
        parts = pickle.loads(pickle.dumps(parts.partial_fit(X, Y, classes=np.unique(Y))))
    assert bits(copy.deepcopy(parts)) == bits(whole)
    assert bits(fit("constant", solver)) != bits(whole)


@pytest.mark.parametrize("solver", [solver for solver in SOLVERS if solver != "sgd"], ids=str)
def test_a_pass_of_rate_zero_changes_nothing(solver):
    """But by scikit-learn's SGD, whose velocity has the rates of before in it."""
    last = fit(lambda number: float(number < 2), solver)
    assert bits(last) == bits(fit("constant", solver, max_iter=2))


def test_the_callable_gets_the_number_of_each_pass():
    numbers = []
    model = new(lambda number: numbers.append(number) or 1.0, max_iter=5)
    fit_quietly(model, X, Y)
    assert numbers == [*range(5)]
    for _ in range(2):
        model.set_params(warm_start=True, warm_start_optimizer=True)
        fit_quietly(model, X, Y)
    assert numbers == [*range(15)]


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_what_a_callable_may_not_return(value):
    with pytest.raises(ValueError, match="factors from 0"):
        fit(lambda number: value)


def test_a_plateau_lowers_the_rate():
    """Losses that hardly move: after each three passes a tenth."""
    options = {"learning_rate_init": 1e-9, "max_iter": 9, "n_iter_no_change": 100}
    model = fit(ReduceOnPlateau(0.1, 2), "adam", **options)
    assert model._optimizer._factor == pytest.approx(0.01)
    assert fit(ReduceOnPlateau(0.1, 20), "adam", **options)._optimizer._factor == 1.0


REFUSED = [
    (Step, {"every": 0, "factor": 0.5}, "every of Step"),
    (Step, {"every": 2.5, "factor": 0.5}, "every of Step"),
    (Step, {"every": 2, "factor": 1.5}, "factor of Step"),
    (Exponential, {"factor": float("nan")}, "factor of Exponential"),
    (Cosine, {"final": -0.1}, "final of Cosine"),
    (OneCycle, {"warmup": 2}, "warmup of OneCycle"),
    (OneCycle, {"start": "0.1"}, "start of OneCycle"),
    (Cyclic, {"low": 2, "steps": 3}, "low of Cyclic"),
    (Cyclic, {"low": 0.5, "steps": -1}, "steps of Cyclic"),
    (WarmUp, {"steps": 0}, "steps of WarmUp"),
    (WarmUp, {"steps": 3, "then": "cosine"}, "then of WarmUp"),
    (WarmUp, {"steps": 3, "then": ReduceOnPlateau()}, "then of WarmUp"),
    (CosLog, {"cycles": 0}, "cycles of CosLog must be an integer from 1 to 50"),
    (CosLog, {"cycles": 51}, "cycles of CosLog"),
    (FlatCosine, {"flat": 1.5}, "flat of FlatCosine"),
    (ReduceOnPlateau, {"patience": -1}, "patience of ReduceOnPlateau"),
]


@pytest.mark.parametrize(("kind", "values", "words"), REFUSED)
def test_refused_values(kind, values, words):
    with pytest.raises(ValueError, match=words):
        kind(**values)


def test_names():
    assert fusednn.schedules.Cosine is Cosine
    with pytest.raises(TypeError, match="is a base class"):
        Schedule()


@pytest.mark.parametrize("total", [1, 2, 3])
def test_short_trainings(total):
    for schedule in (
        *(Cosine(), OneCycle(), WarmUp(3, then=OneCycle())),
        *(FlatCosine(), FlatCosine(0), FlatCosine(1), CosLog(), CosLog(50)),
    ):
        factors = schedule.factors(np.arange(6.0), total)
        assert np.isfinite(factors).all()
        assert ((factors >= 0) & (factors <= 1)).all()


def test_waves_that_grow():
    """CosLog is 0 at its ends and between its cycles, and 1 once in each."""
    factors = CosLog(4).factors(np.arange(1501.0), 1500)
    assert factors[[0, 100, 300, 700, 1500]].max() < 1e-25
    for start, end in [(0, 100), (100, 300), (300, 700), (700, 1500)]:
        assert (factors[start + 1 : end] > 0).all()
        assert (np.diff(np.sign(np.diff(factors[start : end + 1]))) < 0).sum() == 1
        assert factors[start:end].max() > 0.999


@dataclass(frozen=True)
class Given(Schedule):
    found: object

    def __post_init__(self):
        pass

    def factors(self, steps, total):
        return self.found + 0 * steps if isinstance(self.found, float) else self.found


@pytest.mark.parametrize("found", [-1.0, float("nan"), float("inf"), (1.0, 0.5, 0.2), "half"])
def test_what_factors_of_ones_own_may_not_be(found):
    with pytest.raises(ValueError, match=r"factors of Given\(.* must return finite numbers"):
        fit(Given(found))


def test_schedules_of_ones_own_compare():
    assert Given(2.0) == Given(2.0) != Given(3.0)
    one = Linear()
    assert one == one != Linear()


def test_a_schedule_of_ones_own_is_not_saved(tmp_path):
    with pytest.raises(ValueError, match=r"it has learning_rate=Linear\(\)"):
        fit(Linear()).save(tmp_path / "model.safetensors")
