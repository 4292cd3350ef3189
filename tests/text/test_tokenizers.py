"""What all tokenizers do: codes of texts and back, padding, refusals, scikit-learn's contract."""

import pickle
import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import estimator_checks

from fusednn.text import BpeTokenizer, CharTokenizer, WordTokenizer

TEXTS = ["to be or not to be", "or to  see, to see!", "be not\nnot be\n", "naïve 漢字 🙂 to be or"]
KINDS = {
    "char": CharTokenizer(),
    "char, unknown": CharTokenizer(handle_unknown="code"),
    "word": WordTokenizer(min_count=1),
    "word, strict": WordTokenizer(min_count=1, handle_unknown="error", split="spaces"),
    "bpe": BpeTokenizer(max_codes=280),
}
by_kind = pytest.mark.parametrize("tokenizer", KINDS.values(), ids=KINDS)
exact = pytest.mark.parametrize("name", ["char", "char, unknown", "bpe"])


@by_kind
def test_rows_are_codes_of_each_text_and_padding(tokenizer):
    found = clone(tokenizer).fit_transform(TEXTS)
    fitted = clone(tokenizer).fit(TEXTS)
    assert found.dtype == (np.uint16 if fitted.n_codes_ > 256 else np.uint8)
    alone = [fitted.encode(text) for text in TEXTS]
    assert found.shape == (4, max(map(len, alone)))
    for row, codes in zip(found, alone, strict=True):
        assert codes.dtype == found.dtype
        assert codes.min() > 0
        assert codes.max() < fitted.n_codes_
        assert_array_equal(row, [*codes, *[0] * (len(row) - len(codes))])
    parts = fitted.set_params(padded=False).transform(TEXTS)
    assert type(parts) is list
    for part, codes in zip(parts, alone, strict=True):
        assert_array_equal(part, codes)


@by_kind
def test_length_cuts_and_pads(tokenizer):
    fitted = clone(tokenizer).fit(TEXTS)
    whole = fitted.transform(TEXTS)
    for length in (3, 40):
        found = fitted.set_params(length=length).transform(TEXTS)
        assert found.shape == (4, length)
        most = min(length, whole.shape[1])
        assert_array_equal(found[:, :most], whole[:, :most])
        assert not found[:, most:].any()
    assert_array_equal(fitted.encode(TEXTS[0]), np.trim_zeros(whole[0]))


@by_kind
def test_other_containers_of_texts(tokenizer):
    fitted = clone(tokenizer).fit(TEXTS)
    expected = fitted.transform(TEXTS)
    for same in (tuple(TEXTS), np.array(TEXTS), np.array(TEXTS, object), pd.Series(TEXTS)):
        assert_array_equal(clone(tokenizer).fit(same).transform(same), expected)
    assert_array_equal(fitted.transform(text for text in TEXTS), expected)


@exact
def test_codes_become_their_texts(name):
    random = np.random.RandomState(0)
    texts = ["".join(map(chr, random.choice([9, 65, 97, 32, 233, 28450, 128578], size)))
             for size in random.randint(1, 60, 200)]  # fmt: skip
    fitted = clone(KINDS[name]).fit(texts)
    assert fitted.inverse_transform(fitted.transform(texts)) == texts
    assert fitted.inverse_transform(fitted.set_params(padded=False).transform(texts)) == texts


def test_words_come_back_with_a_space_between():
    fitted = WordTokenizer(min_count=1).fit(TEXTS)
    assert fitted.decode(fitted.encode("To  see,\nor never?")) == "to see , or \ufffd \ufffd"
    assert fitted.decode([0, *fitted.encode("see to"), 0], continues=True) == " see to"


@by_kind
def test_pieces_appear_one_by_one(tokenizer):
    """Each code is asked for after the piece before it was taken; together they are the text."""
    fitted = clone(tokenizer).fit(TEXTS)
    codes, asked = fitted.encode("to be not\nnot or").tolist(), []

    def given():
        for code in codes:
            asked.append(code)
            yield code

    pieces = fitted.iter_decode(given())
    assert asked == []
    first = next(pieces)
    assert len(asked) == 1
    rest = list(pieces)
    assert all(rest)
    assert "".join([first, *rest]) == fitted.decode(codes)


@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_parameters_default_constructible,
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_set_params,
    ],
    ids=lambda check: check.__name__,
)
@pytest.mark.parametrize("kind", [BpeTokenizer, CharTokenizer, WordTokenizer])
def test_parameters_pass_scikit_learns_checks(kind, check):
    check(kind.__name__, kind())


