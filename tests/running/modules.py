"""Imports of whole packages."""

import importlib
import pkgutil


def import_all(package):
    """Imports the modules of a package, and of those in it."""
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
