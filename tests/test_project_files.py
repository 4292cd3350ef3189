"""Files that describe the project agree with pyproject.toml, and what it names exists."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT, TOOLS = PYPROJECT["project"], PYPROJECT["tool"]
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("[!c]*.yml"))


def text_of(path):
    return (ROOT / path).read_text(encoding="utf-8")


def values_of(text, key):
    """The values of a key in YAML of one line each."""
    return re.findall(rf"^[ -]*{re.escape(key)}: *(.+)$", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("title", PROJECT["name"]),
        ("version", PROJECT["version"]),
        ("abstract", PROJECT["description"]),
        ("license", PROJECT["license"]),
        ("name", *(author["name"] for author in PROJECT["authors"])),
        ("keywords", f"[{', '.join(PROJECT['keywords'])}]"),
    ],
)
def test_the_citation_agrees(key, value):
    assert values_of(text_of("CITATION.cff"), key) == [value]


def test_the_licence_names_the_authors():
    (author,) = PROJECT["authors"]
    assert author["name"].lower() in text_of("LICENSE")


def test_the_changelog_begins_with_this_version():
    heading = re.search(r"^## ([\d.]+)", text_of("CHANGELOG.md"), re.MULTILINE)
    assert heading[1] == re.match(r"[\d.]*\d(?=$|\.dev)", PROJECT["version"])[0]


def test_the_classifiers_name_the_pythons():
    bounds = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", PROJECT["requires-python"])
    low, high = map(int, bounds.groups())
    found = re.findall(r"Python :: 3\.(\d+)$", "\n".join(PROJECT["classifiers"]), re.MULTILINE)
    assert [*map(int, found)] == [*range(low, high)]
    assert TOOLS["mypy"]["python_version"] == f"3.{low}"
    assert TOOLS["ruff"]["target-version"] == f"py3{low}"


def test_named_files_exist():
    missing = [
        name
        for name in (
            PROJECT["readme"],
            *PROJECT["license-files"],
            *TOOLS["setuptools"]["package-dir"].values(),
            *TOOLS["pytest"]["ini_options"]["testpaths"],
            *TOOLS["mypy"]["files"],
        )
        if not (ROOT / name).exists()
    ]
    omitted = TOOLS["coverage"]["run"]["omit"]
    missing += [pattern for pattern in omitted if not any(ROOT.glob(pattern.removeprefix("*/")))]
    for pattern in TOOLS["ruff"]["lint"]["per-file-ignores"]:
        missing += [] if any(ROOT.glob(pattern)) else [pattern]
    assert missing == []


def test_the_dev_extra_has_what_the_hooks_run():
    entries = values_of(text_of(".pre-commit-config.yaml"), "entry")
    commands = {entry.split()[0] for entry in entries if entry[0].isalpha()}  # no pattern
    assert {"ruff", "mypy", "codespell", "shellcheck"} <= commands
    extra = {
        re.match(r"[\w-]+", requirement)[0].removesuffix("-py")
        for requirement in PROJECT["optional-dependencies"]["dev"]
    }
    assert commands | {"pre-commit"} <= extra


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_issue_forms_ask_for_versions(path):
    text = path.read_text(encoding="utf-8")
    assert "versions" in values_of(text, "id")
    assert "`fusednn versions`" in text
    assert "`fusednn.show_versions()`" in text


def test_there_are_forms_for_issues():
    assert [path.stem for path in FORMS] == ["bug", "feature", "question"]
