"""Device functions as Python functions: a barrier is a `yield`, and what has one a generator."""

import ast
import inspect
import math
import textwrap
import types

import numpy as np
from fusednn.kernels.cuda import language
from fusednn.kernels.intrinsics import lanes, pointers, scalars

from .meanings import meanings_of
from .memory import Memory, Pointer
from .running import Math

BARRIERS = {language.barrier: "block", language.grid_barrier: "grid"}

BUILTINS = {"float": np.float64, "int": np.int64}
"""Types of compiled code, whose arithmetic is not that of Python's own."""


LIKE = {
    *(pointers.slot, pointers.number, scalars.cast, scalars.pick, lanes.lanes_of),
    *(language.shared, language.dynamic, language.local),
}
"""What takes as its last argument a value whose type alone matters."""


def like(array, index):
    """An element whose value does not matter: compiled code does not read it."""
    if isinstance(array, Pointer):
        return array.cells.dtype.type(0)
    return array[index]


class Translated:
    """Translates functions, each once.

    Parameters
    ----------
    memory : Memory
    more : dict, optional
        What further names mean, by what device code has imported.
    """

    def __init__(self, memory: Memory, more=None):
        self.meanings = {**meanings_of(memory), **(more or {})}
        self._done = {}

    def __call__(self, function):
        """The function in Python, with the attribute `has_barriers`.

        Parameters
        ----------
        function : function, or compiled function
        """
        function = getattr(function, "py_func", function)
        if function not in self._done:
            self._done[function] = self._translate(function)
        return self._done[function]

    def _meaning(self, value, home):
        """What a name of module `home` that is bound to this value means."""
        if hasattr(value, "has_barriers"):  # it is translated
            return value
        if hasattr(value, "py_func"):
            return self(value)
        if isinstance(value, types.FunctionType) and (
            value.__module__ == home or value.__module__.startswith("fusednn.kernels")
        ):
            return self(value)
        if type(value) is float:
            return np.float64(value)
        return Math if value is math else value

    def _translate(self, function):
        outer = inspect.getclosurevars(function)
        scope, barriers, shared, likes = dict(function.__globals__), {}, set(), set()
        scope["_like"] = like
        for name, value in {**outer.globals, **outer.nonlocals}.items():
            if _is_in(LIKE, value):
                likes.add(name)
            if _is_in(BARRIERS, value):
                barriers[name] = BARRIERS[value]
            elif value is language.shared:
                shared.add(name)
                scope[name] = self.meanings[value]
            elif isinstance(value, types.ModuleType):
                scope[name] = Math if value is math else value
            else:
                known = _is_in(self.meanings, value)
                home = function.__module__
                scope[name] = self.meanings[value] if known else self._meaning(value, home)
        scope.update({name: kind for name, kind in BUILTINS.items() if name in outer.builtins})
        calls = {name for name, value in scope.items() if getattr(value, "has_barriers", False)}
        lines, first = inspect.getsourcelines(function)
        tree = ast.parse(textwrap.dedent("".join(lines)))
        place = f"{function.__module__}.{function.__name__}"
        own = function.__code__.co_varnames
        changed = _Changed(place, first, barriers, shared, likes, calls, own)
        tree = ast.fix_missing_locations(changed.visit(tree))
        scope.update(changed.constants)
        ast.increment_lineno(tree, first - 1)
        exec(compile(tree, inspect.getfile(function), "exec"), scope)
        made = scope[function.__name__]
        made.has_barriers = changed.has_barriers
        return made


def _is_in(known, value):
    """Whether a set or dict has a value, which may have no hash."""
    try:
        return value in known
    except TypeError:
        return False


class _Changed(ast.NodeTransformer):
    """A function's tree with barriers as yields, and floats as float64."""

    def __init__(self, place, first, barriers, shared, likes, calls, own):
        self.place, self.first, self.own = place, first, set(own)
        self.barriers, self.shared, self.likes, self.calls = barriers, shared, likes, calls
        self.has_barriers, self.constants = False, {}

    def visit_FunctionDef(self, node):
        node.decorator_list, node.returns = [], None
        for argument in node.args.args:
            argument.annotation = None
        self.generic_visit(node)
        return node

    def visit_Constant(self, node):
        if type(node.value) is not float:
            return node
        name = f"_float64_{len(self.constants)}"
        self.constants[name] = np.float64(node.value)
        return ast.copy_location(ast.Name(name, ast.Load()), node)

    def visit_Call(self, node):
        self.generic_visit(node)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in self.own:
            return node
        place = f"{self.place}:{self.first + node.lineno - 1}:{node.col_offset}"
        if name in self.barriers:
            self.has_barriers = True
            return ast.Yield(ast.Constant((self.barriers[name], place)))
        if name in self.likes and node.args and isinstance(node.args[-1], ast.Subscript):
            array, index = node.args[-1].value, node.args[-1].slice
            node.args[-1] = ast.Call(ast.Name("_like", ast.Load()), [array, index], [])
        if name in self.shared:
            node.args.insert(0, ast.Constant(place))
        if name in self.calls:
            self.has_barriers = True
            return ast.YieldFrom(node)
        return node
