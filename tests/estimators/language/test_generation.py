"""Generation: with a cache as without one, texts piece by piece, and bad arguments."""

import numpy as np
import pytest
from cases.small_language_models import (
    CODES,
    LISTS,
    fitted,
    logits_behind,
    model_of,
    text_model,
)
from sklearn.base import clone

from fusednn import LanguageModel, freeze
from fusednn.estimators.language.sampling import Sampling
from fusednn.layers import PositionalEncoding, TokenEmbedding, TransformerBlock
from fusednn.text import BpeTokenizer, CharTokenizer, WordTokenizer

NAMES = pytest.mark.parametrize("name", LISTS)


def without_cache(model, prompt, n, sampling, seed=0):
    """Each token by the whole sequence."""
    codes, random = list(map(int, prompt)), np.random.RandomState(seed)
    for _ in range(n):
        codes.append(sampling.draw(logits_behind(model, codes), random))
    return codes[len(prompt) :]


@NAMES
@pytest.mark.parametrize("sampling", [Sampling(0.0), Sampling(), Sampling(0.8, 5, 0.9)])
def test_generation_equals_that_without_a_cache(name, sampling):
    model, prompt = fitted(model_of(name), CODES), CODES[:3]
    found = model.generate(prompt, 9, *sampling, random_state=0)
    assert found.dtype == np.int64
    assert found.tolist() == without_cache(model, prompt, 9, sampling)
    assert list(model.iter_generate(prompt, 9, *sampling, random_state=0)) == found.tolist()


def test_one_block_slides_as_windows_do():
    """Behind the context a single layer of attention sees the last window alone."""
    layers = [TokenEmbedding(8), PositionalEncoding("rotary"), TransformerBlock(2, causal=True)]
    model = fitted(LanguageModel(layers, 6, random_state=0, max_iter=1), CODES)
    codes = CODES[:9].tolist()
    for code in model.generate(CODES[:9], 12, temperature=0):
        assert code == logits_behind(model, codes[-6:]).argmax()
        codes.append(code)


def test_codes_without_a_token_are_not_drawn():
    layers = [TokenEmbedding(8, count=40), TransformerBlock(2, causal=True)]
    for X in ("abc" * 20, ["abc"] * 20):
        model = LanguageModel(layers, 8, tokenizer=CharTokenizer(), max_iter=1, random_state=0)
        text = fitted(model, X).generate("a", 60, temperature=5.0, random_state=0)
        assert set(text) <= set("abc")


@pytest.mark.parametrize("tokenizer", [WordTokenizer(), CharTokenizer(handle_unknown="code")])
def test_the_mark_of_unknown_tokens_is_drawn_if_asked_for_alone(tokenizer):
    """The others keep their shares of what is left."""
    rare = "".join(map(chr, range(ord("A"), ord("Z") + 1)))
    text = " ".join(f"a {one} b" if one < "K" else f"b {one} a b" for one in rare)
    model = model_of("untied", 6, tokenizer=clone(tokenizer).set_params(min_count=2), max_iter=3)
    model, draws = fitted(model, text), 3000
    logits = logits_behind(model, model._prompt("a")).astype(float)
    frozen = freeze(model)
    model._frozen = lambda weights: frozen
    for unknown in (False, True):
        shares = np.exp(logits)
        shares[: 1 if unknown else 2] = 0
        shares /= shares.sum()
        random = np.random.RandomState(0)
        drawn = [
            model.generate("a", 1, random_state=random, unknown=unknown) for _ in range(draws)
        ]
        texts = [model.tokenizer_.decode([code], continues=True) for code in range(len(shares))]
        found = np.array([drawn.count(text) for text in texts]) / draws
        assert ("\N{REPLACEMENT CHARACTER}" in "".join(drawn)) == unknown
        assert shares[1] > 0.02 or not unknown
        np.testing.assert_allclose(found, shares, atol=0.03)
    logits[:2] = -np.inf
    best = model.tokenizer_.decode([logits.argmax()], continues=True)
    assert model.generate("a", 1, temperature=0) == best


