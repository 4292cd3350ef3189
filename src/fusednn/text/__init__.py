"""Tokenizers: transformers of texts to codes, and back.

Code 0, `PADDING`, fills the ends of short texts. Give it to the layer that reads the codes:
`TokenEmbedding(size, padding=0)`. Code 1, `UNKNOWN`, stands for tokens that training does not
know, of tokenizers with `handle_unknown="code"`. The codes of tokens follow.

Examples
--------
>>> from sklearn.pipeline import make_pipeline
>>> from fusednn import NetworkClassifier
>>> from fusednn.layers import GlobalAvgPool, TokenEmbedding
>>> from fusednn.text import WordTokenizer
>>> layers = [TokenEmbedding(8, padding=0), GlobalAvgPool()]
>>> net = NetworkClassifier(layers, max_iter=200, learning_rate_init=0.02, random_state=0)
>>> texts = ["a good film", "bad work", "a bad plot", "Good work!"] * 5
>>> model = make_pipeline(WordTokenizer(), net).fit(texts, ["+", "-", "-", "+"] * 5)
>>> model.predict(["a very good plot", "bad"]).tolist()
['+', '-']
"""

from .byte_pairs import BpeTokenizer
from .characters import CharTokenizer
from .tokenizer import PADDING
from .vocabulary import UNKNOWN
from .words import WordTokenizer

__all__ = ["PADDING", "UNKNOWN", "BpeTokenizer", "CharTokenizer", "WordTokenizer"]
