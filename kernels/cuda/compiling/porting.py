"""Carries functions over to another machine: each name that they use gets that machine's meaning.

A kernel is a Python function of kernels, intrinsics and constants. What becomes of the kernels and
the intrinsics is the caller's to say; this module walks from a function to all that it calls.
"""

import ast
import inspect
import textwrap
import types
from collections.abc import Callable, Mapping
from typing import Any

from fusednn.kernels.intrinsics import sync

HOME = "fusednn.kernels"
"""Plain functions of other modules keep their meaning, but for those of the caller's own."""


class Porting:
    """Carries functions over, each once.

    Parameters
    ----------
    meaning : callable
        Gives what a value means on the other machine, or None where it is no intrinsic.
    made : callable
        Makes a function of that machine from a Python function whose names have been bound.
    functions : mapping of str to function or None
        What stands behind the operands of kind "function" of the record, by their names: a call by
        address becomes a call of it. A call of a missing one is 0.
    """

    def __init__(
        self,
        meaning: Callable[[Any], Any],
        made: Callable[[types.FunctionType], Any],
        functions: Mapping[str, Any],
    ):
        self._meaning, self._made, self._functions = meaning, made, functions
        self._done: dict[int, Any] = {}
        self._kept: list[Any] = []  # so that no identity is given twice

    def __call__(self, value: Any) -> Any:
        """The value as the other machine has it."""
        if id(value) not in self._done:
            self._kept.append(value)
            self._done[id(value)] = self._ported(value)
        return self._done[id(value)]

    def _ported(self, value):
        meaning = self._meaning(value)
        if meaning is not None:
            return meaning
        function = getattr(value, "py_func", value)
        return self._made(self._bound(function)) if _is_function(function) else value

    def _used(self, value, caller, names):
        """What a name of a function stands for on the other machine."""
        if isinstance(value, types.ModuleType) and value.__name__.startswith(HOME):
            copy = types.ModuleType(value.__name__)
            copy.__dict__.update(value.__dict__)
            for name in names & vars(value).keys():
                setattr(copy, name, self._used(getattr(value, name), value, set()))
            return copy
        own = caller.__name__ if isinstance(caller, types.ModuleType) else caller.__module__
        if _is_function(value) and not value.__module__.startswith((HOME, own)):
            return value
        return self(value)

    def _bound(self, function):
        """A copy of a Python function whose names mean what they mean there."""
        names = set(_names_of(function.__code__))
        scope = dict(function.__globals__)
        calls = {name for name in names if scope.get(name) is sync.call}
        for name in (names & scope.keys()) - calls:
            scope[name] = self._used(scope[name], function, names)
        if calls:
            return self._without_addresses(function, scope, calls)
        cells = tuple(types.CellType(self(c.cell_contents)) for c in function.__closure__ or ())
        bound = types.FunctionType(
            function.__code__, scope, function.__name__, function.__defaults__, cells
        )
        bound.__qualname__, bound.__module__ = function.__qualname__, function.__module__
        return bound

    def _without_addresses(self, function, scope, calls):
        """The same for a function that calls others by their addresses."""
        assert function.__closure__ is None, f"{function.__qualname__} is a closure"
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        counts = {name: _arguments_of(given) for name, given in self._functions.items()}
        changed = _Direct(calls, counts)
        tree = ast.fix_missing_locations(changed.visit(tree))
        for name in changed.operands:
            scope[f"_{name}"] = self(self._functions[name])
        ast.increment_lineno(tree, function.__code__.co_firstlineno - 1)
        exec(compile(tree, function.__code__.co_filename, "exec"), scope)
        return scope[function.__name__]


class _Direct(ast.NodeTransformer):
    """Turns `call(record, DECLARED.name, (a, b))` into `_name(a, b)`, or into 0 where the record
    has no such function, or one of another form: the branch is not taken then."""

    def __init__(self, calls, counts):
        self._calls, self._counts, self.operands = calls, counts, set()

    def visit_FunctionDef(self, node):
        node.decorator_list = []
        return self.generic_visit(node)

    def visit_Call(self, node):
        self.generic_visit(node)
        if not (isinstance(node.func, ast.Name) and node.func.id in self._calls):
            return node
        _, operand, arguments = node.args
        if self._counts.get(operand.attr) != len(arguments.elts):
            return ast.copy_location(ast.Constant(0), node)
        self.operands.add(operand.attr)
        name = ast.Name(f"_{operand.attr}", ast.Load())
        return ast.copy_location(ast.Call(name, arguments.elts, []), node)


def _is_function(value):
    return isinstance(value, types.FunctionType)


def _arguments_of(function):
    """The number of a kernel's arguments; -1 where there is none."""
    return -1 if function is None else getattr(function, "py_func", function).__code__.co_argcount


def _names_of(code):
    """The names that a function and those inside it use."""
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from _names_of(inner)