def test_texts_come_piece_by_piece():
    model = fitted(text_model(max_iter=4))
    pieces = model.iter_generate("the ", 30, random_state=1)
    first = next(pieces)
    assert len(first) == 1
    text = first + "".join(pieces)
    assert text == model.generate("the ", 30, random_state=1)
    assert len(text) == 30
    assert model.generate("the ", 0) == ""
    assert text != model.generate("the ", 30, random_state=2)
    pieces = model.iter_generate("the ", 10**9, random_state=1)
    assert next(pieces) == first
    pieces.close()
    assert list(pieces) == []


def test_pieces_of_byte_pairs_are_whole_characters():
    text = "Größe, naïve 猫 — 🐈! " * 12
    model = fitted(model_of(tokenizer=BpeTokenizer(max_codes=300), max_iter=1), text)
    pieces = list(model.iter_generate("Gr", 60, 2.0, random_state=0))
    assert all(pieces)
    assert "".join(pieces) == model.generate("Gr", 60, 2.0, random_state=0)
    codes = model._prompt("Gr")
    drawn = without_cache_of_text(model, codes, 60, 2.0)
    assert "".join(pieces) == model.tokenizer_.decode(drawn, continues=True)


def without_cache_of_text(model, codes, n, temperature):
    """As long as the stream does not slide differently, of the stream itself."""
    model.tokenizer_, tokenizer = None, model.tokenizer_
    try:
        random, found = np.random.RandomState(0), []
        stream = model._frozen().stream()
        logits = stream.steps(np.array(codes))[-1]
        for _ in range(n):
            logits[0] = -np.inf
            found.append(Sampling(temperature).draw(logits, random))
            logits = stream.step(found[-1])
        return found
    finally:
        model.tokenizer_ = tokenizer


def test_a_text_of_a_list_ends():
    model = fitted(text_model(max_iter=40, learning_rate_init=0.02), ["ab", "cd"] * 40)
    drawn = {model.generate("", 20, random_state=seed) for seed in range(12)}
    assert drawn == {"ab", "cd"}
    assert model.generate("a", 20, temperature=0) == "b"


def test_bad_arguments():
    model, words = fitted(text_model()), fitted(model_of(), CODES)
    for arguments, message in (
        (("the", -1), "n must be an integer from 0, got -1"),
        (("the", 5, -0.1), "temperature must be a number from 0, got -0.1"),
        (("the", 5, 1.0, 0), "top_k must be an integer from 1"),
        (("the", 5, 1.0, None, 1.5), "top_p must be a number above 0"),
        (("", 5), "The prompt is empty"),
        (("THE", 5), "prompt holds the character 'T'"),
    ):
        with pytest.raises(ValueError, match=message):
            model.iter_generate(*arguments)  # in the call, not at the first piece
    with pytest.raises(ValueError, match="fitted to codes"):
        words.generate("the", 2)
    for prompt, message in ((b"the", "prompt is bytes"), (None, "got NoneType"), (3, "got int")):
        for one in (model, words):
            with pytest.raises(TypeError, match=message):
                one.generate(prompt, 2)
    with pytest.raises(ValueError, match="not a list"):
        words.generate([[1, 2]], 2)
    with pytest.raises(ValueError, match="codes from 0 to 8"):
        words.generate([9], 2)


def test_a_table_of_positions_has_an_end():
    layers = [TokenEmbedding(8), PositionalEncoding(), TransformerBlock(2, causal=True)]
    model = LanguageModel(layers, 8, random_state=0).initialize(CODES)
    assert len(model.generate(CODES[:4], 5)) == 5
    for prompt, n in ((CODES[:4], 6), (CODES[:9], 1)):
        with pytest.raises(ValueError, match="table of positions of the model has 8"):
            model.generate(prompt, n)
