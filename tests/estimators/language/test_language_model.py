"""Language models: fits on codes and texts, windows, likelihoods, what scikit-learn expects."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from cases.small_language_models import (
    CODES,
    LISTS,
    TEXT,
    fitted,
    logits_behind,
    model_of,
    text_model,
)
from fusednn.kernels._cache import statistics
from running.nested_weights import flat
from scipy.special import log_softmax
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from fusednn import LanguageModel, freeze, warmup
from fusednn.estimators.language import likelihoods
from fusednn.layers import Dense, PositionalEncoding, TokenEmbedding, TransformerBlock

sum_of = likelihoods._sum_of
NAMES = pytest.mark.parametrize("name", LISTS)


def log_likelihood(model, codes):
    """By the window's logits, one step after the other."""
    logs = log_softmax(model.predict_logits(np.array([codes[:-1]]))[0].astype(float), axis=1)
    return logs[np.arange(len(codes) - 1), codes[1:]].sum()


@NAMES
def test_the_loss_is_the_mean_over_the_tokens_of_windows(name):
    model = model_of(name, dtype="float64").initialize(CODES)
    loss, _ = model.loss_and_gradient(CODES)
    starts = range(0, len(CODES) - 12, 12)
    sums = [log_likelihood(model, CODES[at : at + 13]) for at in starts]
    assert loss == pytest.approx(-np.mean(sums) / 12, rel=1e-10)


@NAMES
def test_fits_learn_and_have_the_same_bits_for_any_threads(name):
    pattern = np.tile([0, 1, 2, 3], 60)
    models = [
        fitted(model_of(name, n_jobs=jobs, max_iter=8, learning_rate_init=0.03), pattern)
        for jobs in (1, 2)
    ]
    weights = [flat(model.get_weights()) for model in models]
    np.testing.assert_array_equal(*weights)
    assert models[0].perplexity(pattern) < 1.3
    assert models[0].t_ == 8 * 19


def test_integers_of_any_type_are_read_in_place():
    """The fit is that of int64, whatever holds the codes; an array of integers is not copied."""
    models = [fitted(model_of(), CODES.astype(kind)) for kind in ("i8", "u1", ">i2", "f4")]
    for model in models[1:]:
        np.testing.assert_array_equal(model._arrays[0], models[0]._arrays[0])


def test_columns_of_frames_are_lists_of_texts_or_codes():
    texts = ["the cat", "sat on", "the mat"] * 9
    model, expected = text_model(), fitted(text_model(), texts)
    for column in (pd.Series(texts), pl.Series(texts), np.array(texts), tuple(texts)):
        np.testing.assert_array_equal(fitted(model, column)._arrays[0], expected._arrays[0])
        assert model.score(column) == expected.score(texts)
    codes = fitted(model_of(), CODES)
    for column in (pd.Series(CODES), pl.Series(CODES)):
        np.testing.assert_array_equal(fitted(model_of(), column)._arrays[0], codes._arrays[0])


def test_cross_validation_takes_a_list_of_texts_and_no_single_one():
    search = GridSearchCV(text_model(max_iter=1), {"context": [4, 6]}, cv=2, error_score="raise")
    assert np.isfinite(fitted(search, ["the cat sat", "on the mat"] * 8).best_score_)
    with pytest.raises(ValueError, match="a list of texts to scikit-learn's cross-validation"):
        search.fit(TEXT)


def test_a_tied_table_is_one_parameter():
    tied, untied = (fitted(model_of(tied=way), CODES) for way in (True, False))
    assert tied.get_weights()[-1] == []
    assert [array.shape for array in untied.get_weights()[-1]] == [(16, 9), (9,)]
    assert len(flat(untied.get_weights())) - len(flat(tied.get_weights())) == 16 * 9 + 9


def test_a_list_has_codes_for_its_ends():
    texts = ["hello", "a cat", "world"]
    model = fitted(text_model(max_iter=3), texts * 20)
    assert model.end_code_ == 0
    codes = [0, *model.tokenizer_.encode("a cat"), 0]
    expected = log_likelihood(model, np.array(codes))
    assert model.score_samples(["a cat", "hello"])[0] == pytest.approx(expected, rel=1e-5)
    of_codes = fitted(model_of(), [CODES[:30], CODES[30:70], CODES[70:75]])
    assert (of_codes.end_code_, of_codes.n_outputs_) == (9, 10)
    assert fitted(model_of(), CODES.reshape(8, -1)).end_code_ == 9
    assert fitted(model_of(), CODES).end_code_ is None


