"""Warnings that fusednn defines."""


class DiagnosisWarning(UserWarning):
    """A fit with `diagnose=True` found a known problem of deep networks.

    The message names the problem (gradients that vanish or explode, dead units, saturated
    outputs), the layers that have it, and remedies.

    Examples
    --------
    >>> import warnings
    >>> from sklearn.datasets import load_digits
    >>> from fusednn import DiagnosisWarning, MLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> deep = MLPClassifier([16] * 12, "logistic", diagnose=True, max_iter=3, random_state=0)
    >>> with warnings.catch_warnings(record=True) as found:
    ...     warnings.simplefilter("always")
    ...     deep = deep.fit(X[:200], y[:200])
    >>> messages = [str(one.message) for one in found if one.category is DiagnosisWarning]
    >>> messages[0][:20]
    'The gradients vanish'
    """
