"""Tokenizers as JSON: what comes back, and what is refused."""

import copy
import json

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

from fusednn.estimators.files.json_values import Reader, Writer
from fusednn.serving.files.fields import Refused
from fusednn.text import BpeTokenizer, CharTokenizer, WordTokenizer

TEXTS = ["to be or not to be", "or to see, to see!", "naïve 漢字 🙂 to be", "be \ud800"]
KINDS = {
    "char": CharTokenizer(length=np.int64(7)),
    "char, unknown": CharTokenizer(handle_unknown="code", max_codes=9, padded=False),
    "word": WordTokenizer(split="spaces", lowercase=False),
    "bpe": BpeTokenizer(max_codes=270),
}


def texts_for(tokenizer):
    return TEXTS[:-1] if isinstance(tokenizer, BpeTokenizer) else TEXTS


def written(value):
    writer = Writer()
    text = json.dumps(writer.write(value, "value"), allow_nan=False)
    assert writer.tensors == {}
    return text, writer.version


def read(text):
    return Reader(None).read(json.loads(text), "value")


@pytest.mark.parametrize("tokenizer", KINDS.values(), ids=KINDS)
def test_tokenizers_come_back(tokenizer):
    fitted, texts = clone(tokenizer).fit(texts_for(tokenizer)), texts_for(tokenizer)
    if isinstance(tokenizer, CharTokenizer):
        fitted.set_params(handle_unknown="error")  # what was learned has a code of unknown ones
    text, version = written(fitted)
    found = read(text)
    assert version == 7
    assert type(found) is type(fitted)
    assert found.get_params() == fitted.get_params()
    assert found.vocabulary_ == fitted.vocabulary_
    assert found.n_codes_ == fitted.n_codes_
    for one, other in zip(found.transform(texts), fitted.transform(texts), strict=True):
        assert_array_equal(one, other)
        assert one.dtype == other.dtype
        assert found.decode(one) == fitted.decode(one)
    assert written(found)[0] == text
    blank = read(written(tokenizer)[0])
    assert blank.get_params() == tokenizer.get_params()
    assert not hasattr(blank, "n_codes_")


def doubling(values):
    merges = [[98, 98], *([256 + at, 256 + at] for at in range(1, 40))]
    values["fitted"] = {"merges": merges}


DAMAGES = {
    "no class": ("char", lambda v: v.pop("class"), "must be an object of class, fitted, p"),
    "other class": ("char", lambda v: v.update({"class": "list"}), "class must be one of Bpe"),
    "listed class": ("char", lambda v: v.update({"class": []}), "class must be one of Bpe"),
    "no param": ("char", lambda v: v["params"].pop("length"), "params must be an object of han"),
    "bad param": ("char", lambda v: v["params"].update(length=0), "length of CharTokenizer must"),
    "other split": ("word", lambda v: v["params"].update(split="(a+)+$"), "split of WordTok"),
    "long token": ("char", lambda v: v["fitted"]["tokens"].append("ab"), "a token must be a char"),
    "empty token": ("word", lambda v: v["fitted"]["tokens"].append(""), "a token must be a text"),
    "number": ("word", lambda v: v["fitted"]["tokens"].append(1), "a token must be a text"),
    "twice": ("word", lambda v: v["fitted"].update(tokens=["a", "a"]), "tokens must be distinct"),
    "no tokens": ("word", lambda v: v["fitted"].update(tokens=[]), "tokens must be a list of"),
    "no list": ("word", lambda v: v["fitted"].update(tokens="ab"), "tokens must be a list of"),
    "unknown": ("word", lambda v: v["fitted"].update(unknown=1), "unknown must be true or false"),
    "merges": ("word", lambda v: v.update(fitted={"merges": []}), "fitted must be an object of t"),
    "later code": ("bpe", lambda v: v["fitted"]["merges"].insert(0, [2, 257]), "made before"),
    "code 0": ("bpe", lambda v: v["fitted"]["merges"].append([0, 5]), "made before"),
    "half a pair": ("bpe", lambda v: v["fitted"]["merges"].append([5]), "list of pairs"),
    "float code": ("bpe", lambda v: v["fitted"]["merges"].append([5, 5.0]), "list of pairs"),
    "doubling": ("bpe", doubling, "makes more than 256 bytes"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_values_are_refused(name):
    kind, damage, words = DAMAGES[name]
    fitted = clone(KINDS[kind]).fit(texts_for(KINDS[kind]))
    value = json.loads(written(fitted)[0])
    damage(copied := copy.deepcopy(value["tokenizer"]))
    with pytest.raises(Refused, match=f"value must be a tokenizer: .*{words}") as refused:
        read(json.dumps({"tokenizer": copied}))
    assert not str(refused.value).endswith(".")  # the caller adds it
    read(json.dumps(value))