@pytest.mark.parametrize("name", ["attention", "recurrence"])
def test_likelihoods_of_short_and_long_sequences(name):
    """Attention reads long ones in windows that overlap by half, recurrences at once."""
    model = fitted(model_of(name), CODES)
    short, long = CODES[:7], CODES[:20]
    expected = log_likelihood(model, long)
    if name == "attention":
        logits = [logits_behind(model, long[:at]) for at in range(1, 13)]
        logits += [logits_behind(model, long[6:at]) for at in range(13, 19)]
        logits += [logits_behind(model, long[7:at]) for at in range(19, 20)]
        logs = log_softmax(np.array(logits, float), axis=1)
        expected = logs[np.arange(19), long[1:]].sum()
    found = model.score_samples([short]) if model.end_code_ else model.score_samples(short)
    assert found == pytest.approx([log_likelihood(model, short)], rel=1e-5)
    assert model.score_samples(long) == pytest.approx([expected], rel=1e-5)
    assert model.perplexity(long) == pytest.approx(np.exp(-expected / 19), rel=1e-5)


@pytest.mark.parametrize("name", ["attention", "recurrence"])
def test_likelihoods_in_parts(name, monkeypatch):
    """Few logits are in memory at once, however long a sequence is."""
    model = fitted(model_of(name), [CODES[:90], CODES[90:]])
    given = [CODES[:5], CODES[:60], CODES[40:47]]
    expected, asked = model.score_samples(given), []
    monkeypatch.setattr(likelihoods, "MOST_BYTES", 1)
    monkeypatch.setattr(
        likelihoods, "_sum_of", lambda *both: asked.append(len(both[0])) or sum_of(*both)
    )
    np.testing.assert_allclose(model.score_samples(given), expected, rtol=1e-12)
    assert max(asked) == model.context
    assert sum(asked) == 6 + 61 + 8


def test_steps_of_an_epoch():
    """Windows go on through the text where the epoch before has ended, each once in a cycle."""
    model = fitted(model_of(steps_per_epoch=5, max_iter=3), CODES)
    assert (model.n_iter_, model.t_) == (3, 3 * 5 * 4)
    assert fitted(model_of(steps_per_epoch=5, max_iter=3, accumulate=2), CODES).t_ == 120


def test_early_stopping_judges_the_tail():
    model = fitted(text_model(early_stopping=True, max_iter=60, n_iter_no_change=2))
    losses = model.history_["validation_loss"]
    assert len(losses) == len(model.history_["loss"]) == model.n_iter_
    assert model.best_validation_score_ == -min(losses)
    tail = model.tokenizer_.encode(TEXT)[-62:]
    own, _ = model.loss_and_gradient(TEXT[-62:])
    assert own == pytest.approx(min(losses), rel=1e-5)
    assert len(tail) == 62
    judged = fitted(text_model(max_iter=2), TEXT, X_val=TEXT[:50])
    expected, _ = judged.loss_and_gradient(TEXT[:50])
    assert judged.history_["validation_loss"][-1] == pytest.approx(expected, rel=1e-5)


def test_a_training_goes_on_with_the_bits_of_one_without_a_pause(tmp_path):
    dropping = [TokenEmbedding(8), TransformerBlock(2, causal=True, dropout=0.2)]
    options = {"steps_per_epoch": 7, "batch_size": 4, "random_state": 3, "context": 9}

    def make(epochs):
        return LanguageModel(dropping, max_iter=epochs, **options)

    whole, first = fitted(make(5), CODES), fitted(make(2), CODES)
    first.save(tmp_path / "model.safetensors")
    for model in (LanguageModel.load(tmp_path / "model.safetensors"), first):
        model.set_params(max_iter=3, warm_start=True, warm_start_optimizer=True)
        np.testing.assert_array_equal(
            flat(fitted(model, CODES).get_weights()), flat(whole.get_weights())
        )


def test_partial_fits():
    model = text_model()
    for _ in range(12):
        model.partial_fit(TEXT)
    assert len(model.loss_curve_) == 12
    assert model.loss_ < 0.8 * model.loss_curve_[0]
    with pytest.raises(ValueError, match="X holds the character 'X'"):
        model.partial_fit("X")


def test_what_scikit_learn_expects():
    """Parameters stay, fits repeat, pickles go on; a failed fit changes nothing."""
    model = text_model()
    copied = clone(model)
    assert {name: repr(value) for name, value in copied.get_params().items()} == {
        name: repr(value) for name, value in model.get_params().items()
    }
    for call in (model.perplexity, model.score_samples, lambda X: model.generate(X, 1)):
        with pytest.raises(NotFittedError):
            call("the")
    assert fitted(model) is model
    weights = flat(model.get_weights())
    assert not hasattr(model.tokenizer, "n_codes_")
    np.testing.assert_array_equal(flat(fitted(copied).get_weights()), weights)
    again = pickle.loads(pickle.dumps(model))
    assert again.perplexity(TEXT) == model.perplexity(TEXT)
    before = dict(vars(model))
    for wrong in ("", "abc", [""], 5.5):
        with pytest.raises((ValueError, TypeError)):
            model.fit(wrong)
        assert vars(model) == before
    with pytest.raises(ValueError, match="The 'context' parameter"):
        text_model(context=0).fit(TEXT)


