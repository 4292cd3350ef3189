"""Where the memory of an array begins and ends."""

try:
    from numpy.lib.array_utils import byte_bounds
except ImportError:  # NumPy 1.26 has it elsewhere
    from numpy import byte_bounds  # type: ignore[attr-defined, no-redef]  # gone in NumPy 2

__all__ = ["byte_bounds"]
