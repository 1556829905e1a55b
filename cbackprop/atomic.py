"""Write a file whole or not at all, whatever happens to the process or the disk meanwhile."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

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


def target_of(path: PathLike) -> Path:
    """The file to replace, links followed, if that is a thing to do."""
    target = Path(os.path.realpath(os.fspath(path)))
    if not target.parent.is_dir():
        raise FileNotFoundError(
            errno.ENOENT, f"cannot write: there is no folder {target.parent}", os.fspath(path)
        )
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "cannot write: this is a folder", os.fspath(path))
    if os.path.lexists(target) and not target.is_file():
        what = "a link that leads to itself" if target.is_symlink() else "not a regular file"
        raise OSError(errno.EINVAL, f"cannot write: this is {what}", os.fspath(path))
    return target


def _explained(error: OSError, path: PathLike) -> OSError:
    """The same kind of error, with the name of the file that was asked for."""
    return OSError(error.errno, f"cannot write: {error.strerror}", os.fspath(path))


def _replace(target: Path, data: bytes | bytearray) -> None:
    temporary, file = _open_temporary(target)
    try:
        with file:
            _take_after(target, file.fileno())
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            if fcntl is not None:
                # Still open, so still locked: no other writer takes it for litter.
                os.replace(temporary, target)
        if fcntl is None:
            os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _take_after(target: Path, descriptor: int) -> None:
    """The new file gets the old one's owner and mode, if there is one."""
    try:
        old, new = target.stat(), os.fstat(descriptor)
    except FileNotFoundError:
        return
    if hasattr(os, "fchown") and (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        with suppress(PermissionError):
            os.fchown(descriptor, old.st_uid, old.st_gid)
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def _open_temporary(target: Path) -> tuple[Path, BinaryIO]:
    """A new file beside the target, locked, and its name.

    A file object, not a descriptor: it is closed, and so unlocked, also where an interrupt comes
    before anybody has a name for it.
    """
    while True:
        temporary = target.with_name(f".{target.name[:50]}.{secrets.token_hex(8)}{SUFFIX}")
        file = open(temporary, "xb")  # noqa: SIM115
        try:
            if _lock(file.fileno()) and temporary.exists():
                return temporary, file
        except BaseException:
            file.close()
            temporary.unlink(missing_ok=True)
            raise
        file.close()  # another writer took it for litter before it was locked


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


def remove_litter(target: Path) -> None:
    """Remove this target's temporary files that no living writer holds."""
    start = f".{target.name[:50]}."
    try:
        names = os.listdir(target.parent)
    except PermissionError:  # a folder to write to and not to look into
        return
    for name in names:
        if not (name.startswith(start) and name.endswith(SUFFIX)):
            continue
        litter = target.with_name(name)
        try:
            if fcntl is None:
                litter.unlink()
                continue
            # A pipe of this name would wait for its reader, a link would lead elsewhere.
            descriptor = os.open(litter, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                litter.unlink()
            finally:
                os.close(descriptor)
        except OSError:  # held by its writer, gone already, or not ours
            continue


def _sync_folder(folder: Path) -> None:
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