@pytest.mark.parametrize("context", [5, 40])
def test_a_fitted_model_keeps_its_context(context):
    """Until the next fit, whatever the parameter is set to."""
    model = fitted(LanguageModel(LEARNED, 12, max_iter=1, random_state=0), CODES)
    answers = model.score(CODES[:13]), model.loss_and_gradient(CODES)[0]
    model.set_params(context=context)
    assert (model.score(CODES[:13]), model.loss_and_gradient(CODES)[0]) == answers
    assert len(model.generate(CODES[:1], 12)) == 12
    with pytest.raises(ValueError, match="table of positions of the model has 12"):
        model.generate(CODES[:1], 13)


def test_a_predictor_takes_codes_and_no_text():
    model = fitted(text_model())
    predictor = freeze(model)
    assert predictor([[1, 2, 3]]).shape == (1, 3, model.n_outputs_)
    with pytest.raises(TypeError, match=r"X is a text, but LanguageModel takes codes.*encode"):
        predictor.predict("the")


def test_weights_that_become_infinite():
    with pytest.raises(ValueError, match="infinite or NaN: take a lower learning rate"):
        fitted(text_model(learning_rate_init=1e30))


def test_warmup_leaves_nothing_to_compile():
    model = text_model(dtype="float32")
    warmup(model)
    assert warmup(model)["compiled"] == 0
    before = statistics()["misses"]
    fitted(model.set_params(early_stopping=True)).generate("the ", 5)
    assert statistics()["misses"] == before


LEARNED = [TokenEmbedding(8), PositionalEncoding(), TransformerBlock(2, causal=True)]
REFUSED = {
    "heads": ([TokenEmbedding(10), TransformerBlock(4, causal=True)], "multiple of its 4 heads"),
    "looks ahead": ([TokenEmbedding(8), TransformerBlock(2)], r"layers\[1\] .*causal=True"),
    "no tokens": ([Dense(8)], "begin with TokenEmbedding"),
    "widths": ([TokenEmbedding(8), Dense(9)], "end with 9 columns: end with Dense"),
    "padding": ([TokenEmbedding(8, padding=0)], "leave `padding` out"),
    "few codes": ([TokenEmbedding(8, count=5)], "X needs 9 codes"),
    "own output": ([TokenEmbedding(8), Dense(9, "softmax")], "set tied=False"),
}


@pytest.mark.parametrize(("layers", "words"), REFUSED.values(), ids=REFUSED)
def test_refused_lists(layers, words):
    with pytest.raises(ValueError, match=words):
        LanguageModel(layers, 8).fit(CODES)


def test_refused_data():
    for X, words in (
        (CODES[:12], "X has 12 tokens, but context=12 needs at least 13"),
        (-CODES.astype(int), "whole numbers from 0; found -8"),
        (CODES / 2, "whole numbers from 0"),
        ([], "no sequence"),
        ([CODES, []], r"X\[1\] is empty"),
        (TEXT, "tokenizer is None"),
    ):
        with pytest.raises(ValueError, match=words):
            model_of().fit(X)
    for X, words in (
        ("", "no text"),
        ([], "no sequence"),
        (CODES, "X holds no texts"),
        (["a", ""], r"X\[1\]"),
        (list(TEXT), "texts of one character each: give one text"),
    ):
        with pytest.raises(ValueError, match=words):
            text_model().fit(X)
    for X, words in ((TEXT.encode(), r"X is bytes.*X\.decode\(\)"), (None, "got NoneType")):
        for call in (model_of().fit, fitted(model_of(), CODES).perplexity):
            with pytest.raises(TypeError, match=words):
                call(X)
    with pytest.raises(TypeError, match="X is bytes"):
        text_model().fit(TEXT.encode())
    model = fitted(model_of(), CODES)
    with pytest.raises(ValueError, match=r"single token.*: give at least two"):
        model.perplexity([3])
    with pytest.raises(ValueError, match="codes from 0 to 8"):
        model.perplexity([3, 9])
    with pytest.raises(ValueError, match="no code for their ends"):
        model.set_params(warm_start=True).fit([CODES, CODES])
    with pytest.raises(ValueError, match="tied cannot change"):
        model.set_params(tied=False).fit(CODES)
    with pytest.raises(ValueError, match="context cannot change from 12 to 9"):
        model.set_params(context=9, tied=True).fit(CODES)
    learned = LanguageModel(LEARNED, 8, random_state=0).initialize(CODES)
    assert np.isfinite(learned.score_samples(CODES[:9])).all()
    with pytest.raises(ValueError, match="sequence of 9 tokens to read, but the table"):
        learned.perplexity(CODES[:10])
    with pytest.raises(ValueError, match="early_stopping"):
        model_of(early_stopping=True).partial_fit(CODES)
    with pytest.raises(ValueError, match=r"of which 4 are held out.*: give a longer text"):
        model_of(early_stopping=True, validation_fraction=0.01).fit(CODES)
