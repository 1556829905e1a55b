"""A checkpoint goes on with its own fit alone; nothing that outlives a fit leaks into the next."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score

import cbackprop
from cbackprop import SGD, Adam, Checkpoint, MLPClassifier, MLPRegressor, Network
from cbackprop.files.container import ModelFileError
from cbackprop.training.origin import fingerprint

rng = np.random.default_rng(0)
X, y = rng.normal(size=(120, 20)), rng.integers(0, 2, 120)  # noise: nothing to learn
WEIGHT = rng.uniform(1, 2, 120)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoint"


def restarting(path):
    return Checkpoint(path, resume=True, on_mismatch="restart")


CLASSIFIER = MLPClassifier((20,), learning_rate_init=0.01, max_iter=60, random_state=0)
SOLVERS = ["adam", "sgd", "lbfgs"]


def changed(array, at=(3, 1)):
    other = array.copy()
    other[at[: array.ndim]] += 1
    return other


# Cross-validation.


@pytest.mark.parametrize("solver", SOLVERS)
def test_folds_with_a_checkpoint_score_as_folds_without(solver, path):
    model = clone(CLASSIFIER).set_params(solver=solver)
    honest = cross_val_score(model, X, y, cv=5)
    kept = cross_val_score(model, X, y, cv=5, params={"callbacks": [restarting(path)]})
    assert_array_equal(kept, honest)


def test_folds_by_default_refuse_what_the_fold_before_has_left(path):
    with pytest.raises(ValueError, match="other X, other y"):
        cross_val_score(
            CLASSIFIER,
            X,
            y,
            cv=2,
            params={"callbacks": [Checkpoint(path, resume=True)]},
            error_score="raise",
        )


def test_search_with_a_checkpoint_finds_what_it_finds_without(path):
    model = clone(CLASSIFIER).set_params(max_iter=5)
    search = GridSearchCV(model, {"alpha": [1e-4, 1.0], "random_state": [0, 1]}, cv=2)
    honest = clone(search).fit(X, y)
    search.fit(X, y, callbacks=[restarting(path)])
    assert_array_equal(search.cv_results_["mean_test_score"], honest.cv_results_["mean_test_score"])
    assert_array_equal(
        search.best_estimator_.network_.parameters, honest.best_estimator_.network_.parameters
    )


# What differs.

OTHERS = {
    "X": {"X": changed(X)},
    "X, by one bit": {"X": np.nextafter(X, 9)},
    "X, sparse": {"X": sp.csr_array(X)},
    "rows in another order": {"X": X[::-1], "y": y[::-1]},
    "y": {"y": 1 - y},
    "sample_weight": {"sample_weight": WEIGHT},
    "other weights": {"sample_weight": changed(WEIGHT)},
}


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", OTHERS)
def test_checkpoint_of_other_data_of_the_same_shape_is_an_error_that_names_them(name, solver, path):
    data = {"X": X, "y": y}
    if name == "other weights":
        data["sample_weight"] = WEIGHT
    model = clone(CLASSIFIER).set_params(solver=solver, max_iter=3)
    clone(model).fit(**data, callbacks=[Checkpoint(path)])
    before = path.read_bytes()
    names = {"rows in another order": "X, other y", "other weights": "sample_weight"}
    with pytest.raises(ModelFileError, match=f"with other {names.get(name, name.split(',')[0])}"):
        clone(model).fit(**data | OTHERS[name], callbacks=[Checkpoint(path, resume=True)])
    assert path.read_bytes() == before


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", OTHERS)
def test_restart_begins_anew_where_the_data_differ(name, solver, path):
    data = {"X": X, "y": y}
    if name == "other weights":
        data["sample_weight"] = WEIGHT
    model = clone(CLASSIFIER).set_params(solver=solver, max_iter=3)
    clone(model).fit(**data, callbacks=[Checkpoint(path)])
    other = data | OTHERS[name]
    fresh = clone(model).fit(**other)
    again = clone(model).fit(**other, callbacks=[restarting(path)])
    assert_array_equal(again.network_.parameters, fresh.network_.parameters)
    assert again.n_iter_ == fresh.n_iter_
    assert_array_equal(cbackprop.load(path).network_.parameters, fresh.network_.parameters)


@pytest.mark.parametrize("seeds", [(0, 1), (0, None), (None, 0), (0, np.random.RandomState(0))])
def test_another_seed_is_another_fit(seeds, path):
    first, second = (clone(CLASSIFIER).set_params(random_state=seed, max_iter=3) for seed in seeds)
    first.fit(X, y, callbacks=[Checkpoint(path)])
    with pytest.raises(ModelFileError, match="with random_state = "):
        second.fit(X, y, callbacks=[Checkpoint(path, resume=True)])


def test_fit_without_a_seed_is_resumed(path):
    model = clone(CLASSIFIER).set_params(random_state=None, max_iter=3)
    first = clone(model).fit(X, y, callbacks=[Checkpoint(path)])
    again = clone(model).fit(X, y, callbacks=[Checkpoint(path, resume=True)])
    assert_array_equal(again.network_.parameters, first.network_.parameters)


@pytest.mark.parametrize("solver", SOLVERS)
def test_warm_start_from_another_model_is_another_fit(solver, path):
    def warm(alpha):
        model = clone(CLASSIFIER).set_params(solver=solver, max_iter=3, warm_start=True)
        model.set_params(alpha=alpha).fit(X, y)
        return model.set_params(alpha=0.5)

    warm(1.0).fit(X, y, callbacks=[Checkpoint(path)])
    with pytest.raises(ModelFileError, match="with other parameters at its start"):
        warm(9.0).fit(X, y, callbacks=[Checkpoint(path, resume=True)])
    expected = warm(9.0).fit(X, y)
    restarted = warm(9.0).fit(X, y, callbacks=[restarting(path)])
    assert_array_equal(restarted.network_.parameters, expected.network_.parameters)


ROWS, TARGETS = X[:, :4], X[:, 4]


def network(seed=0):
    return Network([4, 3, 1], activation="tanh", random_state=seed)


def trained(**options):
    optimizer = Adam()
    network(5).fit(ROWS, TARGETS, optimizer=optimizer, **options)
    return optimizer


FITS = {
    "X": {"X": changed(ROWS)},
    "y": {"y": changed(TARGETS)},
    "sample_weight": {"sample_weight": WEIGHT},
    "parameters at its start": {"network": lambda: network(1)},
    "optimizer state at its start": {"optimizer": lambda: trained(epochs=1, random_state=0)},
    "evaluation_data": {"evaluation_data": (changed(ROWS[:9]), TARGETS[:9])},
    "shuffle": {"shuffle": False},
    "random_state": {"random_state": 1},
    "gradient_norms": {"gradient_norms": True},
    "metrics": {"metrics": {"off": lambda y, outputs: 1.0}},
    "batch_size": {"batch_size": 20},
}


@pytest.mark.parametrize("name", FITS)
@pytest.mark.filterwarnings("ignore:this Adam has made")
def test_networks_fit_of_anything_else_is_another_fit(name, path):
    def fit(callbacks, **changes):
        given = {
            "X": ROWS,
            "y": TARGETS,
            "optimizer": Adam,
            "evaluation_data": (ROWS[:9], TARGETS[:9]),
            "random_state": 0,
            "network": network,
        } | changes
        made, optimizer = given.pop("network")(), given.pop("optimizer")()
        made.fit(**given, optimizer=optimizer, epochs=3, callbacks=callbacks)
        return made

    first = fit([Checkpoint(path)])
    assert_array_equal(fit([Checkpoint(path, resume=True)]).parameters, first.parameters)
    with pytest.raises(ModelFileError, match=f"with (other )?{name}"):
        fit([Checkpoint(path, resume=True)], **FITS[name])
    expected = fit([], **FITS[name])
    assert_array_equal(fit([restarting(path)], **FITS[name]).parameters, expected.parameters)


# The same data, given otherwise.


def test_the_same_data_in_another_container_are_the_same(path):
    pandas = pytest.importorskip("pandas")
    model = clone(CLASSIFIER).set_params(max_iter=3)
    first = clone(model).fit(X, y, callbacks=[Checkpoint(path)])
    for rows, labels in (
        (X.tolist(), y.tolist()),
        (np.asfortranarray(X), y.reshape(-1).copy()),
        (np.repeat(X, 2, axis=1)[:, ::2], pandas.Series(y)),
    ):
        again = clone(model).fit(rows, labels, callbacks=[Checkpoint(path, resume=True)])
        assert_array_equal(again.network_.parameters, first.network_.parameters)


def test_fingerprint_is_of_content_dtype_and_shape():
    csr = sp.csr_array(np.where(X > 0, X, 0))
    wide = csr.copy()
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    assert fingerprint(csr) == fingerprint(wide)
    assert fingerprint(X) == fingerprint(X.copy()) == fingerprint(np.asfortranarray(X))
    different = [csr, csr[:, :19], csr * 2, X, X.astype(np.float32), X.reshape(60, 40), X.ravel()]
    prints = [fingerprint(thing) for thing in [*different, changed(X), np.zeros(0)]]
    assert len(set(prints)) == len(prints)
    assert fingerprint(None) is None
    assert fingerprint(X, None) != fingerprint(X)


def test_fingerprint_of_a_large_array_is_that_of_its_pieces(monkeypatch):
    whole = fingerprint(X)
    monkeypatch.setattr("cbackprop.training.origin.PIECE", 7)
    assert fingerprint(X) == whole


def test_file_of_an_earlier_version_is_not_resumed_but_loads(path, monkeypatch):
    monkeypatch.setattr("cbackprop.callbacks.checkpoint.origin_of", lambda model, state: None)
    model = clone(CLASSIFIER).set_params(max_iter=3)
    model.fit(X, y, callbacks=[Checkpoint(path)])
    monkeypatch.undo()
    with pytest.raises(ModelFileError, match="of an earlier version"):
        clone(model).fit(X, y, callbacks=[Checkpoint(path, resume=True)])
    assert_array_equal(cbackprop.load(path).network_.parameters, model.network_.parameters)
    clone(model).fit(X, y, callbacks=[restarting(path)])


def test_restart_keeps_a_model_that_is_no_checkpoint(path):
    network().save(path)
    before = path.read_bytes()
    with pytest.raises(ModelFileError, match="nothing to resume"):
        network().fit(ROWS, TARGETS, callbacks=[restarting(path)])
    assert path.read_bytes() == before


def test_on_mismatch_of_another_name_is_an_error(path):
    with pytest.raises(ValueError, match="on_mismatch must be one of"):
        Checkpoint(path, on_mismatch="ask")


def test_one_checkpoint_for_two_fits_at_once_keeps_the_last_to_end(path):
    """A fit within another's callback stands for two threads."""
    checkpoint = Checkpoint(path)
    inner = clone(CLASSIFIER).set_params(random_state=1, max_iter=3)

    def fits_another(model, history):
        if history.epochs == 1:
            inner.fit(X, y, callbacks=[checkpoint])

    outer = clone(CLASSIFIER).set_params(max_iter=3)
    outer.fit(X, y, callbacks=[checkpoint, fits_another])
    assert_array_equal(cbackprop.load(path).network_.parameters, outer.network_.parameters)


