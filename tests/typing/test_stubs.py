"""The stubs of the packages that import on first use have the names and parameters that exist."""

import ast
import importlib
import inspect
from pathlib import Path

import pytest

import fusednn
from fusednn import kernels

PACKAGES = fusednn, kernels


def stub_of(package):
    path = Path(package.__file__).with_suffix(".pyi")
    return ast.parse(path.read_text(encoding="utf-8"))


def exported(tree):
    """The value of `__all__`."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return ast.literal_eval(node.value)
    raise AssertionError("no __all__")


def imported(package, tree):
    """The modules that the stub's names come from, by name."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.level:
            home = ".".join(filter(None, (package.__name__, node.module)))
            yield from ((alias.name, home) for alias in node.names)


def functions(tree):
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("package", PACKAGES)
def test_the_names_are_those_of_the_package(package):
    tree = stub_of(package)
    names = exported(tree)
    assert names == package.__all__
    assert set(names) <= {*dict(imported(package, tree)), *functions(tree)}
    for name in names:
        assert hasattr(package, name)


@pytest.mark.parametrize("package", PACKAGES)
def test_each_name_is_that_of_its_module(package):
    homes = dict(imported(package, stub_of(package)))
    assert homes
    for name, home in homes.items():
        if home == package.__name__:
            assert getattr(package, name) is importlib.import_module(f"{home}.{name}")
        else:
            assert getattr(package, name) is getattr(importlib.import_module(home), name)


def test_kernels_take_what_their_stub_says():
    for name, node in functions(stub_of(kernels)).items():
        kernel = getattr(kernels, name)
        given = inspect.signature(getattr(kernel, "py_func", kernel)).parameters
        assert [argument.arg for argument in node.args.args] == list(given), name
