"""A fit to a table that is cut short goes on from its checkpoint, with the same bits."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from tiny_tables import LABELS, NUMBERS, X, assert_same_model, both, classifier, regressor

import cbackprop
from cbackprop import Checkpoint
from cbackprop.files import ModelFileError
from cbackprop.files.container import reading, write
from cbackprop.files.registry import declared_tensors


class Cut(Exception):
    pass


def cut_after(epoch):
    def cut(model, history):
        if history.epochs == epoch:
            raise Cut

    return cut


def interrupted(model, y, path, epoch, every=1, **given):
    checkpoint = Checkpoint(path, every)
    with pytest.raises(Cut):
        model.fit(X, y, callbacks=[checkpoint, cut_after(epoch)], **given)


CASES = {
    "as it is": {},
    "folds": {"n_folds": 3},
    "no dropout": {"dropout": 0.0, "embedding": None},
    "stops early": {"early_stopping": True},
    "all rows again": {"refit": True},
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kind", [0, 1])
def test_a_resumed_fit_ends_with_the_bits_of_one_that_was_not_interrupted(kind, name, tmp_path):
    model, y = both(max_epochs=7, n_jobs=1, **CASES[name])[kind]
    expected = clone(model).fit(X, y)
    path = tmp_path / "fit"
    interrupted(clone(model), y, path, 4, every=3)
    for n_jobs in (1, 2):
        again = clone(model).set_params(n_jobs=n_jobs)
        copy = tmp_path / f"fit{n_jobs}"
        copy.write_bytes(path.read_bytes())
        began = []
        note = lambda _, history, began=began: began.append(history.epochs)  # noqa: E731
        again.fit(X, y, callbacks=[Checkpoint(copy, resume=True), note])
        assert began == [4, 5, 6, 7]
        assert_same_model(again, expected)
        for quantity in ("cost", "evaluation_score"):
            assert again.history_[quantity] == expected.history_[quantity]
        assert again.validation_score_ == expected.validation_score_
        np.testing.assert_array_equal(again.predict(X), expected.predict(X))
        if name == "folds":
            np.testing.assert_array_equal(again.oof_prediction_, expected.oof_prediction_)


def test_sparse_columns_and_weights_go_on_too(tmp_path):
    table = X.astype(object)
    table[:, 2] = [f"c{i % 40}" for i in range(len(X))]
    weight = np.where(X[:, 1] > 0, 1.0, 0.5)
    model = classifier(max_epochs=5, embedding=None)
    expected = clone(model).fit(table, LABELS, weight)
    callbacks = [Checkpoint(tmp_path / "fit"), cut_after(2)]
    with pytest.raises(Cut):
        model.fit(table, LABELS, weight, callbacks=callbacks)
    callbacks = [Checkpoint(tmp_path / "fit", resume=True)]
    assert_same_model(clone(model).fit(table, LABELS, weight, callbacks=callbacks), expected)


def test_a_checkpoint_is_the_model_that_the_fit_would_end_with(tmp_path):
    path = tmp_path / "fit"
    interrupted(classifier(max_epochs=9), LABELS, path, 5)
    loaded = cbackprop.load(path)
    expected = classifier(max_epochs=9).fit(X, LABELS, callbacks=[lambda _, h: h.epochs == 5])
    np.testing.assert_array_equal(loaded.predict_proba(X), expected.predict_proba(X))
    assert loaded.best_epoch_ == expected.best_epoch_
    assert loaded.settings_ == expected.settings_


def test_a_fit_that_has_ended_is_not_trained_further(tmp_path):
    path = tmp_path / "fit"
    expected = regressor().fit(X, NUMBERS, callbacks=[Checkpoint(path)])
    told = []
    again = regressor()
    again.fit(X, NUMBERS, callbacks=[Checkpoint(path, resume=True), lambda *_: told.append(1)])
    assert not told
    assert_same_model(again, expected)
    stopped = classifier(max_epochs=9)
    stopped.fit(X, LABELS, callbacks=[Checkpoint(tmp_path / "2"), lambda _, h: h.epochs == 2])
    again = clone(stopped).fit(X, LABELS, callbacks=[Checkpoint(tmp_path / "2", resume=True)])
    assert again.n_epochs_ == 2
    assert_same_model(again, stopped)


@pytest.mark.parametrize(
    ("params", "data", "words"),
    [
        ({"dropout": 0.3}, (X, LABELS), "dropout = 0.15, not 0.3"),
        ({"n_members": 3}, (X, LABELS), "n_members = 2, not 3"),
        ({"max_epochs": 9}, (X, LABELS), "max_epochs = 4, not 9"),
        ({"random_state": 1}, (X, LABELS), "random_state = 0, not 1"),
        ({}, (X[::-1], LABELS), "other X"),
        ({}, (X, 1 - LABELS), "other y"),
    ],
)
def test_a_checkpoint_of_another_fit_is_refused_and_says_what_differs(
    params, data, words, tmp_path
):
    path = tmp_path / "fit"
    interrupted(classifier(), LABELS, path, 2)
    before = path.read_bytes()
    with pytest.raises(ModelFileError, match=words):
        classifier(**params).fit(*data, callbacks=[Checkpoint(path, resume=True)])
    assert path.read_bytes() == before
    checkpoint = Checkpoint(path, resume=True, on_mismatch="restart")
    again = classifier(**params).fit(*data, callbacks=[checkpoint])
    assert_same_model(again, classifier(**params).fit(*data))


def test_a_model_is_no_checkpoint(tmp_path):
    classifier().fit(X, LABELS).save(tmp_path / "model")
    with pytest.raises(ModelFileError, match="a model, not a checkpoint"):
        classifier().fit(X, LABELS, callbacks=[Checkpoint(tmp_path / "model", resume=True)])
    regressor().fit(X, NUMBERS, callbacks=[Checkpoint(tmp_path / "other")])
    with pytest.raises(ModelFileError, match="kind"):
        classifier().fit(X, LABELS, callbacks=[Checkpoint(tmp_path / "other", resume=True)])


@pytest.mark.parametrize("seed", [None, np.random.RandomState(0)])
def test_a_fit_that_draws_other_rows_each_time_cannot_be_resumed(seed, tmp_path):
    checkpoint = Checkpoint(tmp_path / "fit", resume=True)
    with pytest.raises(ValueError, match="random_state must be an integer"):
        classifier(random_state=seed).fit(X, LABELS, callbacks=[checkpoint])
    classifier(random_state=seed).fit(X, LABELS, callbacks=[Checkpoint(tmp_path / "fit")])


def test_what_no_file_can_hold_is_refused_before_the_first_epoch(tmp_path):
    told = []
    model = classifier(scoring=lambda model, X, y: 0.0)
    callbacks = [Checkpoint(tmp_path / "fit"), lambda *_: told.append(1)]
    with pytest.raises(TypeError, match="scoring cannot be saved"):
        model.fit(X, LABELS, callbacks=callbacks)
    assert not told
    assert not (tmp_path / "fit").exists()


def test_folds_of_a_cross_validation_begin_anew(tmp_path):
    checkpoint = Checkpoint(tmp_path / "fit", 2, resume=True, on_mismatch="restart")
    params = {"callbacks": [checkpoint]}
    scores = cross_val_score(classifier(), X, LABELS, cv=2, params=params)
    np.testing.assert_array_equal(scores, cross_val_score(classifier(), X, LABELS, cv=2))


def content(path):
    """The description and the tensors of a file."""
    with reading(path) as reader:
        declared = declared_tensors(reader.description)
        reader.declare(declared)
        tensors = {name: np.array(reader.tensor(name)) for name in declared}
        about = {k: v for k, v in reader.description.items() if k not in ("sha256", "version")}
    return about, tensors


DAMAGED = {
    "epoch": -1,
    "done": 3,
    "best_epoch": 99,
    "rows": [1],
    "n_steps": [0],
    "n_states": 9,
    "samples": "many",
    "history": {},
    "random_states": [],
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_checkpoint_that_cannot_be_is_refused_and_the_estimator_is_as_it_was(name, tmp_path):
    path = tmp_path / "fit"
    interrupted(classifier(), LABELS, path, 2)
    about, tensors = content(path)
    about["tabular"]["fit"][name] = DAMAGED[name]
    write(path, about, tensors)
    model = classifier()
    with pytest.raises(ModelFileError):
        model.fit(X, LABELS, callbacks=[Checkpoint(path, resume=True)])
    assert not hasattr(model, "networks_")


def test_orders_of_other_rows_are_refused(tmp_path):
    path = tmp_path / "fit"
    interrupted(classifier(), LABELS, path, 2)
    about, tensors = content(path)
    tensors["fit.orders"] = 0 * tensors["fit.orders"]
    write(path, about, tensors)
    with pytest.raises(ModelFileError, match="orders of rows"):
        classifier().fit(X, LABELS, callbacks=[Checkpoint(path, resume=True)])
