"""Byte pair encoding against a slow, obvious one."""

import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from oracles.byte_pairs import counts_at_each_merge, encoded
from oracles.parity import run_python

from fusednn.text import BpeTokenizer

RANDOM = np.random.RandomState(0)
ENDS = ["", "s", "ing", "'s", " 42", ", ", "!\n", "  "]
TEXTS = [
    "".join(RANDOM.choice([" walk", "talk", " the", "other", " A"]) + RANDOM.choice(ENDS)
            for _ in range(size))
    for size in RANDOM.randint(1, 40, 60)
]  # fmt: skip


@pytest.fixture(scope="module")
def fitted():
    return BpeTokenizer(max_codes=290).fit(TEXTS)


@pytest.mark.parametrize("min_count", [2, 60])
def test_each_merge_is_of_the_most_frequent_pair(min_count):
    tokenizer = BpeTokenizer(max_codes=290, min_count=min_count).fit(TEXTS)
    merges = list(map(tuple, tokenizer.merges_.tolist()))
    assert 0 < len(merges) <= 290 - 257
    for pair, counts in counts_at_each_merge(TEXTS, merges):
        most = max(counts.values())
        if pair is not None:
            assert counts[pair] == most >= min_count
    assert len(merges) == 290 - 257 or most < min_count


def test_codes_follow_from_the_merges(fitted):
    merges = list(map(tuple, fitted.merges_.tolist()))
    for text in [*TEXTS, "unseen: Otherwise walking 7 the\t"]:
        assert fitted.encode(text).tolist() == encoded(text, merges)


def test_the_vocabulary_says_what_codes_are(fitted):
    assert list(fitted.vocabulary_.values()) == [*range(1, fitted.n_codes_)]
    assert fitted.n_codes_ == 290
    for token, code in fitted.vocabulary_.items():
        assert fitted.decode([code]) == token.decode(errors="replace")
    for (left, right), code in zip(fitted.merges_, range(257, 290), strict=True):
        names = list(fitted.vocabulary_)
        assert names[code - 1] == names[left - 1] + names[right - 1]


def test_all_bytes_of_characters_come_back(fitted):
    text = "".join(chr(point) for point in (*range(0xD800), *range(0xE000, 0x11000), 0x10FFFF))
    codes = fitted.encode(text)
    assert codes.max() < fitted.n_codes_
    assert fitted.decode(codes) == text


def test_pieces_are_whole_characters(fitted):
    codes = fitted.encode("a🙂é").tolist()
    assert list(fitted.iter_decode(codes)) == ["a", "🙂", "é"]
    assert len(codes) == 1 + 4 + 2
    assert list(fitted.iter_decode(codes[:3])) == ["a", "\ufffd"]  # cut within a character
    assert fitted.decode([codes[1], codes[0]]) == "\ufffda"


def test_half_characters_are_refused(fitted):
    for call in (fitted.transform, BpeTokenizer().fit):
        with pytest.raises(ValueError, match=re.escape(r"X[1] holds '\ud800', half of a pair")):
            call(["a", "b\ud800"])


PROGRAM = """
import sys
from fusednn.text import BpeTokenizer
print(BpeTokenizer(max_codes=290).fit(eval(sys.argv[1])).merges_.tolist())
"""


@pytest.mark.parametrize("threads", [pytest.param("1", marks=pytest.mark.long), "3"])
def test_merges_are_the_same_in_any_process(fitted, threads, monkeypatch):
    monkeypatch.setenv("RAYON_NUM_THREADS", threads)
    monkeypatch.setenv("PYTHONHASHSEED", threads)
    assert_array_equal(eval(run_python(PROGRAM, repr(TEXTS))), fitted.merges_)
