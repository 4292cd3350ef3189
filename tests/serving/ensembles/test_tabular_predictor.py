"""Predictors of raw tables: the answers of the networks within, for tables of any kind."""

import copy
import pickle
import threading
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from cases.ensembles import NAMES, expected, made, matrix_of, odd_people, people

from fusednn.serving.ensembles import averaging
from fusednn.serving.ensembles.ensemble import Member
from fusednn.serving.ensembles.predictor import TabularPredictor
from fusednn.tables.frames.in_memory import table_of


def predictor_of(name, **options):
    return TabularPredictor(made(name)[0], **options)


def answers(predictor, X):
    return predictor.predict_proba(X) if hasattr(predictor, "classes_") else predictor.predict(X)


def rows_for(name):
    return people(40, seed=1, dates=True) if "dates" in name else odd_people()


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_the_weighted_networks(name):
    frame = rows_for(name)
    found, wanted = answers(predictor_of(name), frame), expected(name, frame)
    assert found.dtype == np.float64
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize("name", ["value", "column", "several"])
def test_deviations_follow_from_the_values(name):
    predictor, frame = predictor_of(name), odd_people()
    values, std = predictor.predict(frame, return_std=True)
    np.testing.assert_array_equal(values, predictor.predict(frame))
    assert std.shape == values.shape
    spreads = made(name)[0].target.spreads
    columns = zip(values.reshape(40, -1).T, std.reshape(40, -1).T, spreads, strict=True)
    for own, found, (centers, deviations) in columns:
        np.testing.assert_array_equal(found, np.interp(own, centers, deviations))
    for other in ("quantiles", "two"):
        with pytest.raises(ValueError, match="return_std=True needs a TabularRegressor"):
            predictor_of(other).predict(frame, return_std=True)


def test_labels_are_the_most_probable_ones():
    predictor, frame = predictor_of("three"), odd_people()
    assert predictor.classes_.tolist() == [3, 5, 9]
    most = predictor.predict_proba(frame).argmax(axis=1)
    assert predictor.predict(frame).tolist() == predictor.classes_[most].tolist()
    assert set(predictor_of("two").predict(frame)) <= {"no", "yes"}
    with pytest.raises(AttributeError, match="TabularRegressor is a regressor"):
        predictor_of("value").predict_proba(frame)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_as_a_dict_has_the_same_bits(name):
    predictor, frame = predictor_of(name), rows_for(name)
    records = [
        {key: None if value is pd.NaT else value for key, value in row.items()}
        for row in frame.to_dict("records")
    ]
    together = answers(predictor, frame)
    alone = np.concatenate([answers(predictor, record) for record in records])
    np.testing.assert_array_equal(alone, together)
    np.testing.assert_array_equal(answers(predictor, records[:7]), together[:7])
    np.testing.assert_array_equal(answers(predictor, [records[3]]), together[3:4])


def test_dicts_of_plain_values_need_no_table(monkeypatch):
    predictor, record = predictor_of("two"), people(1).to_dict("records")[0]
    wanted = predictor.predict_proba(record)

    def refuse(X):
        raise AssertionError("a table was made")

    monkeypatch.setattr("fusednn.serving.ensembles.answering.table_of", refuse)
    np.testing.assert_array_equal(predictor.predict_proba(record), wanted)
    np.testing.assert_array_equal(predictor.predict_proba(dict(reversed(record.items()))), wanted)
    predictor.predict_proba({**record, "age": None, "city": None, "grade": 2.0})
    with pytest.raises(AssertionError, match="a table was made"):
        predictor.predict_proba({**record, "age": np.float32(3)})


def test_values_of_other_types_are_those_of_tables():
    """What a dict may hold besides plain numbers, texts and booleans."""
    predictor, frame = predictor_of("two"), people(3)
    frame["age"], frame["grade"] = [30.0, 40.0, 50.0], [1, 2, 3]
    wanted = predictor.predict_proba(frame)
    for kind in (np.float32, np.int8, int):
        records = frame.to_dict("records")
        for record in records:
            record["age"], record["grade"] = kind(record["age"]), kind(record["grade"])
            record["member"] = np.bool_(record["member"])
        each = np.concatenate([predictor.predict_proba(record) for record in records])
        np.testing.assert_array_equal(each, wanted)


def test_frames_of_polars_and_arrays():
    polars = pytest.importorskip("polars")
    predictor, frame = predictor_of("two"), odd_people()
    wanted = predictor.predict_proba(frame)
    cells = frame.astype(object).where(pd.notna(frame), None)
    other = polars.DataFrame({name: cells[name].to_list() for name in frame})
    np.testing.assert_array_equal(predictor.predict_proba(other), wanted)
    shuffled = frame[sorted(frame.columns)]
    np.testing.assert_array_equal(predictor.predict_proba(shuffled), wanted)
    objects = frame.to_numpy(object)
    np.testing.assert_array_equal(predictor.predict_proba(objects), wanted)
    np.testing.assert_array_equal(predictor.predict_proba(objects.tolist()), wanted)


@pytest.mark.parametrize("n_jobs", [1, 2, 5])
def test_blocks_and_threads_change_no_bit(n_jobs, monkeypatch):
    monkeypatch.setattr(averaging, "LEAST_ROWS", 3)
    frame = people(300, seed=4, dates=True)
    wanted = predictor_of("value with dates", n_jobs=1).predict(frame)
    monkeypatch.setattr(averaging, "BLOCK_BYTES", 2000)
    predictor = predictor_of("value with dates", n_jobs=n_jobs)
    np.testing.assert_array_equal(predictor.predict(frame), wanted)
    for part in (frame[:1], frame[10:27], frame[100:]):
        np.testing.assert_array_equal(predictor.predict(part), wanted[part.index])


