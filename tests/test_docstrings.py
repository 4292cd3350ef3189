"""Docstrings of public objects: the examples run, and the parameters are the signature's."""

import doctest
import inspect
import itertools
import shutil
import types

import pytest

import fusednn

DESCRIBED = (
    *(fusednn.augment, fusednn.layers, fusednn.layers.presets, fusednn.losses),
    *(fusednn.optimizers, fusednn.schedules, fusednn.series, fusednn.text),
)
COMPILER = any(map(shutil.which, ("cc", "gcc", "clang")))
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
SECTIONS = [
    *("Parameters", "Attributes", "Methods", "Returns", "Yields", "Other Parameters", "Raises"),
    *("Warns", "See Also", "Notes", "References", "Examples"),
]
"""In numpydoc's order."""


def public_objects():
    """Classes and functions that users import, by their names."""
    found = {f"fusednn.{name}": getattr(fusednn, name) for name in fusednn.__all__}
    for module in DESCRIBED:
        found |= {f"{module.__name__}.{name}": getattr(module, name) for name in module.__all__}
    kinds = type, types.FunctionType
    return {name: value for name, value in found.items() if isinstance(value, kinds)}


def public_methods():
    """Methods of these classes that fusednn defines, inherited ones once."""
    found = {}
    for value in PUBLIC.values():
        for name in dir(value) if isinstance(value, type) else ():
            method = inspect.getattr_static(value, name)
            method = getattr(method, "fn", getattr(method, "__func__", method))
            if name.startswith("_") or not callable(method):
                continue
            method = inspect.unwrap(method)
            if getattr(method, "__module__", "").startswith("fusednn."):
                found[f"{method.__module__}.{method.__qualname__}"] = method
    return found


PUBLIC = public_objects()
METHODS = public_methods()


def text_of(value):
    """The docstring of a method may be its base's; that of a class is its own."""
    inherits = inspect.isfunction(value)
    return (inspect.getdoc(value) if inherits else inspect.cleandoc(value.__doc__ or "")) or ""


def doctest_of(name, value):
    return doctest.DocTestParser().get_doctest(text_of(value), {}, name, None, 0)


def examples():
    """A test for each docstring that has examples."""
    modules = {module.__name__: module for module in (fusednn, *DESCRIBED)}
    for name, value in (modules | PUBLIC | METHODS).items():
        test = doctest_of(name, value)
        marks = [pytest.mark.peers] if "export_onnx" in name else []
        if any("export_library(" in example.source for example in test.examples):
            marks.append(pytest.mark.skipif(not COMPILER, reason="no C compiler"))
        if test.examples:
            yield pytest.param(test, marks=marks, id=name)


@pytest.fixture
def figures():
    """Plots without windows, closed at the end."""
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot

    yield
    pyplot.close("all")


@pytest.mark.parametrize("test", list(examples()))
def test_an_example_runs(test, request, tmp_path, monkeypatch):
    if "Display" in test.name:
        request.getfixturevalue("figures")
    if "export_onnx" in test.name:
        pytest.importorskip("onnx")
    monkeypatch.chdir(tmp_path)
    said = []
    doctest.DocTestRunner(optionflags=FLAGS).run(test, out=said.append)
    assert not said, "".join(said)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_object_has_an_example_that_runs(name):
    found = doctest_of(name, PUBLIC[name]).examples
    assert found
    assert not any(doctest.SKIP in one.options for one in found)


@pytest.mark.parametrize("name", [*PUBLIC, *METHODS])
def test_sections_are_numpydocs_in_its_order(name):
    lines = text_of((PUBLIC | METHODS)[name]).splitlines()
    found = [line for line, below in itertools.pairwise(lines) if set(below.strip()) == {"-"}]
    assert found == [section for section in SECTIONS if section in found]


def documented(value, section):
    """The names in a section of a numpydoc docstring, in order."""
    lines = text_of(value).splitlines()
    if section not in lines:
        return []
    found, start = [], lines.index(section) + 2
    for line, following in zip(lines[start:], [*lines[start + 1 :], ""], strict=True):
        if following.startswith("---"):  # the next section's name
            break
        if line and not line.startswith(" "):
            found += line.partition(" : ")[0].split(", ")
    return [name.lstrip("*") for name in found]


WITH_PARAMETERS = PUBLIC | METHODS
del WITH_PARAMETERS["fusednn.DiagnosisWarning"]  # takes any arguments, as all warnings do


@pytest.mark.parametrize("name", WITH_PARAMETERS)
def test_the_parameters_are_documented_in_their_order(name):
    value = WITH_PARAMETERS[name]
    own = [one for one in inspect.signature(value).parameters if one not in ("self", "cls")]
    assert documented(value, "Parameters") == own
