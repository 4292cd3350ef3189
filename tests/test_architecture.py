"""ARCHITECTURE.md and its companions name files, names and imports that exist."""

import builtins
import re
from functools import cache
from pathlib import Path

import pytest
from test_imports import LAYERS

ROOT = Path(__file__).resolve().parents[1]
INTERNALS = [f"docs/internals/{path.name}" for path in (ROOT / "docs/internals").glob("*.md")]
PAGES = ["ARCHITECTURE.md", "CONTRIBUTING.md", *sorted(INTERNALS)]
HOMES = ROOT, ROOT / "src/fusednn"
PATH = re.compile(r"(?<![\w/*{])((?:\.?\w+/)*\w+\.(?:py|md|toml|json)|(?:\.?\w+/)+(?=`))(?![\w/])")
NAME = re.compile(r"`(\w*[A-Z]\w*|\w*_\w*)`")
SOURCES = "src/**/*.py", "kernels/**/*.py", "tests/**/*.py", "benchmarks/*.py"

each_page = pytest.mark.parametrize("page", PAGES)


def text_of(page):
    return (ROOT / page).read_text(encoding="utf-8")


def places_of(path):
    """Where a path leads from the root and from the package."""
    return [home / path for home in HOMES if (home / path).exists()]


def missing_paths(text):
    """Paths that lead nowhere; a bare name may be in any folder that its paragraph names."""
    for paragraph in re.split(r"\n\s*\n", text):
        paths = PATH.findall(paragraph)
        places = [place for path in paths if "/" in path for place in places_of(path)]
        folders = {place if place.is_dir() else place.parent for place in places}
        for path in paths:
            is_near = "/" not in path and any((folder / path).exists() for folder in folders)
            if not (is_near or places_of(path)):
                yield path


@cache
def known_names():
    """All names in the sources, and Python's own."""
    found = set(dir(builtins))
    for pattern in SOURCES:
        for path in ROOT.glob(pattern):
            found.update(re.findall(r"\w+", path.read_text(encoding="utf-8")))
    return found


@each_page
def test_files_exist(page):
    assert list(missing_paths(text_of(page))) == []


@each_page
def test_names_exist(page):
    found = set(NAME.findall(text_of(page)))
    assert found <= known_names(), found - known_names()


def test_a_wrong_path_is_found():
    text = "`plan/training.py` and `sizes.py`\n\n`plan/memory/` has `sizes.py`, `no/such/`, `x.py`"
    assert list(missing_paths(text)) == ["sizes.py", "no/such/", "x.py"]


def test_rooms_may_import_what_the_page_says():
    """The table of rooms is that of `test_imports.py`."""
    row = re.compile(r"^\| `(\w+)` \|.*\| ([\w, ]*) \|$", re.MULTILINE)
    rows = row.findall(text_of("ARCHITECTURE.md"))
    rooms = {room: {*re.findall(r"\w+", allowed)} - {"nothing"} for room, allowed in rows}
    assert rooms == {room: allowed - {room, ""} for room, allowed in LAYERS.items() if room}
