"""A file is written whole or not at all, whatever disk, folder, others and interrupts do."""

import errno
import itertools
import os
import shutil
import signal
import stat
import subprocess
from contextlib import suppress

import numpy as np
import pytest

import cbackprop
from cbackprop import Checkpoint, Network
from cbackprop.files import atomic, container
from cbackprop.files.container import ModelFileError

pytestmark = pytest.mark.usefixtures("ends_if_it_hangs")
SMALL, LARGE = Network([2, 3, 1], random_state=0), Network([400, 500, 1], random_state=0)
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def litter(folder):
    return [name for name in os.listdir(folder) if name.endswith(atomic.SUFFIX)]


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 1 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if not ROOT or shutil.which("mount") is None:
        pytest.skip("only root may mount a small disk")
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_full_disk_is_an_error_and_leaves_the_old_file_whole(small_disk):
    SMALL.save(small_disk / "a")
    before = (small_disk / "a").read_bytes()
    with pytest.raises(OSError, match="cannot write") as caught:
        LARGE.save(small_disk / "a")
    assert caught.value.errno == errno.ENOSPC
    assert (small_disk / "a").read_bytes() == before
    assert os.listdir(small_disk) == ["a"]


def test_full_disk_ends_a_fit_with_an_error_and_its_last_checkpoint_whole(small_disk):
    path, X = small_disk / "a", np.ones((9, 400))
    network = Network([400, 100, 1], random_state=0)  # a checkpoint of it fits once, not twice

    def fill(model, history):
        if history.epochs == 2:
            (small_disk / "other").write_bytes(bytes(600_000))

    with pytest.raises(OSError, match="cannot write") as caught:
        network.fit(X, X[:, 0], epochs=5, callbacks=[Checkpoint(path), fill])
    assert caught.value.errno == errno.ENOSPC
    assert len(cbackprop.load(path).parameters) == len(network.parameters)
    assert sorted(os.listdir(small_disk)) == ["a", "other"]


@pytest.fixture
def immutable():
    """Make something immutable, also for root; afterwards it is as it was."""
    changed = []

    def make(path):
        if not ROOT or shutil.which("chattr") is None:
            pytest.skip("only root may make files immutable")
        if subprocess.run(["chattr", "+i", path], capture_output=True, check=False).returncode:
            pytest.skip("this file system knows no immutable files")
        changed.append(path)

    yield make
    for path in changed:
        subprocess.run(["chattr", "-i", path], check=True)


def test_folder_that_nobody_may_change_is_an_error(immutable, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    SMALL.save(folder / "a")
    immutable(folder)
    before = (folder / "a").read_bytes()
    with pytest.raises(PermissionError, match=r"cannot write.*/a"):
        LARGE.save(folder / "a")
    with pytest.raises(PermissionError, match="cannot write"):
        SMALL.fit(np.ones((2, 2)), np.ones(2), epochs=1, callbacks=[Checkpoint(folder / "b")])
    assert os.listdir(folder) == ["a"]
    assert (folder / "a").read_bytes() == before


def test_file_that_nobody_may_change_is_an_error_and_leaves_nothing_behind(immutable, tmp_path):
    SMALL.save(tmp_path / "a")
    immutable(tmp_path / "a")
    with pytest.raises(PermissionError, match=r"cannot write.*/a"):
        LARGE.save(tmp_path / "a")
    assert os.listdir(tmp_path) == ["a"]
    assert len(cbackprop.load(tmp_path / "a").parameters) == len(SMALL.parameters)


@pytest.mark.skipif(not ROOT, reason="only root may become somebody else")
def test_folder_to_write_to_and_not_to_look_into_is_good_enough(tmp_path_factory, result_in_child):
    folder = tmp_path_factory.mktemp("drop")
    for parent in (folder, folder.parent, folder.parent.parent):
        parent.chmod(parent.stat().st_mode | 0o011)
    folder.chmod(0o333)

    def save_as_somebody_else():
        os.setuid(65534)
        SMALL.save(folder / "a")
        return True

    assert result_in_child(save_as_somebody_else)
    assert os.listdir(folder) == ["a"]


@pytest.mark.skipif(not ROOT, reason="only root may give files away")
def test_file_that_is_there_keeps_its_owner_and_mode(tmp_path):
    path = tmp_path / "a"
    path.touch()
    os.chown(path, 65534, 65534)
    path.chmod(0o604)
    SMALL.save(path)
    about = path.stat()
    assert (about.st_uid, about.st_gid, stat.S_IMODE(about.st_mode)) == (65534, 65534, 0o604)


def test_new_file_obeys_the_umask(tmp_path, result_in_child):
    def save():
        os.umask(0o027)
        SMALL.save(tmp_path / "a")
        return stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640

    assert result_in_child(save)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_pipes_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / f".a.0123456789abcdef{atomic.SUFFIX}")
    os.mkfifo(tmp_path / "pipe")
    SMALL.save(tmp_path / "a")
    with pytest.raises(OSError, match="not a regular file"):
        SMALL.save(tmp_path / "pipe")
    with pytest.raises(ModelFileError, match="not a regular file"):
        cbackprop.load(tmp_path / "pipe")


def test_other_hard_link_keeps_what_it_was(tmp_path):
    SMALL.save(tmp_path / "a")
    before = (tmp_path / "a").read_bytes()
    os.link(tmp_path / "a", tmp_path / "b")
    LARGE.save(tmp_path / "a")
    assert (tmp_path / "b").read_bytes() == before


def test_file_replaced_while_it_is_loaded_is_read_as_it_was(tmp_path, monkeypatch):
    path, check, replaced = tmp_path / "a", container._check_size, []
    SMALL.save(path)

    def replace_first(file):
        replaced.append(LARGE.save(path))
        return check(file)

    monkeypatch.setattr(container, "_check_size", replace_first)
    np.testing.assert_array_equal(cbackprop.load(path).parameters, SMALL.parameters)
    assert replaced


# A file that nobody has a name for any more is closed with a warning.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_save_interrupted_anywhere_leaves_the_old_file_or_the_new(tmp_path, interrupted_at, figure):
    path = tmp_path / "a"
    for n in itertools.count(1):
        SMALL.save(path)
        with suppress(KeyboardInterrupt), interrupted_at(n) as interrupted:
            LARGE.save(path)
        if interrupted.where is None:
            break
        loaded = cbackprop.load(path).parameters
        assert len(loaded) in (len(SMALL.parameters), len(LARGE.parameters)), interrupted.where
        SMALL.save(path)
        assert not litter(tmp_path), interrupted.where
    assert n > 50
    figure("steps at which a save was interrupted", n - 1)


def test_two_processes_that_checkpoint_to_one_path_leave_one_whole_file(tmp_path, result_in_child):
    path, X = tmp_path / "a", np.ones((9, 100))

    def fit(seed, epochs):
        network = Network([100, 300, 1], random_state=seed)
        network.fit(X, X[:, 0], epochs=epochs, callbacks=[Checkpoint(path)], shuffle=False)
        return network

    def both():
        other = os.fork()
        if other == 0:
            signal.alarm(30)
            try:
                fit(1, 40)
                os._exit(0)
            finally:
                os._exit(1)
        fit(0, 40)
        return os.waitpid(other, 0)[1] == 0

    assert result_in_child(both)
    assert os.listdir(tmp_path) == ["a"]
    found = cbackprop.load(path).parameters
    assert any(np.array_equal(found, fit(seed, 40).parameters) for seed in range(2))
