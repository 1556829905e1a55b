"""Saving and loading: the same model, bit for bit; the file is written whole or not at all."""

import errno
import json
import os
import signal
import stat
import tempfile
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from safetensors import safe_open
from sameness import same
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError

import cbackprop
from cbackprop import SGD, Adam, MLPClassifier, MLPRegressor, Network
from cbackprop.files import atomic, saving

X, y = load_iris(return_X_y=True)
X32 = X.astype(np.float32)
NAMES = np.array(["setosa", "versicolor", "virginica"])
MULTILABEL = np.stack([y == 0, y > 0, X[:, 0] > 5.8], axis=1).astype(int)
FIXTURE = Path(__file__).parents[1] / "data" / "format-1.safetensors"

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ESTIMATORS = {
    "integer labels": (MLPClassifier((5,), max_iter=4, random_state=0), X, y),
    "float32": (MLPClassifier((5,), max_iter=4, random_state=0), X32, y),
    "strings": (MLPClassifier((5,), max_iter=4, random_state=0), X, NAMES[y]),
    "two strings": (MLPClassifier((5,), max_iter=4, random_state=0), X, NAMES[y // 2]),
    "objects": (MLPClassifier((5,), max_iter=4, random_state=0), X, NAMES[y].astype(object)),
    "one class": (MLPClassifier((5,), max_iter=4, random_state=0), X, np.zeros(len(X), np.int8)),
    "booleans": (MLPClassifier((5,), max_iter=4, random_state=0), X, y == 1),
    "multilabel": (MLPClassifier((5,), max_iter=4, random_state=0), X, MULTILABEL),
    "sgd": (
        MLPClassifier([4, 3], "tanh", solver="sgd", max_iter=4, random_state=0, clip_norm=1.0),
        X,
        y,
    ),
    "adaptive": (
        MLPClassifier(
            (5,), solver="sgd", learning_rate="adaptive", tol=10.0, max_iter=30, random_state=0
        ),
        X,
        y,
    ),
    "lbfgs": (MLPClassifier((5,), solver="lbfgs", max_iter=4, random_state=0), X, y),
    "early stopping": (
        MLPClassifier((5,), early_stopping=True, max_iter=4, random_state=0, n_iter_no_change=2),
        X,
        y,
    ),
    "random state": (
        MLPClassifier((5,), max_iter=4, random_state=np.random.RandomState(3)),
        X,
        y,
    ),
    "array of sizes": (MLPClassifier(np.array([5, 2]), max_iter=4, random_state=0), X, y),
    "infinity": (MLPClassifier((5,), max_iter=4, random_state=0, n_iter_no_change=np.inf), X, y),
    "no hidden layer": (MLPClassifier((), max_iter=4, random_state=0), X, y),
    "regressor": (MLPRegressor("squared_error", (5,), max_iter=4, random_state=0), X, X[:, 0]),
    "several outputs": (
        MLPRegressor("squared_error", (5,), max_iter=4, random_state=0),
        X32,
        X32[:, :2],
    ),
    "poisson": (MLPRegressor("poisson", (5,), max_iter=4, random_state=0), X, y + 1.0),
}


def trip(model, folder):
    path = folder / "model.safetensors"
    model.save(path)
    return cbackprop.load(path)


def fitted(name):
    estimator, X, y = ESTIMATORS[name]
    from sklearn.base import clone

    return clone(estimator).fit(X, y), X, y


# The same model.


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_attribute_of_a_fitted_estimator_comes_back(name, tmp_path):
    estimator, X, _ = fitted(name)
    loaded = trip(estimator, tmp_path)
    assert vars(estimator).keys() == vars(loaded).keys()
    for attribute, value in vars(estimator).items():
        assert same(value, vars(loaded)[attribute]), attribute
    assert same(estimator.predict(X), loaded.predict(X))


@pytest.mark.parametrize("name", sorted(set(ESTIMATORS) - {"lbfgs", "early stopping"}))
def test_partial_fit_after_loading_is_partial_fit_without(name, tmp_path):
    estimator, X, y = fitted(name)
    loaded = trip(estimator, tmp_path)
    for _ in range(3):
        estimator.partial_fit(X, y)
        loaded.partial_fit(X, y)
    assert same(vars(estimator), vars(loaded))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_warm_start_after_loading_is_warm_start_without(name, tmp_path):
    estimator, X, y = fitted(name)
    estimator.set_params(warm_start=True)
    loaded = trip(estimator, tmp_path)
    estimator.fit(X, y)
    loaded.fit(X, y)
    assert same(vars(estimator), vars(loaded))


def test_feature_names_come_back(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["a", "b", "c", "d"])
    loaded = trip(MLPClassifier((3,), max_iter=2, random_state=0).fit(frame, y), tmp_path)
    assert loaded.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    assert loaded.predict(frame).shape == y.shape


def test_no_label_loses_a_character(tmp_path):
    labels = np.array(["", "\ud800", "\U0001f600", "a\0b"])
    estimator = MLPClassifier((3,), max_iter=2, random_state=0).fit(X, labels[np.arange(150) % 4])
    assert trip(estimator, tmp_path).classes_.tolist() == estimator.classes_.tolist()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_network_comes_back(dtype, tmp_path):
    network = Network(
        [4, 3, 2],
        activation="tanh",
        output_activation="logistic",
        loss="binary_log_loss",
        init="scaled_normal",
        dtype=dtype,
        random_state=0,
    )
    loaded = trip(network, tmp_path)
    assert same(network, loaded)
    assert same(network.initialize(1), loaded.initialize(1))


def test_network_and_optimizer_go_on_where_they_were(tmp_path):
    network, optimizer = Network([4, 3, 1], random_state=0), Adam(0.01, clip_norm=1.0)
    network.fit(X, y, optimizer=optimizer, epochs=2, random_state=0)
    loaded, its_optimizer = trip(network, tmp_path), trip(optimizer, tmp_path)
    for net, opt in ((network, optimizer), (loaded, its_optimizer)):
        net.fit(X, y, optimizer=opt, epochs=2, random_state=1)
    assert same(network, loaded)
    assert same(optimizer, its_optimizer)


def test_optimizer_that_has_made_no_step_comes_back(tmp_path):
    assert repr(trip(SGD(0.3, 0.9, nesterov=True), tmp_path)) == repr(SGD(0.3, 0.9, nesterov=True))


def test_file_is_the_same_every_time(tmp_path):
    estimator, _, _ = fitted("strings")
    for name in ("a", "b"):
        estimator.save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_file_is_plain_safetensors(tmp_path):
    estimator, _, _ = fitted("sgd")
    estimator.save(tmp_path / "a")
    with safe_open(tmp_path / "a", framework="np") as file:
        about = json.loads(file.metadata()["cbackprop"])
        assert_array_equal(file.get_tensor("parameters"), estimator.network_.parameters)
    assert about["kind"] == "MLPClassifier"
    assert about["network"]["layer_sizes"] == [4, 4, 3, 3]


def test_format_1_loads_forever():
    estimator = cbackprop.load(FIXTURE)
    expected = json.loads(FIXTURE.with_suffix(".json").read_text(encoding="utf-8"))
    assert repr(estimator) == expected["repr"]
    assert estimator.classes_.tolist() == expected["classes"]
    assert estimator.loss_curve_ == expected["loss_curve"]
    assert estimator.t_ == expected["t"]
    np.testing.assert_allclose(estimator.predict_proba(X[::30]), expected["proba"], rtol=1e-12)
    estimator.partial_fit(X, NAMES[y])
    np.testing.assert_allclose(estimator.coefs_[0], expected["coefs_after"], rtol=1e-9)


# What cannot be saved.


def test_unfitted_estimator_is_not_saved(tmp_path):
    with pytest.raises(NotFittedError):
        MLPClassifier().save(tmp_path / "a")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "label",
    [(1, 2), None, b"x", np.float64(1.0), 1j],
    ids=["tuple", "None", "bytes", "numpy", "1j"],
)
def test_label_of_another_type_is_refused(label, tmp_path):
    estimator, _, _ = fitted("objects")
    estimator.classes_ = np.array([label, "b", "c", None], dtype=object)[:3]
    with pytest.raises(TypeError, match="str, int, float or bool"):
        estimator.save(tmp_path / "a")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("dtype", ["S3", "M8[D]", "c16"])
def test_labels_of_another_dtype_are_refused(dtype, tmp_path):
    estimator, _, _ = fitted("strings")
    estimator.classes_ = np.zeros(3, dtype=dtype)
    with pytest.raises(TypeError, match="numbers, booleans or strings"):
        estimator.save(tmp_path / "a")


def test_parameter_that_cannot_be_kept_is_named(tmp_path):
    estimator, _, _ = fitted("integer labels")
    estimator.set_params(alpha=object())
    with pytest.raises(TypeError, match="alpha cannot be saved"):
        estimator.save(tmp_path / "a")


@pytest.mark.parametrize("depth", [31, 32, 33, 5000, None])
def test_value_that_is_too_deep_is_named_and_one_that_is_not_comes_back(depth, tmp_path):
    estimator, _, _ = fitted("integer labels")
    deep = []
    if depth is None:
        deep.append(deep)  # it holds itself
    for _ in range(1, depth or 1):
        deep = [deep]
    estimator.set_params(alpha=deep)
    if depth in (31, 32):
        estimator.save(tmp_path / "a")
        assert cbackprop.load(tmp_path / "a").alpha == deep
    else:
        with pytest.raises(TypeError, match="alpha cannot be saved: more than 32 lists"):
            estimator.save(tmp_path / "a")
        assert not list(tmp_path.iterdir())


def test_random_state_of_another_generator_is_refused(tmp_path):
    estimator, _, _ = fitted("integer labels")
    estimator.set_params(random_state=np.random.RandomState(np.random.PCG64(0)))
    with pytest.raises(TypeError, match=r"random_state.*MT19937, got PCG64"):
        estimator.save(tmp_path / "a")


def test_subclass_is_refused(tmp_path):
    class Mine(MLPClassifier):
        pass

    with pytest.raises(TypeError, match="exactly the classes"):
        Mine((3,), max_iter=2, random_state=0).fit(X, y).save(tmp_path / "a")


# Where it can be written.


@pytest.fixture
def network():
    return Network([2, 3, 1], random_state=0)


def test_file_that_is_there_keeps_its_mode(network, tmp_path):
    path = tmp_path / "a"
    path.touch()
    path.chmod(0o640)
    network.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_new_file_has_the_usual_mode(network, tmp_path):
    network.save(tmp_path / "a")
    (tmp_path / "b").touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_link_is_followed_and_stays(network, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "file")
    network.save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert os.listdir(tmp_path / "folder") == ["file"]
    assert same(cbackprop.load(tmp_path / "link"), network)


def test_link_that_leads_to_itself_is_an_error(network, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "link")
    with pytest.raises(OSError, match=r"leads to itself|Too many levels"):
        network.save(tmp_path / "link")


def test_missing_folder_is_an_error(network, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder .*missing"):
        network.save(tmp_path / "missing" / "a")


def test_folder_is_an_error(network, tmp_path):
    with pytest.raises(IsADirectoryError, match="this is a folder"):
        network.save(tmp_path)
    with pytest.raises(IsADirectoryError):
        cbackprop.load(tmp_path)


def test_missing_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        cbackprop.load(tmp_path / "missing")


def test_device_is_left_alone(network):
    with pytest.raises(OSError, match="not a regular file"):
        network.save("/dev/full")
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


@pytest.mark.thread_unsafe(reason="changes the process's user")
def test_read_only_folder_is_an_error(network):
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o555)
    root = os.geteuid() == 0  # who may write anywhere
    if root:
        os.seteuid(65534)
    try:
        with pytest.raises(PermissionError, match=r"cannot write.*/a"):
            network.save(folder / "a")
    finally:
        if root:
            os.seteuid(0)
        folder.rmdir()


def test_full_disk_is_an_error_and_leaves_the_old_file_whole(network, tmp_path):
    resource = pytest.importorskip("resource")
    path = tmp_path / "a"
    network.save(path)
    before = path.read_bytes()
    large = Network([100, 100, 1], random_state=0)
    old, limits = signal.signal(signal.SIGXFSZ, signal.SIG_IGN), (10_000, resource.RLIM_INFINITY)
    kept = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits[0], kept[1]))
    try:
        with pytest.raises(OSError, match="cannot write") as caught:
            large.save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept)
        signal.signal(signal.SIGXFSZ, old)
    assert caught.value.errno == errno.EFBIG
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a"]


