"""`fusednn warmup`: compiles kernels into the cache, or checks that they are there."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from itertools import product
from operator import methodcaller

from fusednn.command.terminal.errors import CheckFailed, UserError
from fusednn.command.terminal.watch import interruptible
from fusednn.training.progress_bar import ProgressBar

_split = methodcaller("split", ",")
REMEDY = "`fusednn warmup` with the same options compiles what is missing"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the estimators and the options."""
    parser.add_argument(
        "estimators",
        nargs="*",
        metavar="ESTIMATOR",
        default=["classifier", "regressor"],
        help="classifier, regressor (default: both), or MODULE:NAME for an estimator, pipeline"
        " or function that returns one in a module of your own",
    )
    group = parser.add_argument_group(
        "networks", "Parameters of classifier and regressor; separate several values by commas."
    )
    for name, default in (("activation", "relu"), ("solver", "adam"), ("loss", "squared_error")):
        text = f"default: {default}" + (" (of the regressor)" if name == "loss" else "")
        group.add_argument(f"--{name}", type=_split, metavar="A,B", help=text)
    group.add_argument(
        "--dtype",
        choices=["auto", "float32", "float64"],
        help="auto, the default, compiles both types",
    )
    parser.add_argument("--sparse", action="store_true", help="also compile for sparse X")
    parser.add_argument(
        "--check",
        action="store_true",
        help="compile nothing; exit code 1 if a kernel is missing in the cache",
    )


def run(options: argparse.Namespace) -> None:
    """Compiles the kernels, or checks the cache."""
    from fusednn.estimators.deployment.warmup import counted_since, rehearsals
    from fusednn.kernels._cache import statistics

    directory = _directory(options.check)
    before, start = statistics(), time.perf_counter()
    with interruptible():
        work = [
            pair
            for estimator in _estimators(options)
            for pair in rehearsals(estimator, options.sparse)
        ]
        if options.check:
            _check(work, directory)
        else:
            _compile(work)
    done = counted_since(before)
    if options.check:
        print(f"all {done['loaded']} kernels are in {directory}")
        return
    lost = done["compiled"] - done["kept"]
    if lost:
        raise UserError(f"{lost} compiled kernels could not be stored in {directory}")
    seconds = time.perf_counter() - start
    print(f"compiled {done['compiled']} and loaded {done['loaded']} kernels in {seconds:.1f} s")
    print(f"directory    {directory}")


def _compile(work: list) -> None:
    bar = ProgressBar("compiling", len(work))
    try:
        for number, (name, rehearse) in enumerate(work):
            rehearse()
            bar.update(number + 1, name)
    finally:
        bar.finish()


def _check(work: list, directory: str) -> None:
    from fusednn.kernels._cache import MissingKernelError, loading_only

    try:
        with loading_only():
            for _, rehearse in work:
                rehearse()
    except MissingKernelError as error:
        raise CheckFailed(f"{directory} is not complete: {error}; {REMEDY}") from None


def _directory(check: bool) -> str:
    """The directory of the kernels; creates it, except for `--check`."""
    from fusednn.kernels._cachedir import kernel_directory, root_directory

    failure = CheckFailed if check else UserError
    try:
        directory = kernel_directory(create=not check)
        if directory is not None:
            return directory
        root = root_directory()
    except OSError as error:
        raise failure(
            f"the cache cannot be used ({error}); set FUSEDNN_CACHE_DIR to a directory that"
            " only you can write to"
        ) from None
    if check:
        raise failure(f"{root} has no kernels for this CPU, these versions and options; {REMEDY}")
    raise failure("kernels cannot be stored: their sources are missing, or have just changed")


def _estimators(options: argparse.Namespace) -> Iterator:
    from fusednn import MLPClassifier, MLPRegressor

    kinds = {"classifier": MLPClassifier, "regressor": MLPRegressor}
    names = "activation", "solver", "loss", "dtype"
    given = {name: getattr(options, name) for name in names if getattr(options, name)}
    if options.dtype:
        given["dtype"] = [options.dtype]
    for name in options.estimators:
        if ":" not in name and name not in kinds:
            raise UserError(f"{name!r} is not classifier, regressor or MODULE:NAME")
    for option in given:
        takers = {"regressor"} if option == "loss" else set(kinds)
        if not takers & set(options.estimators):
            raise UserError(f"--{option} is for {' and '.join(sorted(takers))} only")
    for name in options.estimators:
        if ":" in name:
            yield _imported(name)
            continue
        known = [option for option in given if option != "loss" or name == "regressor"]
        for values in product(*(given[option] for option in known)):
            yield kinds[name](**dict(zip(known, values, strict=True)))


def _imported(place: str):
    """Imports an estimator, MODULE:NAME; searches the current directory too."""
    module, _, name = place.partition(":")
    sys.path.insert(0, os.getcwd())
    try:
        found = getattr(import_module(module), name)
    except Exception as error:  # a user's module may raise anything
        raise UserError(f"{place} cannot be imported: {error}") from None
    if isinstance(found, type) or not hasattr(found, "get_params"):
        if not callable(found):
            raise UserError(f"{place} is not an estimator")
        try:
            found = found()
        except Exception as error:
            raise UserError(f"{place}() failed: {type(error).__name__}: {error}") from None
    if not hasattr(found, "get_params"):
        raise UserError(f"{place}() did not return an estimator")
    return found
