"""Solvers by name or description: the options that they get, and those that L-BFGS refuses."""

from __future__ import annotations

from operator import attrgetter

from fusednn.graph.network import Network
from fusednn.optimizers import NAMED, Optimizer
from fusednn.plan.training import Rule
from fusednn.training.fit_values import FitOptions

SOLVERS = ("lbfgs", "sgd", "adam", *NAMED)
_NAMED = attrgetter(*FitOptions._fields[2:-4])


def is_stochastic(solver) -> bool:
    """Whether a value of `solver` trains by mini-batches; other values are L-BFGS or invalid."""
    return isinstance(solver, Optimizer) or solver in SOLVERS[1:]


def name_of(solver) -> str:
    """The name of a solver, for messages."""
    return type(solver).__name__ if isinstance(solver, Optimizer) else solver


def options_of(estimator) -> FitOptions:
    """Makes the options of a training from the parameters of an estimator."""
    solver = estimator._described_solver()
    rule = estimator._rule_of(solver) if is_stochastic(solver) else Rule(None)
    power_t = getattr(estimator, "power_t", 0.5)  # only MLPs have it
    window = getattr(estimator, "window", None)  # only networks of layers have it
    best_epoch = getattr(estimator, "best_epoch", "first")  # likewise
    more = power_t, window, estimator._augmentation(), best_epoch
    found = FitOptions(*(solver, rule, *_NAMED(estimator), *more))
    auto = getattr(estimator, "_auto_rows", "auto")  # only networks without targets have it
    return found._replace(batch_size=auto) if found.batch_size == "auto" else found


def check_lbfgs(options: FitOptions, network: Network, own_set) -> None:
    """Raises ValueError for options and layers that L-BFGS does not support."""
    if own_set is not None:
        raise ValueError("X_val and y_val are for solvers other than 'lbfgs'.")
    given = {
        "dropout or noise": network.is_random(),
        "BatchNorm": network.needs_batches(),
        "max_norm": network.bounds_weights(),
        "ema_decay": options.ema_decay is not None,
        "accumulate": options.accumulate > 1,
        "mixup": options.mixup > 0,
        "rate_factor": any(one.rate != 1 for one in network.parameters()),
        "parametrization": any(one.scale != 1 for one in network.parameters()),
        "l1": options.l1 > 0,
        "clip_norm": options.clip_norm is not None,
        "clip_value": options.clip_value is not None,
        "augment": options.augmentation is not None,
        "window": options.window is not None,
    }
    for name in [name for name, used in given.items() if used]:
        raise ValueError(f"{name} is for solvers other than 'lbfgs'.")
