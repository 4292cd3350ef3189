"""The pages at the root and in docs/: their Python runs, and their links lead somewhere."""

import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PATHS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
PAGES = [path.relative_to(ROOT).as_posix() for path in PATHS]
FENCED = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")

COMPILER = any(map(shutil.which, ("cc", "gcc", "clang")))


def text_of(page):
    return (ROOT / page).read_text(encoding="utf-8")


def anchors_of(path):
    """What links to a page may have after the #: its headings, as they are shown on the web."""
    titles = re.findall(r"^#+ (.*)$", CODE.sub("", path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


def programs():
    """Every block by itself."""
    for page in PAGES:
        for number, text in enumerate(FENCED.findall(text_of(page))):
            marks = [pytest.mark.peers] if "onnxruntime" in text or "import torch" in text else []
            if "export_library" in text:
                marks.append(pytest.mark.skipif(not COMPILER, reason="no C compiler"))
            yield pytest.param(text, marks=marks, id=f"{page}-{number}")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("text", list(programs()))
def test_the_python_of_a_page_runs(text, tmp_path, monkeypatch):
    if "onnxruntime" in text:
        pytest.importorskip("onnx")
        pytest.importorskip("onnxruntime")
    if "import torch" in text:
        pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    exec(compile(text, "document", "exec"), {"__name__": "__main__"})
    for name in re.findall(r'(?:export_\w+|\bsave)\((?:\w+, )?"([^"]+)"', text):
        assert (tmp_path / name).stat().st_size > 1000


@pytest.mark.parametrize("page", PAGES)
def test_no_block_is_overlooked(page):
    text = text_of(page)
    assert len(FENCED.findall(text)) == len(re.findall(r"(?i)(```|~~~)[ {.]*py", text))


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for link in LINK.findall(CODE.sub("", text_of(page))):
        if link.startswith("https://"):
            continue
        target, _, anchor = link.partition("#")
        path = (ROOT / page).parent / target if target else ROOT / page
        assert path.exists(), link
        assert not anchor or anchor in anchors_of(path), link


def test_the_readme_is_short_and_names_every_page():
    readme = text_of("README.md")
    assert len(readme.splitlines()) <= 160
    assert {page for page in PAGES if f"]({page})" in readme} == set(PAGES) - {"README.md"}
