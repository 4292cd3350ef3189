"""The estimators that are compared, each at its defaults: seven peers, and fusednn's presets.

A method is a function of the training frame and the conditions of a run. It returns an estimator
with `fit`, and `predict` or `predict_proba`. Imports are inside, so that a process pays for one.
"""

from typing import NamedTuple

from .frames import names_of_categories, with_categories, with_strings


class Run(NamedTuple):
    """The conditions of one fit.

    Attributes
    ----------
    task : {"binary", "classes", "numbers"}
    seed : int
    threads : int
    cap : float
        Seconds after which a fit that can be cut short is.
    """

    task: str
    seed: int
    threads: int
    cap: float

    @property
    def is_numbers(self):
        """Whether a regressor is asked for."""
        return self.task == "numbers"


def _boosted(frame, run):
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    made = HistGradientBoostingRegressor if run.is_numbers else HistGradientBoostingClassifier
    return made(random_state=run.seed)


def _lightgbm(frame, run):
    from lightgbm import LGBMClassifier, LGBMRegressor

    made = LGBMRegressor if run.is_numbers else LGBMClassifier
    return made(random_state=run.seed, n_jobs=run.threads, verbose=-1)


def _xgboost(frame, run):
    from xgboost import XGBClassifier, XGBRegressor

    made = XGBRegressor if run.is_numbers else XGBClassifier
    return made(random_state=run.seed, n_jobs=run.threads, enable_categorical=True)


def _catboost(frame, run):
    from catboost import CatBoostClassifier, CatBoostRegressor

    made = CatBoostRegressor if run.is_numbers else CatBoostClassifier
    return made(
        random_seed=run.seed,
        thread_count=run.threads,
        cat_features=names_of_categories(frame),
        verbose=False,
        allow_writing_files=False,
    )


def _columns(frame, numbers, categories):
    from sklearn.compose import ColumnTransformer

    names = names_of_categories(frame)
    others = [name for name in frame if name not in names]
    return ColumnTransformer([("numbers", numbers, others), ("categories", categories, names)])


def _one_hot():
    from sklearn.preprocessing import OneHotEncoder

    return OneHotEncoder(handle_unknown="ignore", sparse_output=False)


def _forest(frame, run):
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
    from sklearn.pipeline import make_pipeline

    made = RandomForestRegressor if run.is_numbers else RandomForestClassifier
    trees = made(random_state=run.seed, n_jobs=run.threads)
    return make_pipeline(_columns(frame, "passthrough", _one_hot()), trees)


def _perceptron(frame, run):
    """Scaled numbers, one-hot categories, and a scaled target, without which it learns nothing."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    network = (MLPRegressor if run.is_numbers else MLPClassifier)(random_state=run.seed)
    made = make_pipeline(_columns(frame, numbers, _one_hot()), network)
    if run.is_numbers:
        made = TransformedTargetRegressor(made, transformer=StandardScaler())
    return made


def imputed(frame, network):
    """Medians and flags for missing numbers, which pytabkit's networks refuse."""
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline

    medians = SimpleImputer(strategy="median", add_indicator=True)
    columns = _columns(frame, medians, "passthrough").set_output(transform="pandas")
    return make_pipeline(columns, network)


def _realmlp(frame, run):
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

    made = RealMLP_TD_Regressor if run.is_numbers else RealMLP_TD_Classifier
    return imputed(frame, made(random_state=run.seed, n_threads=run.threads, device="cpu"))


def _tabm(frame, run):
    from pytabkit import TabM_D_Classifier, TabM_D_Regressor

    made = TabM_D_Regressor if run.is_numbers else TabM_D_Classifier
    return imputed(frame, made(random_state=run.seed, n_threads=run.threads, device="cpu"))


def _ours(preset):
    def make(frame, run):
        # what is imported late, since peers import all of theirs before the clock starts
        import fusednn.estimators.network_classifier
        import fusednn.estimators.network_regressor  # noqa: F401 - as above
        from fusednn import TabularClassifier, TabularRegressor

        made = TabularRegressor if run.is_numbers else TabularClassifier
        return made(preset=preset, random_state=run.seed, n_jobs=run.threads)

    return make


def _as_it_is(train, test):
    return train, test


class Method(NamedTuple):
    """How an estimator is made and fed.

    Attributes
    ----------
    package : str
        Whose version counts.
    make : callable
        Returns the estimator, given the training frame and a `Run`.
    frames : callable
        Returns the training and the test frame as the estimator takes them.
    rows : int or None
        Tables with more rows than this are left out.
    limit : str or None
        The argument of `fit` that takes the most seconds.
    """

    package: str
    make: object
    frames: object = with_categories
    rows: int | None = None
    limit: str | None = None


PRESETS = "fast", "realmlp", "default", "best"
OURS = tuple(f"fusednn-{preset}" for preset in PRESETS)

PEERS = {
    "hist-gradient-boosting": Method("scikit-learn", _boosted),
    "lightgbm": Method("lightgbm", _lightgbm),
    "xgboost": Method("xgboost", _xgboost),
    "catboost": Method("catboost", _catboost, with_strings),
    "random-forest": Method("scikit-learn", _forest),
    "sklearn-mlp": Method("scikit-learn", _perceptron),
    "realmlp-td": Method("pytabkit", _realmlp, limit="time_to_fit_in_seconds"),
    "tabm-d": Method("pytabkit", _tabm, rows=8000),
}

METHODS = PEERS | {
    name: Method("fusednn", _ours(preset), _as_it_is)
    for name, preset in zip(OURS, PRESETS, strict=True)
}
