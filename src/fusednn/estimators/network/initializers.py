"""Initializers: functions that draw a layer's weights (I, O) in float64. Biases begin at zero.

scikit-learn's initializer, which draws biases too, is in `perceptron_weights.py`.
"""

from __future__ import annotations

import numpy as np


def glorot_uniform(random_state, I, O):
    """Uniform in +-sqrt(6 / (I + O)); for tanh. Glorot and Bengio, AISTATS 2010, equation 16."""
    return _uniform(random_state, I, O, 2 / (I + O))


def glorot_normal(random_state, I, O):
    """Normal with variance 2 / (I + O); for tanh. Glorot and Bengio, equation 12."""
    return _normal(random_state, I, O, 2 / (I + O))


def he_uniform(random_state, I, O):
    """Uniform with variance 2 / I; for ReLU and similar. He et al., arXiv:1502.01852, eq. 10."""
    return _uniform(random_state, I, O, 2 / I)


def he_normal(random_state, I, O):
    """Normal with variance 2 / I; for ReLU and similar. He et al., equation 10."""
    return _normal(random_state, I, O, 2 / I)


def lecun_uniform(random_state, I, O):
    """Uniform with variance 1 / I; for SELU. LeCun et al., "Efficient backprop", 1998, eq. 16."""
    return _uniform(random_state, I, O, 1 / I)


def lecun_normal(random_state, I, O):
    """Normal with variance 1 / I; for SELU. LeCun et al., equation 16."""
    return _normal(random_state, I, O, 1 / I)


def orthogonal(random_state, I, O):
    """Orthonormal rows or columns, whichever are fewer. Saxe et al., arXiv:1312.6120."""
    q, r = np.linalg.qr(random_state.normal(size=(max(I, O), min(I, O))))
    q *= np.where(np.diag(r) < 0, -1.0, 1.0)  # makes the distribution uniform over such matrices
    return q if I >= O else q.T


def zeros(random_state, I, O):
    """Zeros. A network with hidden layers cannot learn from them."""
    return np.zeros((I, O))


INITIALIZERS = {
    function.__name__: function
    for function in (
        glorot_uniform,
        glorot_normal,
        he_uniform,
        he_normal,
        lecun_uniform,
        lecun_normal,
        orthogonal,
        zeros,
    )
}


DATA = "data"
"""The initialisation of a layer that the samples complete; see `values_by_data.py`."""


def standard_normal(random_state, I, O):
    """Normal with variance 1; what the samples then scale."""
    return _normal(random_state, I, O, 1.0)


DRAWS = {**INITIALIZERS, DATA: standard_normal}
"""What layers of a list may name: the table, and what only they can do."""


def check_init(refuse, name: str | None) -> None:
    """Refuses a name that no layer has; `refuse` makes the error."""
    if name is not None and name not in DRAWS:
        names = ", ".join(DRAWS)
        raise refuse(f"there is no initialisation {name!r}; expected one of {names}")


def _uniform(random_state, I, O, variance):
    bound = np.sqrt(3 * variance)
    return random_state.uniform(-bound, bound, (I, O))


def _normal(random_state, I, O, variance):
    return random_state.normal(0.0, np.sqrt(variance), (I, O))
