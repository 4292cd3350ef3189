"""How predictions are judged: a first metric by the task, and log-loss or root mean square."""

import numpy as np
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score, root_mean_squared_error

FIRST = {"binary": "AUC", "classes": "accuracy", "numbers": "RMSE"}
"""The first metric of each task; the second is the log-loss, or again RMSE."""


def scores(task, target, predicted):
    """The first and the second metric.

    Parameters
    ----------
    task : {"binary", "classes", "numbers"}
    target : ndarray of shape (n,)
        Numbers, or classes 0 to K - 1.
    predicted : ndarray of shape (n,) or (n, K)
        Numbers, or probabilities of all classes.

    Returns
    -------
    first, second : float
        `first` is to be large for classes, small for numbers; `second` is to be small.
    """
    if not np.all(np.isfinite(predicted)):
        raise ValueError("a prediction is not finite")
    if task == "numbers":
        error = float(root_mean_squared_error(target, predicted))
        return error, error
    shares = np.asarray(predicted, np.float64)
    shares = shares / shares.sum(axis=1, keepdims=True)
    loss = float(log_loss(target, shares, labels=np.arange(shares.shape[1])))
    if task == "binary":
        return float(roc_auc_score(target, shares[:, 1])), loss
    return float(accuracy_score(target, shares.argmax(axis=1))), loss


def errors(task, pair):
    """Both metrics as errors: 1 - AUC or 1 - accuracy, then the log-loss; RMSE stays as it is."""
    first, second = pair
    return (first if task == "numbers" else 1 - first), second
