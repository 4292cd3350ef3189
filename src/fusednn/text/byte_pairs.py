"""Texts as parts of words, by byte pair encoding of the library tokenizers."""

from __future__ import annotations

import json
from codecs import getincrementaldecoder
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .arguments import need_whole
from .tokenizer import PADDING, Tokenizer

FIRST_CODES = PADDING + 1 + 256
"""The number of codes before the first merge: padding and all bytes."""

LONGEST = 256
"""The most bytes of a token, so that few merges cannot make a token that fills the memory."""

_SHOWN = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), 256)]
_HIDDEN = [byte for byte in range(256) if byte not in _SHOWN]
_CHARACTERS = {byte: chr(byte) for byte in _SHOWN} | {
    byte: chr(256 + at) for at, byte in enumerate(_HIDDEN)
}
"""The character by which the library writes each byte, as GPT-2 does."""
_BYTES = {character: byte for byte, character in _CHARACTERS.items()}


class BpeTokenizer(Tokenizer):
    """Makes a code of each frequent part of a word, and of each byte of the rest.

    Begins with the 256 bytes of UTF-8, and merges the pair of neighbours that is the most frequent
    in the training texts, over and over. Pairs lie within what GPT-2 [1]_ takes for words: letters
    with the space before them, digits, marks. No text has unknown tokens, and codes become the
    text that they were, to the byte. Bytes that are no UTF-8, such as a model may write, become
    replacement characters.

    Needs the package tokenizers: ``pip install 'fusednn[text]'``.

    Parameters
    ----------
    max_codes : int, default=1024
        The most codes, from 257: those of padding, of the bytes and of merges.
    min_count : int, default=2
        How often a pair must occur to be merged.
    length : int or None, default=None
        What is behind so many codes of a text is left out by `transform`. None: nothing.
    padded : bool, default=True
        Whether `transform` returns an array with zeros behind the ends of texts, or a list.

    Attributes
    ----------
    merges_ : ndarray of int32 of shape (n_merges, 2)
        Pairs of codes, in the order in which they were merged.
    vocabulary_ : dict of bytes to int
        The code of each token: bytes have 1 to 256, merges the codes that follow.
    n_codes_ : int
        The number of codes, for `TokenEmbedding(size, count=)`. Training texts may lack the last
        ones.

    References
    ----------
    .. [1] A. Radford et al., Language Models are Unsupervised Multitask Learners, 2019.

    Examples
    --------
    >>> from fusednn.text import BpeTokenizer
    >>> tokenizer = BpeTokenizer(max_codes=300).fit(["the cat, the mat"])
    >>> tokenizer.transform(["the cat"])
    array([[259,  33, 100, 257]], dtype=uint16)
    >>> list(tokenizer.iter_decode([259, 33, 100, 257]))
    ['the', ' ', 'c', 'at']
    """

    token_kind = "byte"

    def __init__(
        self,
        *,
        max_codes: int = 1024,
        min_count: int = 2,
        length: int | None = None,
        padded: bool = True,
    ):
        self.max_codes = max_codes
        self.min_count = min_count
        self.length = length
        self.padded = padded

    def _check(self) -> None:
        super()._check()
        need_whole(self, "max_codes", FIRST_CODES)
        need_whole(self, "min_count", 1)

    def _learn(self, texts: list[str]) -> None:
        for at, text in enumerate(texts):
            if reason := _not_unicode(text):
                raise ValueError(f"X[{at}] {reason}")
        self._know(_merged(texts, int(self.max_codes), int(self.min_count)))

    def _know(self, merges: Sequence[tuple[int, int]]) -> None:
        """Sets the fitted attributes; raises ValueError for pairs that cannot have been merged."""
        tokens = [bytes([byte]) for byte in range(256)]
        vocabulary = {token: PADDING + 1 + at for at, token in enumerate(tokens)}
        for pair in merges:
            if not all(PADDING < code <= len(tokens) for code in pair):
                raise ValueError(f"the merge {tuple(pair)} must have codes that were made before")
            joined = b"".join(tokens[code - PADDING - 1] for code in pair)
            if len(joined) > LONGEST:
                raise ValueError(f"the merge {tuple(pair)} makes more than {LONGEST} bytes")
            if joined not in vocabulary:
                vocabulary[joined] = PADDING + 1 + len(tokens)
                tokens.append(joined)
        self.merges_ = np.array(merges, np.int32).reshape(-1, 2)
        self.vocabulary_ = vocabulary
        self.n_codes_ = PADDING + 1 + len(tokens)
        self._encoder: Any = None

    def _encode(self, text: str, length: int | None) -> np.ndarray:
        if reason := _not_unicode(text):
            raise ValueError(reason)
        if self._encoder is None:
            self._encoder = _encoder(self.vocabulary_, self.merges_)
        return np.array(self._encoder.encode_batch_fast([text])[0].ids[:length], self._dtype())

    def _pieces(self, codes: Iterator[int], continues: bool) -> Iterator[str]:
        tokens = [b"", *self.vocabulary_]
        decoder = getincrementaldecoder("utf-8")("replace")
        for code in codes:
            yield decoder.decode(tokens[code])
        yield decoder.decode(b"", final=True)

    def __getstate__(self):
        """Leaves out the library's own object."""
        return super().__getstate__() | {"_encoder": None}


def _library():
    """The package; raises ImportError with what to install."""
    try:
        import tokenizers
    except ImportError as error:
        raise ImportError(
            "BpeTokenizer needs the package tokenizers: pip install 'fusednn[text]'."
        ) from error
    return tokenizers


def _blank(library, model):
    """The library's tokenizer with a model of bytes, and nothing else that changes a text."""
    found = library.Tokenizer(model)
    found.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    return found


def _merged(texts: list[str], max_codes: int, min_count: int) -> list[tuple[int, int]]:
    """The pairs of codes that some texts have merged, in their order."""
    library = _library()
    found = _blank(library, library.models.BPE())
    trainer = library.trainers.BpeTrainer(
        vocab_size=max_codes - PADDING - 1,
        min_frequency=min_count,
        initial_alphabet=list(_BYTES),
        max_token_length=LONGEST,
        show_progress=False,
    )
    found.train_from_iterator(texts, trainer)
    codes = {character: PADDING + 1 + byte for character, byte in _BYTES.items()}
    merges = []
    for left, right in json.loads(found.to_str())["model"]["merges"]:
        merges.append((codes[left], codes[right]))
        codes.setdefault(left + right, PADDING + 1 + len(codes))
    return merges


def _encoder(vocabulary: dict[bytes, int], merges: np.ndarray):
    """The library's tokenizer with these tokens, which gives our codes."""
    library = _library()
    named = {"".join(map(_CHARACTERS.__getitem__, token)): at for token, at in vocabulary.items()}
    names = {code: name for name, code in named.items()}
    pairs = [(names[left], names[right]) for left, right in merges.tolist()]
    return _blank(library, library.models.BPE(vocab=named, merges=pairs))


def _not_unicode(text: str) -> str:
    """What is wrong with a text that has no bytes; else an empty one."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"holds {text[error.start]!r}, half of a pair of code units and no character."
    return ""
