"""Texts as words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .arguments import need_one_of
from .vocabulary import VocabularyTokenizer, spaced

SPLITS = {"words": re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]"), "spaces": re.compile(r"\S+")}


class WordTokenizer(VocabularyTokenizer):
    """Makes a code of each word of a text.

    Codes are in the order of the words' characters. Texts that are made of codes have one space
    between words.

    Parameters
    ----------
    split : {"words", "spaces"}, default="words"
        What is a word: letters, digits and underscores, with apostrophes and hyphens between
        them, and any other mark by itself; or whatever stands between spaces, for texts that have
        spaces around marks already.
    lowercase : bool, default=True
        Whether capital letters count as small ones.
    min_count : int, default=2
        How often a word must occur in the training texts to have a code. Rarer ones are unknown,
        so that training meets unknown words too.
    max_codes : int or None, default=None
        The most codes, those of padding and of unknown words too. The most frequent words have
        one.
    handle_unknown : {"code", "error"}, default="code"
        What becomes of a word that has no code: code 1, which is the replacement character when it
        becomes text again, or an error.
    length : int or None, default=None
        What is behind so many words of a text is left out, in `fit` too. None: nothing.
    padded : bool, default=True
        Whether `transform` returns an array with zeros behind the ends of texts, or a list.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        The code of each word.
    n_codes_ : int
        The number of codes, for `TokenEmbedding(size, count=)`.

    Examples
    --------
    >>> from fusednn.text import WordTokenizer
    >>> tokenizer = WordTokenizer(min_count=1).fit(["It isn't late.", "Late?"])
    >>> tokenizer.vocabulary_
    {'.': 2, '?': 3, "isn't": 4, 'it': 5, 'late': 6}
    >>> tokenizer.transform(["Is it late?", "late"])
    array([[1, 5, 6, 3],
           [6, 0, 0, 0]], dtype=uint8)
    >>> tokenizer.inverse_transform([[5, 4, 6]])
    ["it isn't late"]
    """

    token_kind = "word"

    def __init__(
        self,
        *,
        split: str = "words",
        lowercase: bool = True,
        min_count: int = 2,
        max_codes: int | None = None,
        handle_unknown: str = "code",
        length: int | None = None,
        padded: bool = True,
    ):
        self.split = split
        self.lowercase = lowercase
        self.min_count = min_count
        self.max_codes = max_codes
        self.handle_unknown = handle_unknown
        self.length = length
        self.padded = padded

    def _check(self) -> None:
        super()._check()
        need_one_of(self, "split", tuple(SPLITS))
        need_one_of(self, "lowercase", (True, False))

    def _split(self, text: str) -> list[str]:
        return SPLITS[self.split].findall(text.lower() if self.lowercase else text)

    def _pieces(self, codes: Iterator[int], continues: bool) -> Iterator[str]:
        return spaced(map(self._texts_of_codes().__getitem__, codes), continues)
