"""Characters and words: which have codes, and networks behind them."""

import re
from collections import Counter

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from fusednn import NetworkClassifier
from fusednn.layers import GlobalAvgPool, TokenEmbedding
from fusednn.text import UNKNOWN, CharTokenizer, WordTokenizer

RANDOM = np.random.RandomState(3)
WORDS = ["Bee", "bee", "isn't", "e-mail", "x_1", "42", "naïve", "ÉTÉ", "漢字"]
TEXTS = [" ".join(RANDOM.choice(WORDS, size)) + "!" for size in RANDOM.randint(1, 9, 30)]


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("split", ["words", "spaces"])
def test_words_and_counts_are_scikit_learns(split, lowercase):
    pattern = r"\S+" if split == "spaces" else r"[\w]+(?:['-]\w+)*|!"
    vectorizer = CountVectorizer(token_pattern=pattern, lowercase=lowercase)
    counts = vectorizer.fit_transform(TEXTS).toarray()
    tokenizer = WordTokenizer(split=split, lowercase=lowercase, min_count=1).fit(TEXTS)
    names = list(vectorizer.get_feature_names_out())
    assert list(tokenizer.vocabulary_) == names
    assert list(tokenizer.vocabulary_.values()) == [*range(2, 2 + len(names))]
    found = [np.bincount(row, minlength=tokenizer.n_codes_) for row in tokenizer.transform(TEXTS)]
    assert_array_equal(np.array(found)[:, 2:], counts)


def test_marks_stand_alone():
    tokenizer = WordTokenizer(min_count=1).fit(["x"])
    assert tokenizer._split('"Well-known?!" - it’s 3.5%...') == [
        *('"', "well-known", "?", "!", '"', "-", "it’s", "3", ".", "5", "%", ".", ".", ".")
    ]


@pytest.mark.parametrize("max_codes", [None, 3, 6])
@pytest.mark.parametrize("min_count", [1, 9, 14])
@pytest.mark.parametrize("kind", [CharTokenizer, WordTokenizer])
def test_frequent_tokens_have_codes(kind, min_count, max_codes):
    tokenizer = kind(handle_unknown="code", min_count=min_count, max_codes=max_codes).fit(TEXTS)
    lowered = [text.lower() if kind is WordTokenizer else text for text in TEXTS]
    tokens = [re.findall(r"[\w'-]+|!" if kind is WordTokenizer else r"(?s).", t) for t in lowered]
    counts = Counter(token for row in tokens for token in row)
    often = sorted(t for t in counts if counts[t] >= min_count)
    known = set(tokenizer.vocabulary_)
    assert known <= set(often)
    assert len(known) == min(len(often), (max_codes or 99) - 2)
    left = [counts[token] for token in often if token not in known]
    assert max(left, default=0) <= min(counts[token] for token in known)
    assert tokenizer.n_codes_ == 2 + len(known) <= (max_codes or 99)
    for text, row in zip(TEXTS, tokens, strict=True):
        expected = [tokenizer.vocabulary_.get(token, UNKNOWN) for token in row]
        assert_array_equal(tokenizer.encode(text), expected)


def test_a_tie_goes_to_the_first_in_order():
    assert CharTokenizer(max_codes=3).fit(["dbca"]).vocabulary_ == {"a": 1, "b": 2}


def test_tokens_behind_the_length_are_not_learned():
    tokenizer = CharTokenizer(length=2).fit(["abc", "ad"])
    assert tokenizer.vocabulary_ == {"a": 1, "b": 2, "d": 3}
    assert tokenizer.transform(["abc", "ad"]).tolist() == [[1, 2], [1, 3]]
    with pytest.raises(ValueError, match="the character 'c'"):
        tokenizer.encode("abc")


def test_unknown_tokens_are_refused_or_have_a_code():
    strict = CharTokenizer().fit(["ab"])
    for name, call in (("X[1]", lambda: strict.transform(["a", "aq"])),
                       ("text", lambda: strict.encode("aq"))):  # fmt: skip
        with pytest.raises(ValueError, match=re.escape(f"{name} holds the character 'q', which")):
            call()
    strict.set_params(handle_unknown="code")  # after the fit, it has none still
    with pytest.raises(ValueError, match="does not know"):
        strict.encode("q")
    assert CharTokenizer(handle_unknown="code").fit(["ab"]).encode("aqb").tolist() == [2, 1, 3]
    with pytest.raises(ValueError, match=r"X\[0\] holds the word 'be', which this WordTokenizer"):
        WordTokenizer(handle_unknown="error", min_count=1).fit(["to"]).transform(["to be"])


def test_texts_without_frequent_words_are_refused():
    with pytest.raises(ValueError, match="X holds no word that occurs at least 2 times"):
        WordTokenizer().fit(["to be", "or not"])
    with pytest.raises(ValueError, match=r"X holds no character\."):
        CharTokenizer().fit(["", ""])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_networks_behind_a_tokenizer_learn_and_are_searched():
    """Sentences with a good word among others, of unequal lengths; later ones may be longer."""
    random = np.random.RandomState(0)
    others = [f"w{number}" for number in range(30)]
    y = random.randint(0, 2, 240)
    texts = [
        " ".join(random.permutation([*random.choice(others, random.randint(1, 12)), word]))
        for word in np.where(y, "Good", "bad")
    ]
    net = NetworkClassifier(
        [TokenEmbedding(4, padding=0), GlobalAvgPool()],
        learning_rate_init=0.05,
        max_iter=60,
        batch_size=60,
        random_state=0,
    )
    pipe = make_pipeline(WordTokenizer(), net)
    search = GridSearchCV(pipe, {"wordtokenizer__length": [1, None]}, cv=2).fit(texts, y)
    assert search.best_params_ == {"wordtokenizer__length": None}
    assert search.best_score_ > 0.9
    found = search.predict(["a very good " + "w3 " * 40, "so bad", "new"])
    assert found[:2].tolist() == [1, 0]