@by_kind
def test_pickles_and_copies(tokenizer):
    fitted = clone(tokenizer).fit(TEXTS)
    expected = fitted.transform(TEXTS)
    again = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(again.transform(TEXTS), expected)
    with pytest.raises(NotFittedError):
        clone(again).transform(TEXTS)


def test_the_type_holds_all_codes():
    for count, dtype in ((254, np.uint8), (255, np.uint8), (256, np.uint16), (65536, np.int32)):
        text = "".join(map(chr, range(0x10000, 0x10000 + count)))
        found = CharTokenizer().fit([text]).encode(text)
        assert found.dtype == dtype
        assert_array_equal(found, np.arange(1, count + 1))


NOT_TEXTS = [
    ("to be", TypeError, r"list of texts, got one: pass \['to be'\]"),
    (b"to be", TypeError, "list of texts, got one"),
    (3, TypeError, "list of texts, got int"),
    ([], ValueError, "at least one text"),
    (["to", None], TypeError, r"X\[1\] must be a text, got None"),
    (["to", 3.5], TypeError, r"X\[1\] must be a text, got 3.5"),
    (np.array([["to"], ["be"]]), ValueError, r"got the shape \(2, 1\)"),
    (pd.DataFrame({"text": ["to"]}), ValueError, r"got the shape \(1, 1\)"),
]


@pytest.mark.parametrize("case", NOT_TEXTS, ids=[f"{x!r}"[:12] for x, *_ in NOT_TEXTS])
@by_kind
def test_what_holds_no_texts_is_refused(tokenizer, case):
    X, error, words = case
    fitted = clone(tokenizer).fit(TEXTS)
    before = fitted.n_codes_
    for call in (fitted.fit, fitted.transform):
        with pytest.raises(error, match=words):
            call(X)
    assert fitted.n_codes_ == before


EMPTY = [("char", "", "character"), ("word", "  ", "word"), ("bpe", "", "byte")]


@pytest.mark.parametrize(("name", "text", "kind"), EMPTY)
def test_empty_texts_are_refused(name, text, kind):
    fitted = clone(KINDS[name]).fit(TEXTS)
    with pytest.raises(ValueError, match=rf"^X\[1\] is a text without any {kind}: a sample needs"):
        fitted.transform(["be", text])
    assert fitted.encode(text).shape == (0,)
    assert fitted.decode([]) == ""


@by_kind
def test_what_are_no_codes_is_refused(tokenizer):
    fitted = clone(tokenizer).fit(TEXTS)
    most = fitted.n_codes_
    for bad in (most, -1, 1.0, True, "a", None):
        with pytest.raises(ValueError, match=f"integers from 0 to {most - 1}, got {bad!r}"):
            fitted.decode([1, bad])
    for bad in ([1, 2], [["be"]], "be", np.ones((1, 2, 2), int)):
        with pytest.raises((ValueError, TypeError)):
            fitted.inverse_transform(bad)
    with pytest.raises(ValueError, match="one axis"):
        fitted.decode(np.ones((2, 2), int))
    with pytest.raises(TypeError, match="must be a text, got list"):
        fitted.encode(["be"])


WRONG = [
    (CharTokenizer(length=0), "length of CharTokenizer must be an integer from 1 or None, got 0"),
    (CharTokenizer(min_count=1.5), "min_count of CharTokenizer must be an integer from 1, got"),
    (CharTokenizer(max_codes=2), "max_codes of CharTokenizer must be an integer from 3 or None"),
    (CharTokenizer(handle_unknown="no"), "handle_unknown of CharTokenizer must be 'error' or"),
    (WordTokenizer(split="x"), "split of WordTokenizer must be 'words' or 'spaces', got 'x'"),
    (WordTokenizer(lowercase=1), "lowercase of WordTokenizer must be True or False, got 1"),
    (WordTokenizer(padded=None), "padded of WordTokenizer must be True or False, got None"),
    (WordTokenizer(length=True), "length of WordTokenizer must be an integer from 1 or None"),
    (BpeTokenizer(max_codes=256), "max_codes of BpeTokenizer must be an integer from 257, got"),
    (BpeTokenizer(min_count=0), "min_count of BpeTokenizer must be an integer from 1, got 0"),
]


@pytest.mark.parametrize("case", WRONG, ids=[words[:24] for _, words in WRONG])
def test_wrong_parameters_are_refused(case):
    tokenizer, words = case
    with pytest.raises(ValueError, match=words):
        tokenizer.fit(TEXTS)
    assert not hasattr(tokenizer, "n_codes_")


def test_the_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ImportError, match=r"pip install 'fusednn\[text\]'"):
        BpeTokenizer().fit(TEXTS)
