"""Imports point one way, importing is cheap, and Numba's options are in one file."""

import ast
import sys
import tomllib
from collections import Counter
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from oracles.parity import run_python

ROOT = Path(__file__).resolve().parents[1]
SOURCES = {
    **{
        p: ("fusednn", *p.relative_to(ROOT / "src/fusednn").parts)
        for p in ROOT.glob("src/**/*.py")
    },
    **{p: ("fusednn", *p.relative_to(ROOT).parts) for p in ROOT.glob("kernels/**/*.py")},
}

# who may import what of this project; a lone module of the package is a layer of its own
LAYERS = {
    "kernels": {"kernels"},
    "graph": {"graph"},
    "plan": {"plan", "graph", "kernels"},
    "optimizers": {"optimizers", "schedules"},  # descriptions only
    "losses": {"losses"},
    "schedules": {"schedules"},
    "series": set(),
    "text": {"text"},
    "training": {"training", "graph", "plan", "kernels", "optimizers", "schedules"},
    "serving": {"serving", "graph", "training", "plan", "kernels", "tables"},
    "export": {"export", "graph", "serving", "plan", "kernels", "tables", ""},  # the version
    "compiled": {"serving"},  # its checks and answers alone; no Numba: for services that have none
    "compiled_tables": {"compiled", "serving", "tables"},  # no Numba either
    "exceptions": set(),
    "layers": {"layers", "schedules"},
    "augment": {"augment"},
    "estimators": {
        *("estimators", "export", "serving", "training", "plan", "graph", "kernels"),
        *("exceptions", "augment", "layers", "losses", "optimizers", "schedules"),
        *("tables", "text"),
    },
    "tables": {"tables"},
    "versions": {"training", "plan", "kernels"},
    "command": {
        *("command", "versions", "estimators", "export", "serving", "tables"),
        *("training", "plan", "kernels", ""),
        "layers",
        "text",
    },
    "": set(),  # the package itself finds its names by text, on first use
}
OUTSIDE = {
    "graph": set(),  # neither memory nor kernels
    "kernels": {"numpy", "numba", "llvmlite"},
    "plan": {"numpy", "scipy"},
}


def module_of(path):
    *package, last = SOURCES[path]
    name = last.removesuffix(".py")
    return ".".join(package if name == "__init__" else [*package, name])


MODULES = {module_of(path): path for path in SOURCES}


