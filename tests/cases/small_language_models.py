"""Small language models over small texts."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from fusednn import LanguageModel
from fusednn.layers import GRU, Conv1D, Dense, LayerNorm, TokenEmbedding, presets
from fusednn.text import CharTokenizer

TEXT = "the cat sat on the mat. a dog! " * 20
CODES = np.random.RandomState(0).randint(9, size=400).astype(np.uint8)
LISTS = {
    "attention": presets.decoder(16, blocks=2, heads=2),
    "recurrence": [TokenEmbedding(8), GRU(8, return_sequences=True)],
    "convolution": [TokenEmbedding(8), Conv1D(8, 3, "gelu", padding="causal"), LayerNorm()],
    "untied": [TokenEmbedding(6), Dense(10, "tanh")],
}
SMALL = {"batch_size": 4, "learning_rate_init": 0.01, "max_iter": 2, "random_state": 0}


def model_of(name="attention", context=12, **options):
    """A model of one of the lists."""
    options = {"tied": name != "untied", **SMALL, **options}
    return LanguageModel(LISTS[name], context, **options)


def text_model(**options):
    """A model of characters."""
    return model_of(tokenizer=CharTokenizer(), **options)


def fitted(model, X=TEXT, **data):
    """Fits without the warning that the last epoch was reached."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, **data)


def logits_behind(model, codes):
    """The logits behind codes, by the whole window at once."""
    return model.predict_logits(np.array([codes]))[0, -1]