# Optimizers.


def test_optimizer_that_comes_from_another_network_is_named():
    optimizer, mine = Adam(), network()
    mine.fit(ROWS, TARGETS, optimizer=optimizer, epochs=2)
    mine.fit(ROWS, TARGETS, optimizer=optimizer, epochs=2)
    with pytest.warns(UserWarning, match="this Adam has made 48 steps with another network"):
        network(1).fit(ROWS, TARGETS, optimizer=optimizer, epochs=1)


def test_fit_that_fails_leaves_the_optimizer_to_its_network():
    optimizer, mine = Adam(), network()
    mine.fit(ROWS, TARGETS, optimizer=optimizer, epochs=2)

    def fails(network, history):
        raise ZeroDivisionError

    with pytest.warns(UserWarning, match="another network"), pytest.raises(ZeroDivisionError):
        network(1).fit(ROWS, TARGETS, optimizer=optimizer, epochs=1, callbacks=[fails])
    mine.fit(ROWS, TARGETS, optimizer=optimizer, epochs=1)


def test_optimizer_without_a_step_or_from_a_file_is_nobodys(tmp_path):
    optimizer = SGD(0.01, 0.9)
    network().fit(ROWS, TARGETS, optimizer=optimizer, epochs=1)
    optimizer.save(tmp_path / "sgd")
    network(1).fit(ROWS, TARGETS, optimizer=cbackprop.load(tmp_path / "sgd"), epochs=1)
    optimizer.state = None
    network(2).fit(ROWS, TARGETS, optimizer=optimizer, epochs=1)