def test_litter_of_a_dead_writer_is_removed_and_that_of_a_living_one_stays(network, tmp_path):
    dead = tmp_path / f".a.0123456789abcdef{atomic.SUFFIX}"
    dead.write_bytes(b"half")
    other = tmp_path / f".b.0123456789abcdef{atomic.SUFFIX}"
    other.write_bytes(b"of another file")
    living = tmp_path / f".a.0123456789abcdee{atomic.SUFFIX}"
    with open(living, "xb") as file:
        assert atomic._lock(file.fileno())
        network.save(tmp_path / "a")
        assert sorted(os.listdir(tmp_path)) == sorted(["a", other.name, living.name])
    network.save(tmp_path / "a")
    assert sorted(os.listdir(tmp_path)) == sorted(["a", other.name])


def test_save_and_load_are_the_same_by_function_and_method(network, tmp_path):
    saving.save(network, tmp_path / "a")
    network.save(str(tmp_path / "b"))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(("module", "name"), [(atomic, "_lock"), (os, "fsync"), (os, "replace")])
def test_a_save_that_runs_out_of_memory_leaves_nothing(module, name, tmp_path, monkeypatch):
    def fail(*_):
        raise MemoryError("planted")

    monkeypatch.setattr(module, name, fail)
    with pytest.raises(MemoryError, match="planted"):
        Network([3, 2]).save(tmp_path / "model")
    assert os.listdir(tmp_path) == []
