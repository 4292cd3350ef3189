"""The Python of README.md and docs/, run as it stands there."""

import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FENCED = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = {"README.md": 11, "docs/c.md": 2, "docs/onnx.md": 1}
"""How many there are: a new one is run too, or named below."""

LEFT_OUT = {"from fusednn import MLPClassifier  # was: from sklearn.neural_network import ..."}
"""First lines of blocks that use data which the reader has."""

COMPILER = any(map(shutil.which, ("cc", "gcc", "clang")))


def blocks_of(document):
    return FENCED.findall((ROOT / document).read_text(encoding="utf-8"))


def programs():
    """Each block of README.md by itself; those of another document one after the other."""
    for document in BLOCKS:
        blocks = [one for one in blocks_of(document) if one.partition("\n")[0] not in LEFT_OUT]
        parts = blocks if document == "README.md" else ["\n".join(blocks)]
        for number, text in enumerate(parts):
            marks = [pytest.mark.peers] if "onnx" in text else []
            if "export_library" in text:
                marks.append(pytest.mark.skipif(not COMPILER, reason="no C compiler"))
            yield pytest.param(text, marks=marks, id=f"{document}-{number}")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("text", list(programs()))
def test_the_python_of_a_document_runs(text, tmp_path, monkeypatch):
    if "onnx" in text:
        pytest.importorskip("onnx")
        pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    exec(compile(text, "document", "exec"), {"__name__": "__main__"})
    for name in re.findall(r'(?:export_\w+|\bsave)\((?:\w+, )?"([^"]+)"', text):
        assert (tmp_path / name).stat().st_size > 1000


def test_no_block_is_overlooked():
    found = {document: blocks_of(document) for document in BLOCKS}
    assert {document: len(blocks) for document, blocks in found.items()} == BLOCKS
    firsts = {text.partition("\n")[0] for blocks in found.values() for text in blocks}
    assert firsts >= LEFT_OUT
    others = {str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")} - set(BLOCKS)
    assert not any(map(blocks_of, others))
