"""Metrics against scikit-learn's."""

import numpy as np
import pytest
from sklearn import metrics as oracle

from fusednn.estimators.tabular.answers import ClassTarget, QuantityTarget
from fusednn.estimators.tabular.metrics import metric_of
from fusednn.tables.frames.targets import Quantities

RNG = np.random.RandomState(0)
N = 200
WEIGHTS = RNG.uniform(0.1, 2, N)
BINARY = ClassTarget(np.array(["no", "yes"], object))
THREE = ClassTarget(np.array([3, 5, 9]))


def classes(target):
    truth = RNG.randint(len(target.labels), size=N)
    p = np.exp(RNG.normal(size=(N, len(target.labels))) + np.eye(len(target.labels))[truth])
    return truth, p / p.sum(axis=1, keepdims=True)


def numbers(columns=1, quantiles=()):
    y = RNG.normal(5, 3, size=(N, columns))
    found = Quantities(y[:, 0] if columns == 1 else y, ())
    target = QuantityTarget.learned(found, None, quantiles)
    truth = target.encoded(found)
    outputs = np.repeat(truth, max(1, len(quantiles)), axis=1)
    return target, found.values, truth, outputs + 0.3 * RNG.normal(size=outputs.shape)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("target", [BINARY, THREE])
@pytest.mark.parametrize("name", ["log_loss", "accuracy", "roc_auc"])
def test_metrics_of_classes(name, target, weights):
    truth, p = classes(target)
    found = metric_of(name, target).value(target, truth, p, weights)
    if name == "log_loss":
        expected = oracle.log_loss(truth, p, sample_weight=weights)
    elif name == "accuracy":
        expected = oracle.accuracy_score(truth, p.argmax(axis=1), sample_weight=weights)
    elif target is BINARY:
        expected = oracle.roc_auc_score(truth, p[:, 1], sample_weight=weights)
    else:
        expected = oracle.roc_auc_score(truth, p, multi_class="ovr", sample_weight=weights)
    assert found == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_metrics_of_quantities_are_in_their_units(weights):
    target, y, truth, outputs = numbers()
    values = target.decoded(outputs)
    options = {"sample_weight": weights}
    found = [
        metric_of(name, target).value(target, truth, outputs, weights) for name in ("rmse", "mae")
    ]
    expected = [
        oracle.root_mean_squared_error(y, values, **options),
        oracle.mean_absolute_error(y, values, **options),
    ]
    np.testing.assert_allclose(found, expected)


def test_pinball_loss():
    target, y, truth, outputs = numbers(quantiles=(0.1, 0.5, 0.9))
    found = metric_of(None, target).value(target, truth, outputs, None)
    values = target.mean + target.scale * outputs
    parts = [
        oracle.mean_pinball_loss(y, values[:, place], alpha=q)
        for place, q in enumerate((0.1, 0.5, 0.9))
    ]
    assert found == pytest.approx(np.mean(parts))


def test_several_targets_count_equally():
    target, _, truth, outputs = numbers(3)
    found = metric_of("rmse", target).loss(target, truth, outputs, None)
    assert found == pytest.approx(np.sqrt(((outputs - truth) ** 2).mean(axis=0)).mean())


def test_scorers_see_labels_and_units():
    truth, p = classes(BINARY)
    scorer = oracle.make_scorer(oracle.f1_score, pos_label="yes")
    labels = BINARY.labels[truth]
    found = metric_of(scorer, BINARY).value(BINARY, truth, p)
    assert found == oracle.f1_score(labels, BINARY.answers(p), pos_label="yes")
    target, y, encoded, outputs = numbers()
    found = metric_of("neg_median_absolute_error", target).value(target, encoded, outputs)
    assert found == pytest.approx(-oracle.median_absolute_error(y, target.answers(outputs)))
    found = metric_of("r2", target).value(target, encoded, outputs)
    assert found == pytest.approx(oracle.r2_score(y, target.answers(outputs)))


def test_a_class_without_rows_leaves_the_area_of_the_others():
    truth, p = classes(THREE)
    rows = truth != 2
    found = metric_of("roc_auc", THREE).value(THREE, truth[rows], p[rows])
    areas = [oracle.roc_auc_score(truth[rows] == place, p[rows, place]) for place in (0, 1)]
    assert found == pytest.approx(np.mean(areas), abs=2e-6)


@pytest.mark.parametrize(
    ("asked", "target", "message"),
    [
        ("nonsense", BINARY, "metric='nonsense' is unknown: give 'log_loss'"),
        ("rmse", BINARY, "metric='rmse' is unknown"),
        ("log_loss", numbers()[0], "metric='log_loss' is unknown: give 'rmse'"),
        ("mae", numbers(quantiles=(0.5,))[0], "does not suit quantiles"),
    ],
)
def test_unknown_metrics_are_refused(asked, target, message):
    with pytest.raises(ValueError, match=message):
        metric_of(asked, target)


def test_a_scorer_that_fails_is_named():
    truth, p = classes(THREE)
    with pytest.raises(ValueError, match="metric='f1' cannot be computed"):
        metric_of("f1", THREE).value(THREE, truth, p)