def layer_of(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


@cache
def imports(path):
    """Full names of all modules that a file imports, those inside functions too."""
    return frozenset(imported(path))


def imported(path):
    name, is_package = module_of(path), path.name == "__init__.py"
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = name.split(".")
                parts = parts[: len(parts) - node.level + is_package]
                base = ".".join([*parts, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield inner if inner in MODULES else base


def lazy_name(name):
    """`from fusednn import MLPClassifier` is an arrow to the estimators."""
    return "fusednn.estimators" if name.startswith(("fusednn.MLP", "fusednn.Network")) else name


def test_there_is_something_to_walk():
    assert {layer_of(module) for module in MODULES} >= {"kernels", "plan", "training", "command"}
    assert "fusednn.kernels.engine" in MODULES
    assert "fusednn.plan.binding.program" in imports(MODULES["fusednn.training.threads.team"])
    nested = "fusednn.estimators.files.loading"
    assert nested in imports(MODULES["fusednn.estimators.files.mixin"])


def test_all_packages_are_installed():
    """pyproject.toml lists them by hand."""
    written = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = {module_of(path) for path in SOURCES if path.name == "__init__.py"}
    assert set(written["tool"]["setuptools"]["packages"]) == packages


@pytest.mark.parametrize("module", sorted(MODULES))
def test_arrows_point_down(module):
    layer = layer_of(module)
    for name in map(lazy_name, imports(MODULES[module])):
        root = name.split(".")[0]
        if root == "fusednn":
            assert layer_of(name) in LAYERS[layer], f"{module} imports {name}"
        elif layer in OUTSIDE:
            known = root in OUTSIDE[layer] or root in sys.stdlib_module_names
            assert known, f"{module} imports {name}"


def test_no_import_goes_in_a_circle():
    """Not inside a layer, nor by a function's import; CycleError has the circle."""
    graph = {
        module: {name for name in imports(path) if name in MODULES} - {module}
        for module, path in MODULES.items()
    }
    assert set(TopologicalSorter(graph).static_order()) >= set(MODULES)


FOLDERS = {module_of(path) for path in SOURCES if path.name == "__init__.py"}


def room_of(module):
    """A folder without folders of its own; elsewhere each file is a room."""
    folder = module if module in FOLDERS else module.rpartition(".")[0]
    return module if any(one.startswith(f"{folder}.") for one in FOLDERS) else folder


def test_rooms_point_one_way():
    """No two rooms of a layer import each other, by whatever way round."""
    arrows = {room_of(module): set() for module in MODULES}
    for module, path in MODULES.items():
        there = {room_of(name) for name in imports(path) if name in MODULES}
        arrows[room_of(module)] |= there - {room_of(module)}
    assert "fusednn.plan.binding" in arrows
    assert set(TopologicalSorter(arrows).static_order()) == set(arrows)


def test_folders_are_rooms():
    """Not attics: a folder of more than 25 files has several subjects."""
    folders = Counter(path.parent for path in SOURCES)
    assert max(folders.values()) <= 25, folders.most_common(1)


LIGHT = """
import sys
import fusednn
heavy = {"sklearn", "scipy", "numba", "pandas", "joblib"} & set(sys.modules)
print(sorted(heavy), [n for n in ("MLPClassifier", "MLPRegressor") if n in dir(fusednn)])
"""


def test_import_brings_no_heavy_package():
    assert run_python(LIGHT, options=("-W", "error")).strip() == (
        "[] ['MLPClassifier', 'MLPRegressor']"
    )


SILENT = """
import numba
from numba.core import event
with event.install_recorder("numba:run_pass") as passes:
    import pkgutil
    import fusednn, fusednn.kernels, fusednn.plan, fusednn.training
    from fusednn import MLPClassifier, MLPRegressor
    for package in (fusednn.kernels, fusednn.plan, fusednn.training):
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            __import__(found.name)
    MLPClassifier(), MLPRegressor()
    imported = len(passes.buffer)
    numba.njit(lambda x: x)(1)
print(imported, len(passes.buffer) > 0)
"""


def test_import_compiles_nothing():
    """Not one compiler pass runs, of any module; the recorder does see those of a call."""
    assert run_python(SILENT, options=("-W", "error")).strip() == "0 True"


NUMBA_OPTIONS = {
    "boundscheck", "cache", "error_model", "fastmath", "forceinline", "forceobj", "inline",
    "looplift", "no_cfunc_wrapper", "no_cpython_wrapper", "nogil", "nopython",
}  # fmt: skip
DECORATORS = {"cfunc", "guvectorize", "jit", "njit", "stencil", "vectorize"}
LLVM_FLAGS = {"fast", "nnan", "ninf", "nsz", "arcp", "contract", "afn", "reassoc"}
WITH_OPTIONS = "_jit.py", "_options.py", "cuda/compiling/compiler.py"  # the last: for GPUs
KERNELS = sorted(ROOT.glob("kernels/**/*.py"))


@pytest.mark.parametrize("path", KERNELS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_fastmath_and_no_options_elsewhere(path):
    only_here = path in [ROOT / "kernels" / name for name in WITH_OPTIONS]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.keyword):
            assert node.arg != "fastmath"
            assert only_here or node.arg not in NUMBA_OPTIONS
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert node.value not in LLVM_FLAGS | {"fastmath"}
            assert only_here or node.value not in NUMBA_OPTIONS - {"cache", "inline"}
        elif isinstance(node, ast.Name):
            assert only_here or node.id not in DECORATORS
        elif isinstance(node, ast.Attribute):
            assert only_here or node.attr not in DECORATORS
        elif isinstance(node, ast.alias):
            assert only_here or node.name.split(".")[-1] not in DECORATORS


def test_compiled_functions_have_no_fastmath():
    """What the table of options says, and what dispatchers were given."""
    from fusednn.kernels import _jit, engine

    assert _jit.OPTIONS == {"nogil": True, "error_model": "numpy"}
    if _jit.JIT:
        assert not engine.run_steps.targetoptions.get("fastmath")