def test_several_threads_may_call_it():
    predictor, frame = predictor_of("three"), people(64, seed=5)
    records, wanted = frame.to_dict("records"), predictor.predict_proba(frame)
    found = {}

    def call(first):
        found[first] = [
            predictor.predict_proba(record)[0] for record in records[first : first + 8]
        ]

    threads = [threading.Thread(target=call, args=(first,)) for first in range(0, 64, 8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(np.concatenate([found[at] for at in range(0, 64, 8)]), wanted)


def test_copies_answer_the_same():
    predictor, frame = predictor_of("quantiles"), odd_people()
    wanted = predictor.predict(frame)
    for other in (copy.deepcopy(predictor), pickle.loads(pickle.dumps(predictor))):
        np.testing.assert_array_equal(other.predict(frame), wanted)
        assert repr(other) == repr(predictor)
    assert "10 columns, 3 networks, 3 numbers" in repr(predictor)


def test_rounded_weights_answer_nearly_the_same():
    frame = odd_people()
    wanted = predictor_of("three").predict_proba(frame)
    found = predictor_of("three", weights="bfloat16")
    assert 0 < abs(found.predict_proba(frame) - wanted).max() < 0.02
    again = TabularPredictor(found.ensemble(), weights="bfloat16")
    np.testing.assert_array_equal(again.predict_proba(frame), found.predict_proba(frame))


def test_what_is_known_of_the_columns():
    predictor = predictor_of("two")
    assert predictor.n_features_in_ == 10
    assert predictor.feature_names_in_.tolist() == people(1).columns.tolist()


def test_tables_of_files_may_have_further_columns():
    predictor, frame = predictor_of("two"), odd_people()
    unseen = Counter()
    found = predictor.answers(table_of(frame.assign(more=1)), unseen)
    np.testing.assert_array_equal(found, predictor.predict_proba(frame))
    assert unseen["city"] == 2
    assert unseen["colour"] == 3


REFUSED = {
    "missing column": (lambda f: f.drop(columns="age"), "lacks column 'age'"),
    "more columns": (lambda f: f.assign(more=1), "had no column 'more': leave it out"),
    "other type": (lambda f: f.assign(age="old"), "column 'age' has texts .* had numbers"),
    "infinite": (lambda f: f.assign(age=np.inf), "row 1: age is inf, which is infinite"),
    "no rows": (lambda f: f[:0], "no rows"),
    "a series": (lambda f: f["age"], "X is a series"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_tables(name):
    change, message = REFUSED[name]
    X = change(people(5))
    with pytest.raises(ValueError, match=message) as found:
        predictor_of("two").predict(X)
    assert str(found.value).endswith(".")
    if isinstance(X, pd.DataFrame) and len(X):
        with pytest.raises(ValueError, match=message):
            predictor_of("two").predict(X.to_dict("records")[0])


def test_a_dict_of_lists_is_no_row():
    frame = people(5)
    with pytest.raises(ValueError, match="holds a value of type list"):
        predictor_of("two").predict(frame.to_dict("list"))


def test_rows_of_later_blocks_are_named(monkeypatch):
    monkeypatch.setattr(averaging, "LEAST_ROWS", 8)
    monkeypatch.setattr(averaging, "BLOCK_BYTES", 8)
    frame = people(50)
    frame.loc[33, "income"] = np.inf
    with pytest.raises(ValueError, match="row 34: income is inf"):
        predictor_of("two", n_jobs=2).predict(frame)


def _changed(member, **changes):
    return member._replace(model=member.model._replace(**changes))


def test_members_must_fit():
    ensemble, _ = made("three")
    other, _ = made("value")
    first, *rest = ensemble.members
    with pytest.raises(ValueError, match="n_jobs must be"):
        TabularPredictor(ensemble, n_jobs=0)
    with pytest.raises(ValueError, match="weights of its members"):
        TabularPredictor(ensemble._replace(members=(first,)))
    linear = _changed(first, head=other.members[0].model.head)
    with pytest.raises(ValueError, match=r"members\[0\] must end with the function softmax"):
        TabularPredictor(ensemble._replace(members=(linear, *rest)))
    with pytest.raises(ValueError, match=r"members\[0\] must put out 3 numbers"):
        TabularPredictor(ensemble._replace(members=other.members))
    narrow = ensemble.preparation._replace(features=ensemble.preparation.features[1:])
    with pytest.raises(ValueError, match=r"must read the .* columns of its preparation"):
        TabularPredictor(ensemble._replace(preparation=narrow))
    known = first.model.ops[0]
    few = known._replace(categories=(known.categories[0] - 1,))
    ops = few, *first.model.ops[1:]
    with pytest.raises(ValueError, match="a vector for each code"):
        TabularPredictor(ensemble._replace(members=(_changed(first, ops=ops), *rest)))
    doubled = _changed(first, dtype=np.dtype("float64"))
    with pytest.raises(ValueError, match="of one type"):
        TabularPredictor(ensemble._replace(members=(doubled, *rest)))


def test_one_member_is_enough():
    ensemble, networks = made("three")
    alone = ensemble._replace(members=(Member(ensemble.members[1].model, 1.0),))
    frame = odd_people()
    found = TabularPredictor(alone).predict_proba(frame)
    wanted = networks[1].predict_proba(matrix_of(ensemble.preparation, frame))
    np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("name", ["two", "value", "several", "quantiles"])
def test_a_table_of_a_file_may_have_no_rows(name):
    predictor = predictor_of(name)
    table = table_of(odd_people())
    found = predictor.answers(table.take(np.arange(0)))
    assert found.shape == (0, *predictor.answers(table).shape[1:])
