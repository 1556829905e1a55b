"""Write a file whole or not at all, whatever happens to the process or the disk meanwhile."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be removed: no lock is needed
    fcntl = None  # type: ignore[assignment]

SUFFIX = ".cbackprop-tmp"
PathLike = str | os.PathLike[str]


def write(path: PathLike, data: bytes | bytearray) -> None:
    """Make `path` a file of these bytes: the new file, or the one before, at any moment.

    The bytes go to a temporary file in the same folder, then to the disk, then in the place of
    `path`. A symbolic link is followed: the file behind it is replaced, the link stays; another
    hard link of the file keeps what it was. The file keeps its mode, and its owner where this
    process may give files away. Temporary files of writers that were killed are removed.

    Raises
    ------
    OSError
        If the folder is missing or read-only, if `path` is a folder or a device, if the disk is
        full. What was at `path` is then as it was.
    """
    target = target_of(path)
    try:
        remove_litter(target)
        _replace(target, data)
    except OSError as error:
        raise _explained(error, path) from error


def target_of(path: PathLike) -> str:
    """The file to replace, links followed, if that is a thing to do."""
    asked = os.fspath(path)
    if not isinstance(asked, str):
        raise TypeError(f"path must be a str or an os.PathLike of one, got {asked!r}")
    target = os.path.realpath(asked)
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, f"cannot write: there is no folder {folder}", asked)
    if os.path.isdir(target):
        raise IsADirectoryError(errno.EISDIR, "cannot write: this is a folder", asked)
    if os.path.lexists(target) and not os.path.isfile(target):
        what = "a link that leads to itself" if os.path.islink(target) else "not a regular file"
        raise OSError(errno.EINVAL, f"cannot write: this is {what}", asked)
    return target


def _explained(error: OSError, path: PathLike) -> OSError | MemoryError:
    """The same kind of error, with the name of the file that was asked for."""
    if error.errno == errno.ENOMEM:
        return MemoryError(f"cannot write {os.fspath(path)}: {error.strerror}")
    return OSError(error.errno, f"cannot write: {error.strerror}", os.fspath(path))


def _replace(target: str, data: bytes | bytearray) -> None:
    start = _start_of_temporaries(target)
    while not _put(f"{start}{secrets.token_hex(8)}{SUFFIX}", target, data):
        pass
    _sync_folder(os.path.dirname(target))


def _put(temporary: str, target: str, data: bytes | bytearray) -> bool:
    """Write a new file of that name and let it take the target's place.

    Where it fails or is interrupted, nothing of that name is left. False if another writer took
    the file for litter before it was locked.
    """
    try:
        # Without a buffer: nothing is left to make, and to fail, once the file is there.
        with open(temporary, "xb", buffering=0) as file:
            if not (_lock(file.fileno()) and os.path.exists(temporary)):
                return False
            _take_after(target, file.fileno())
            left = memoryview(data)
            while left:  # a call writes 2 GiB at most
                left = left[file.write(left) :]
            os.fsync(file.fileno())
            if fcntl is not None:
                # Still open, so still locked: no other writer takes it for litter.
                os.replace(temporary, target)
        if fcntl is None:
            os.replace(temporary, target)
    except FileExistsError:  # somebody else's
        raise
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    return True


def _start_of_temporaries(target: str) -> str:
    """What the paths of its temporary files begin with."""
    folder, name = os.path.split(target)
    return os.path.join(folder, f".{name[:50]}.")


def _take_after(target: str, descriptor: int) -> None:
    """The new file gets the old one's owner and mode, if there is one."""
    try:
        old, new = os.stat(target), os.fstat(descriptor)
    except FileNotFoundError:
        return
    if hasattr(os, "fchown") and (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        with suppress(PermissionError):
            os.fchown(descriptor, old.st_uid, old.st_gid)
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def _lock(descriptor: int) -> bool:
    """Whether nobody else holds the file: a lock ends with its process, however that ends."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: nothing there is taken for litter
        return True
    return True


def remove_litter(target: str) -> None:
    """Remove this target's temporary files that no living writer holds."""
    folder, start = os.path.split(_start_of_temporaries(target))
    try:
        names = os.listdir(folder)
    except PermissionError:  # a folder to write to and not to look into
        return
    for name in names:
        if not (name.startswith(start) and name.endswith(SUFFIX)):
            continue
        litter = os.path.join(folder, name)
        try:
            if fcntl is None:
                os.unlink(litter)
                continue
            # A pipe of this name would wait for its reader, a link would lead elsewhere.
            descriptor = os.open(litter, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(litter)
            finally:
                os.close(descriptor)
        except OSError:  # held by its writer, gone already, or not ours
            continue


def _sync_folder(folder: str) -> None:
    """Let the folder's entry reach the disk, where folders can be opened."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:  # as above; the file itself is on the disk
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
