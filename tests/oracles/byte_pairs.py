"""Byte pair encoding, slowly: what must be true of merges, and the codes that follow from them.

Texts are cut into GPT-2's words by its pattern for ASCII.
"""

import re
from collections import Counter
from itertools import pairwise

WORDS = re.compile(r"'(?:s|t|re|ve|m|ll|d)| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+")


def bytes_of(word):
    """Codes of the bytes."""
    return tuple(byte + 1 for byte in word.encode())


def merged(codes, pair, code):
    """The codes with each pair, from the left, replaced."""
    found, at = [], 0
    while at < len(codes):
        is_pair = codes[at : at + 2] == pair
        found.append(code if is_pair else codes[at])
        at += 1 + is_pair
    return tuple(found)


def encoded(text, merges):
    """The codes of a text."""
    found = []
    for word in WORDS.findall(text):
        codes = bytes_of(word)
        for at, pair in enumerate(merges):
            codes = merged(codes, pair, 257 + at)
        found += codes
    return found


def counts_at_each_merge(texts, merges):
    """For each merge how often each pair stands in the texts before it, and at the end."""
    words = Counter(word for text in texts for word in WORDS.findall(text))
    words = {bytes_of(word): count for word, count in words.items()}
    for at, pair in enumerate([*merges, None]):
        counts = Counter()
        for codes, count in words.items():
            for neighbours in pairwise(codes):
                counts[neighbours] += count
        yield pair, counts
        if pair:
            words = {merged(codes, pair, 257 + at): count for codes, count in words.items()}
