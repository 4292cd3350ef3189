"""Texts as characters."""

from __future__ import annotations

from collections.abc import Iterator

from .vocabulary import VocabularyTokenizer


class CharTokenizer(VocabularyTokenizer):
    """Makes a code of each character of a text.

    Characters are Unicode code points. Their codes are in the order of the code points.

    Parameters
    ----------
    min_count : int, default=1
        How often a character must occur in the training texts to have a code.
    max_codes : int or None, default=None
        The most codes, those of padding and of unknown characters too. The most frequent
        characters have one.
    handle_unknown : {"error", "code"}, default="error"
        What becomes of a character that has no code: an error, or code 1, whose character is the
        replacement character when it becomes text again. The default suits language models, for
        which code 1 would mean nothing if training has no unknown characters.
    length : int or None, default=None
        What is behind so many characters of a text is left out, in `fit` too. None: nothing.
    padded : bool, default=True
        Whether `transform` returns an array with zeros behind the ends of texts, or a list.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        The code of each character.
    n_codes_ : int
        The number of codes, for `TokenEmbedding(size, count=)`.

    Examples
    --------
    >>> from fusednn.text import CharTokenizer
    >>> tokenizer = CharTokenizer().fit(["banana"])
    >>> tokenizer.vocabulary_
    {'a': 1, 'b': 2, 'n': 3}
    >>> tokenizer.transform(["ban", "a"])
    array([[2, 1, 3],
           [1, 0, 0]], dtype=uint8)
    >>> tokenizer.inverse_transform([[3, 1, 2], [1, 0, 0]])
    ['nab', 'a']
    """

    token_kind = "character"

    def __init__(
        self,
        *,
        min_count: int = 1,
        max_codes: int | None = None,
        handle_unknown: str = "error",
        length: int | None = None,
        padded: bool = True,
    ):
        self.min_count = min_count
        self.max_codes = max_codes
        self.handle_unknown = handle_unknown
        self.length = length
        self.padded = padded

    def _split(self, text: str) -> str:
        return text

    def _pieces(self, codes: Iterator[int], continues: bool) -> Iterator[str]:
        return map(self._texts_of_codes().__getitem__, codes)
