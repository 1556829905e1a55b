"""Write a file whole or not at all, whatever happens to the process or the disk meanwhile."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be removed: no lock is needed
    fcntl = None  # type: ignore[assignment]

SUFFIX = ".cbackprop-tmp"
PathLike = str | os.PathLike[str]


def write(path: PathLike, data: bytes | bytearray) -> None:
    """Make `path` a file of these bytes: the new file, or the one before, at any moment.

    The bytes go to a temporary file in the same folder, then to the disk, then in the place of
    `path`. A symbolic link is followed: the file behind it is replaced, the link stays.
    Temporary files of writers that were killed are removed.

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
    descriptor, temporary = _open_temporary(target)
    try:
        with open(descriptor, "wb") as file:
            if target.exists() and hasattr(os, "fchmod"):
                os.fchmod(descriptor, stat.S_IMODE(target.stat().st_mode))
            file.write(data)
            file.flush()
            os.fsync(descriptor)
            if fcntl is not None:
                # Still open, so still locked: no other writer takes it for litter.
                os.replace(temporary, target)
        if fcntl is None:
            os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _open_temporary(target: Path) -> tuple[int, Path]:
    """A new file beside the target, open and locked, and its name."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    while True:
        temporary = target.with_name(f".{target.name[:50]}.{secrets.token_hex(8)}{SUFFIX}")
        descriptor = os.open(temporary, flags, 0o666)
        if _lock(descriptor) and temporary.exists():
            return descriptor, temporary
        os.close(descriptor)  # another writer took it for litter before it was locked


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
    for name in os.listdir(target.parent):
        if not (name.startswith(start) and name.endswith(SUFFIX)):
            continue
        litter = target.with_name(name)
        try:
            if fcntl is None:
                litter.unlink()
                continue
            descriptor = os.open(litter, os.O_WRONLY | os.O_NOFOLLOW)
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
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
