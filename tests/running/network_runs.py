"""What a network of plan code computes on a device: trained parameters, gradients."""

import numpy as np
from cases.op_networks import code_columns, parameters_for

from fusednn.plan.binding.loss import Target
from fusednn.plan.updating.rule import Rule
from fusednn.training.session import Session

SAMPLES = 41


def draw(network, dtype):
    """Data, targets of all rows and parameters."""
    random = np.random.default_rng(0)
    X = random.normal(size=(SAMPLES, 6))
    codes = code_columns(network)
    X[:, codes] = random.integers(4, size=(SAMPLES, len(codes)))
    return X.astype(dtype), *targets_and_parameters(network, dtype, random)


def targets_and_parameters(network, dtype, random):
    t = random.normal(size=(SAMPLES, *network.out_shape)).astype(dtype)
    parameters = parameters_for(network.graph(trains=True), random)
    t = t if t.ndim == 2 else t.reshape(SAMPLES, -1, t.shape[-1])
    return Target(t, None), [array.astype(dtype) for array in parameters]


def trained(network, X, target, parameters, device, batch=16, **options):
    """Losses, parameters, moments and outputs of shuffled passes."""
    rule = Rule("adam", (0.9, 0.999, 1e-8), **options)
    random, found = np.random.RandomState(3), []
    with Session(
        *(network, X, target, rule),
        batch=batch, order=np.arange(SAMPLES), l2=1e-2, n_jobs=1, device=device,
    ) as session:  # fmt: skip
        session.load(parameters)
        session.begin(7, 0)
        for _ in range(2):
            session.shuffle(random, 1)
            found.append(session.run_passes(np.full(session.batches, 0.01)))
            found.append(session.evaluations.outputs(np.arange(1, SAMPLES, 2)).copy())
    moments = [array for moment in session.moments() for array in moment]
    return [*found, *session.parameters(), *moments]


def gradients(network, X, target, parameters, device, ragged=False):
    """The loss and its gradients by the parameters and the data."""
    order = np.random.default_rng(1).permutation(SAMPLES)
    rule = Rule(None, inputs=True, ragged=ragged)
    with Session(
        *(network, X, target, rule),
        batch=SAMPLES, order=order, l2=0.0, n_jobs=1, device=device,
    ) as session:  # fmt: skip
        session.load(parameters)
        loss = session.run_gradient(1.0)
    return [np.array(loss), *session.gradient(), session.plan.dx]
