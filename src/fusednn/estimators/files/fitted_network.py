"""The network of a fitted estimator before folding, and the meaning of its outputs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fusednn.estimators.input.label_columns import MultioutputLabels
from fusednn.graph.network import Network
from fusednn.kernels.class_losses import logistic_link, softmax_link
from fusednn.kernels.value_losses import exp_link
from fusednn.losses import Gaussian, Quantile
from fusednn.plan.binding.loss import loss_row
from fusednn.serving.model import BINARY, COLUMNS, MULTICLASS, MULTILABEL, VALUES, Head

LINKS = {None: "identity", logistic_link: "logistic", softmax_link: "softmax", exp_link: "exp"}
KINDS = {
    "binary": BINARY,
    "multiclass": MULTICLASS,
    "multilabel-indicator": MULTILABEL,
}


class FittedNetwork(NamedTuple):
    """A network, its parameters and the meaning of its outputs."""

    network: Network
    arrays: list[np.ndarray]
    head: Head


def fitted_network_of(estimator) -> FittedNetwork:
    """Returns the network of a fitted estimator of fusednn; raises NotFittedError."""
    estimator._check_fitted()
    dtype = estimator._network_dtype()
    arrays = [np.asarray(array, dtype) for array in estimator._parameters()]
    network = estimator._network()
    link = LINKS[loss_row(network).link]
    head = estimator._own_head()
    if head is not None:
        return FittedNetwork(network, arrays, head)
    labels = getattr(estimator, "_labels", None)
    if labels is None:
        count = estimator._outputs_per_target()
        loss, least = estimator._loss(), ()
        point = None if isinstance(loss, Quantile) and count > 1 else 0
        if isinstance(loss, Gaussian):
            least = (float(np.log(loss.eps)),) * (network.outputs // count)
        return FittedNetwork(network, arrays, Head(VALUES, link, (), count, point, least=least))
    if isinstance(labels, MultioutputLabels):
        head = Head(COLUMNS, link, tuple(labels.classes))
    else:
        head = Head(KINDS[labels.kind], link, (labels.classes,))
    return FittedNetwork(network, arrays, head)