@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lbfgs_leaves_nothing_of_an_earlier_optimizer(warm_start, dtype, tmp_path):
    rows = X.astype(dtype)
    model = MLPClassifier((7,), max_iter=3, random_state=0, warm_start=warm_start).fit(rows, y)
    model.set_params(solver="lbfgs").fit(rows, y)
    model.save(tmp_path / "model")
    assert_array_equal(
        cbackprop.load(tmp_path / "model").network_.parameters, model.network_.parameters
    )
    model.set_params(solver="adam").partial_fit(rows, y)
    assert model._optimizer.n_steps == 1


def test_lbfgs_of_another_size_after_adam_saves_and_goes_on(tmp_path):
    def model(solver):
        return MLPRegressor(hidden_layer_sizes=(7,), solver=solver, max_iter=3, random_state=0)

    fresh = model("lbfgs").fit(ROWS, TARGETS).set_params(solver="adam").partial_fit(ROWS, TARGETS)
    used = model("adam").set_params(hidden_layer_sizes=(5,)).fit(X, TARGETS)
    used.set_params(solver="lbfgs", hidden_layer_sizes=(7,)).fit(ROWS, TARGETS)
    used.save(tmp_path / "model")
    cbackprop.load(tmp_path / "model")
    used.set_params(solver="adam").partial_fit(ROWS, TARGETS)
    assert_array_equal(used.network_.parameters, fresh.network_.parameters)
