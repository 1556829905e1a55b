"""refit=True: members trained again on all rows, to the epoch that was the best without some."""

import signal

import numpy as np
import pytest
from sklearn.base import clone
from tiny_tables import LABELS, NUMBERS, X, assert_same_model, both, classifier, regressor, vectors

import cbackprop
from cbackprop.tabular import fitting


def names(table):
    """The table with a column of text, of which rows at the end have values of their own."""
    made = table.astype(object)
    made[:, 2] = [f"c{i // 12}" for i in range(len(table))]
    return made


@pytest.mark.parametrize("n_folds", [None, 3])
@pytest.mark.parametrize("kind", [0, 1])
def test_what_was_found_without_some_rows_stays(kind, n_folds):
    model, y = both(n_folds=n_folds, max_epochs=6)[kind]
    first = clone(model).fit(X, y)
    model.set_params(refit=True).fit(X, y)
    assert model.best_epoch_ == first.best_epoch_
    assert model.validation_score_ == first.validation_score_
    assert model.history_["cost"] == first.history_["cost"]
    assert model.n_epochs_ == first.n_epochs_
    if n_folds:
        np.testing.assert_array_equal(model.oof_prediction_, first.oof_prediction_)
    assert len(model.networks_) == 2
    assert (vectors(model)[0] != vectors(first)[0]).any()
    assert (vectors(model)[0] != vectors(model)[1]).any()


def test_the_members_have_made_as_many_epochs_as_were_best_and_of_the_same_schedule(monkeypatch):
    made = []
    again = fitting.train_again

    def watched(estimator, rows, *arguments, **how):
        made.append((again(estimator, rows, *arguments, **how), rows))
        return made[0][0]

    monkeypatch.setattr("cbackprop.tabular.estimators.train_again", watched)
    model = classifier(max_epochs=7, refit=True, batch_size=10).fit(X, LABELS)
    (members, rows), n_steps = made[0], model.best_epoch_ * 12
    assert rows.train.tolist() == list(range(120))
    assert not rows.held_out.size
    assert [member.optimizer.n_steps for member in members] == [n_steps] * 2
    assert members[0].settings.max_epochs == 7
    t = (n_steps - 1) / (7 * 12)
    rate = 0.04 * (1 - np.cos(2 * np.pi * np.log2(1 + 15 * t))) / 2
    assert members[0].optimizer.last_rate == pytest.approx(rate, rel=1e-5)


@pytest.mark.parametrize("n_folds", [None, 2])
@pytest.mark.parametrize("kind", [0, 1])
def test_any_number_of_jobs_gives_the_same_bits(kind, n_folds):
    model, y = both(refit=True, n_folds=n_folds, n_members=3)[kind]
    expected = clone(model).set_params(n_jobs=1).fit(X, y)
    assert_same_model(clone(model).set_params(n_jobs=3).fit(X, y), expected)


def test_the_encoder_knows_all_rows():
    model = regressor(refit=True, max_epochs=2).fit(names(X), NUMBERS)
    assert len(model.encoder_.categories_[0]) == 10
    np.testing.assert_array_equal(model.encoder_.medians_, np.median(X[:, :2], axis=0))
    assert model.networks_[0].layer_sizes[0] == model.encoder_.transform(names(X)).shape[1]
    assert model.feature_importances_.shape == (3,)


@pytest.mark.parametrize("frames", ["arrays", "pandas", "pandas and an array", "polars"])
def test_given_rows_are_learnt_from_too(frames):
    table = names(X)
    upper, lower = table[:90], table[90:]
    if frames != "arrays":
        pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
        pytest.importorskip("narwhals")
        frame = pd.DataFrame(table, columns=["a", "b", "c"]).infer_objects()
        upper, lower = frame[:90], frame[90:]
        if frames == "polars":
            upper, lower = (pl.DataFrame(part.to_dict("list")) for part in (upper, lower))
        elif frames == "pandas and an array":
            lower = lower.astype({"c": "category"})
    model = classifier(refit=True).fit(upper, LABELS[:90], X_val=lower, y_val=LABELS[90:])
    assert len(model.encoder_.categories_[0]) == 10
    np.testing.assert_array_equal(model.encoder_.medians_, np.median(X[:, :2], axis=0))
    if frames != "arrays":
        assert model.feature_names_in_.tolist() == ["a", "b", "c"]


def test_a_column_of_holes_may_stand_below_one_of_text():
    upper, lower = names(X[:90]), names(X[90:])
    lower[:, 2] = None
    model = classifier(refit=True).fit(upper, LABELS[:90], X_val=lower, y_val=LABELS[90:])
    assert len(model.encoder_.categories_[0]) == 8


def test_rows_without_weight_are_as_if_they_were_not_there():
    weight = np.ones(120)
    weight[100:] = 0
    model = regressor(refit=True, max_epochs=3).fit(names(X), NUMBERS, weight)
    alone = regressor(refit=True, max_epochs=3).fit(names(X)[:100], NUMBERS[:100])
    assert_same_model(model, alone)


def test_tables_too_small_to_hold_rows_out_are_trained_again_all_the_same():
    model = regressor(refit=True).fit(X[:4], NUMBERS[:4])
    assert model.best_epoch_ == 4
    assert model.validation_score_ is None


@pytest.mark.parametrize("epoch", [1, 3])
def test_an_interrupt_while_training_again_keeps_the_first_members(epoch, monkeypatch):
    once = fitting.train_again

    def interrupted(estimator, rows, *arguments, **how):
        from cbackprop.tabular.members import Member

        whole, made = Member.train, []

        def train(self):
            made.append(1)
            if len(made) == 2 * epoch:
                signal.raise_signal(signal.SIGINT)
            return whole(self)

        monkeypatch.setattr(Member, "train", train)
        return once(estimator, rows, *arguments, **how)

    monkeypatch.setattr("cbackprop.tabular.estimators.train_again", interrupted)
    scoring = "neg_log_loss"
    model = classifier(refit=True, n_jobs=1, max_epochs=6, scoring=scoring)
    with pytest.warns(UserWarning, match="not trained again on all rows"):
        model.fit(X, LABELS)
    monkeypatch.undo()
    assert model.best_epoch_ > 3
    expected = classifier(max_epochs=6, scoring=scoring).fit(X, LABELS)
    assert_same_model(model, expected)
    np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))


def test_callbacks_are_told_of_the_first_fit_alone_and_a_stop_is_kept_to():
    seen = []

    def stop(model, history):
        seen.append(history.epochs)
        return history.epochs == 2

    model = classifier(refit=True, max_epochs=9).fit(X, LABELS, callbacks=[stop])
    assert seen == [1, 2]
    assert model.best_epoch_ <= 2


def test_it_is_said_what_is_trained(capsys):
    classifier(refit=True, verbose=True, max_epochs=2).fit(X, LABELS)
    lines = capsys.readouterr().out.splitlines()
    assert ["on all rows" in line for line in lines[:2]] == [False, False]
    assert all("2 members on all rows" in line for line in lines[2:])
    assert len(lines) > 2


def test_files_bring_it_back(tmp_path):
    model = classifier(refit=True, n_folds=2).fit(names(X), LABELS)
    model.save(tmp_path / "model")
    other = cbackprop.load(tmp_path / "model")
    assert other.refit is True
    np.testing.assert_array_equal(other.predict_proba(names(X)), model.predict_proba(names(X)))
    np.testing.assert_array_equal(other.feature_importances_, model.feature_importances_)
