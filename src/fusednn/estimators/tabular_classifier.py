"""`TabularClassifier`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils._param_validation import StrOptions

from .fitting.decorators import with_checked_parameters
from .tabular.answers import ClassTarget
from .tabular.base import BaseTabular
from .tabular.reading import factors_of_classes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from fusednn.serving.types import Device

    from .input.types import RandomState, TabularLike, Weights


class TabularClassifier(ClassifierMixin, BaseTabular):
    """Classifier of raw tables: mixed columns and missing values in, probabilities out.

    An ensemble of networks, in the style of RealMLP. Columns are prepared by their type: numbers
    are scaled robustly, missing ones marked; texts, booleans and categories become flags or
    embeddings; dates become their parts. Networks of several families see numbers in several ways.
    Each is trained without a part of the rows, which decides its epochs; the outputs for these
    rows decide the weights of the families.

    Parameters
    ----------
    preset : {"default", "fast", "best", "realmlp"}, default="default"
        What is trained:

        * "fast": one small network, or three for quantities of at most 10,000 rows;
        * "realmlp": one network by the published recipe of RealMLP-TD;
        * "default": four families of networks, for more than two classes or 100,000 rows one
          fewer, for both two fewer, and a network of each for every fold;
        * "best": the same; quantities are corrected, see `TabularRegressor`.
    metric : str, callable or None, default=None
        What decides epochs and weights: "log_loss", "accuracy" (with label smoothing), "roc_auc"
        (of epochs the log-loss decides), or a scorer of scikit-learn or its name. None:
        "log_loss", of "realmlp" "accuracy".
    n_ensemble : int or None, default=None
        Networks for each family and fold, from different first weights. None: the preset's, 1.
    n_folds : int or None, default=None
        Parts of the rows, each of which judges the networks that are trained on the others. 1: a
        fifth of the rows judges. None: the preset's, of "default" and "best" 4, or 8 of at most
        2,000 rows, and 1 of the others.
    categorical_features : array-like of str, int or bool, "from_dtype" or None, default=None
        Names, indices or a mask of columns of numbers that are categories. Those of texts,
        booleans and categories always are.
    time_limit : float or None, default=None
        Seconds for the fit, without `importances`. Where they do not suffice, networks get fewer
        epochs, and there are fewer families, then fewer folds; what is trained when they are over
        is kept. The result then depends on the speed of the machine.
    class_weight : "balanced", dict or None, default=None
        Factors of the weights of classes in what decides. Networks are trained without them, and
        their probabilities are multiplied by them and divided by their sums, which is less noisy
        than few heavy rows in training; with metric "accuracy" they are weights in training.
    importances : bool, default=False
        Whether to compute `feature_importances_`.
    random_state : int, RandomState or None, default=None
        Decides folds, first weights and batches. A number gives the same bits with any `n_jobs`.
    n_jobs : int or None, default=None
        Threads. None: `OMP_NUM_THREADS` if it is set, else one within tasks of joblib, else all
        CPUs.
    verbose : bool or int, default=False
        Whether to show a bar of the epochs of all networks.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where the networks are trained, see `NetworkClassifier`; the bits are the same. The model
        answers on the CPU; `fusednn.freeze` makes predictors that answer on a GPU.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, ascending.
    members_ : list of NetworkClassifier
        The networks of weight above 0. Their inputs are those of `preparation_`.
    weights_ : ndarray of shape (n_members,)
        Their weights, which sum to 1. The networks of a family have equal ones.
    preparation_ : Preparation
        How tables become inputs.
    oof_ : ndarray of shape (n_samples, n_classes) or None
        The probabilities of each row of X by the networks that were not trained on it; NaN for
        rows that judged no network: of weight 0, the only one of their class, or with `n_folds`
        of 1 four fifths of all. None with a validation set of your own. The same rows have decided
        epochs and weights, so scores of them are somewhat better than those of new rows.
    history_ : list of dict
        For each network its "family", "fold", "epochs" (those trained), "best_epoch" (the one
        kept), "seconds", "score" (the metric on the rows that judged it) and "weight".
    feature_importances_ : ndarray of shape (n_features_in_,)
        With `importances`: how much worse the metric becomes, on rows that judge, when the values
        of a column are permuted. It may be below 0.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        The names of the columns, if X had them.

    See Also
    --------
    TabularRegressor : The same for quantities.
    NetworkClassifier : One network of layers of your choice, for arrays.

    References
    ----------
    Holzmüller, Grinsztajn and Steinwart, "Better by default: Strong pre-tuned MLPs and boosted
    trees on tabular data", NeurIPS 2024. Gorishniy, Rubachev and Babenko, "On embeddings for
    numerical features in tabular deep learning", NeurIPS 2022. Caruana, Niculescu-Mizil, Crew and
    Ksikes, "Ensemble selection from libraries of models", ICML 2004. Saerens, Latinne and
    Decaestecker, "Adjusting the outputs of a classifier to new a priori probabilities", Neural
    Computation 14, 2002.

    Examples
    --------
    >>> from fusednn import TabularClassifier
    >>> rows = [{"size": i % 7, "colour": "red" if i % 3 else None} for i in range(60)]
    >>> y = ["yes" if row["size"] > 3 and row["colour"] else "no" for row in rows]
    >>> model = TabularClassifier("fast", random_state=0).fit(rows, y)
    >>> model.predict([{"size": 6, "colour": "red"}, {"size": 1, "colour": "blue"}]).tolist()
    ['yes', 'no']
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseTabular._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }
    _classify: ClassVar[bool] = True
    classes_: np.ndarray

    def __init__(
        self,
        preset: Literal["fast", "realmlp", "default", "best"] = "default",
        *,
        metric: str | Callable[..., float] | None = None,
        n_ensemble: int | None = None,
        n_folds: int | None = None,
        categorical_features: ArrayLike | Literal["from_dtype"] | None = None,
        time_limit: float | None = None,
        class_weight: Literal["balanced"] | dict[Any, float] | None = None,
        importances: bool = False,
        random_state: RandomState = None,
        n_jobs: int | None = None,
        verbose: bool | int = False,
        device: Device = "cpu",
    ) -> None:
        self._store(locals())

    @with_checked_parameters
    def fit(
        self,
        X: TabularLike,
        y: ArrayLike | Sequence[Any],
        sample_weight: Weights = None,
        X_val: TabularLike | None = None,
        y_val: ArrayLike | Sequence[Any] | None = None,
    ) -> Self:
        """Trains the networks.

        Parameters
        ----------
        X : frame of pandas or polars, ndarray, list of dict or list of lists
            The columns, of any types; None, NaN, NA and "" are missing values.
        y : array-like or series of shape (n_samples,)
            Labels: words, whole numbers or booleans.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in training and in what decides. A row of weight 0 is as if it
            were not there.
        X_val, y_val : like X and y, default=None
            A validation set, which then decides epochs and weights. All rows of X are trained on,
            by as many networks. In a `Pipeline` use `transform_input=["X_val"]`.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If an argument or a parameter is invalid, or `time_limit` too short for one epoch. The
            estimator then stays as it was.
        KeyboardInterrupt
            After Ctrl-C, and the estimator stays as it was; but where a family has a network for
            each fold, what is ready is kept with a warning.
        """
        self._fit(X, y, sample_weight, X_val, y_val)
        self.classes_ = self._target.labels
        return self

    def _metric(self, preset):
        return preset.metrics[0] if self.metric is None else self.metric

    def _learned_target(self, found, weights):
        factors = factors_of_classes(self.class_weight, found, weights)
        return ClassTarget(found.labels), factors

    def _answers(self, target, outputs):
        return target.probabilities(outputs)

    def predict(self, X: TabularLike) -> NDArray[Any]:
        """Predicts the most probable label of each row.

        Parameters
        ----------
        X : frame, ndarray, list of dict or list of lists
            The columns of the training data, in any order if they have names.

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        ValueError
            If a column is missing, is one too many, or has another type.
        """
        probabilities = self.predict_proba(X)
        return self._target.answers(probabilities)

    def predict_proba(self, X: TabularLike) -> NDArray[np.float64]:
        """Predicts the probabilities of the labels.

        Parameters
        ----------
        X : frame, ndarray, list of dict or list of lists
            See `predict`.

        Returns
        -------
        ndarray of float64 of shape (n_samples, n_classes)
            In the order of `classes_`.

        Raises
        ------
        ValueError
            See `predict`.
        """
        outputs = self._outputs(X)
        return self._target.probabilities(outputs)
