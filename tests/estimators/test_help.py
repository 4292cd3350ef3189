"""What `help` shows of estimators: their parameters, and no others'."""

import copy
import pickle
import pydoc

import pytest

import fusednn
from fusednn import GAN, Autoencoder, LanguageModel, MLPClassifier

ESTIMATORS = [
    *("Autoencoder", "GAN", "LanguageModel", "MLPClassifier", "MLPRegressor"),
    *("NetworkClassifier", "NetworkRegressor", "VariationalAutoencoder"),
]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_no_parameter_of_another_estimator_is_shown(name):
    kind = getattr(fusednn, name)
    known = {other for each in ESTIMATORS for other in getattr(fusednn, each)._get_param_names()}
    shown = pydoc.plain(pydoc.render_doc(kind))
    for other in known - set(kind._get_param_names()):
        assert f" |  {other} = " not in shown


def test_their_values_are_known_all_the_same():
    for model in (Autoencoder(), copy.deepcopy(GAN()), pickle.loads(pickle.dumps(GAN()))):
        assert (model.l1, model.max_fun, model.missing_targets) == (0.0, 1, "error")
    assert Autoencoder().scoring == "loss"
    assert LanguageModel().window is None


def test_what_is_missing_raises_its_own_error():
    with pytest.raises(AttributeError, match="'GAN' object has no attribute 'nothing'"):
        _ = GAN().nothing
    with pytest.raises(AttributeError, match="has no attribute 'partial_fit'") as caught:
        _ = MLPClassifier(solver="lbfgs").partial_fit
    assert "lbfgs" in str(caught.value.__cause__)
