"""Schedules of the learning rate: values of the estimators' parameter `learning_rate`.

A schedule gives each step (mini-batch) a factor of `learning_rate_init`. Steps are counted from 0.
`total` is the number of steps in `max_iter` epochs of the current call. After `total` steps
`Cosine`, `CosLog`, `FlatCosine` and `OneCycle` stay at their last factor. Every solver except
"lbfgs" takes schedules. A fit computes the factors as arrays, so a schedule compiles nothing.
`Schedule` says how to write one of your own.

Examples
--------
>>> from fusednn import MLPClassifier
>>> from fusednn.schedules import Cosine, WarmUp
>>> model = MLPClassifier(solver="adamw", learning_rate=WarmUp(100, then=Cosine()))
"""

from .decays import Exponential, ReduceOnPlateau, Step
from .schedule import Schedule
from .waves import Cosine, CosLog, Cyclic, FlatCosine, OneCycle, WarmUp

__all__ = [
    "CosLog",
    "Cosine",
    "Cyclic",
    "Exponential",
    "FlatCosine",
    "OneCycle",
    "ReduceOnPlateau",
    "Schedule",
    "Step",
    "WarmUp",
]
