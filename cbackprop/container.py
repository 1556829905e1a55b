"""A safetensors file that says what it should hold, and with what checksum; nothing in it is code.

Its one piece of metadata, ``cbackprop``, is a JSON object that begins with the version of the
format and the SHA-256 of the whole file, the 64 digits of the checksum itself taken as zeros.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import FileIO
from typing import Any, NoReturn

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cbackprop import atomic

VERSION = 1
KEY = "cbackprop"
NO_DIGEST = "0" * 64
BEGINNING = re.compile(r'\{"version": (\d{1,9}), "sha256": "([0-9a-f]{64})", ')
CHUNK = 1 << 14
# What safetensors calls the dtypes that are written here.
DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}
CODES = {name: code for code, name in DTYPES.items()}
Declared = Mapping[str, tuple[DTypeLike, tuple[int, ...]]]


class ModelFileError(ValueError):
    """A file that is not a whole model file of a version known here."""


def pack(description: Mapping[str, Any], tensors: Mapping[str, NDArray]) -> bytearray:
    """The bytes of a file; the same for the same content."""
    text = json.dumps({"version": VERSION, "sha256": NO_DIGEST, **description}, allow_nan=False)
    arrays = {name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}
    # As safetensors does it: the widest numbers first, so that all are aligned.
    names = sorted(arrays, key=lambda name: -arrays[name].itemsize)
    header: dict[str, Any] = {"__metadata__": {KEY: text}}
    end = 0
    for name in names:
        begin, end = end, end + arrays[name].nbytes
        code, shape = CODES[arrays[name].dtype.name], list(arrays[name].shape)
        header[name] = {"dtype": code, "shape": shape, "data_offsets": [begin, end]}
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    # Not by safetensors' own function: it makes copies, and ends the process where memory ends.
    data = bytearray(8 + len(head) + end)
    data[: 8 + len(head)] = len(head).to_bytes(8, "little") + head
    body = np.frombuffer(data, dtype=np.uint8, offset=8 + len(head))
    for name in names:
        begin, end = header[name]["data_offsets"]
        little = arrays[name].astype(arrays[name].dtype.newbyteorder("<"), copy=False)
        body[begin:end] = little.reshape(-1).view(np.uint8)
    del body
    at = data.index(NO_DIGEST.encode())
    data[at : at + len(NO_DIGEST)] = hashlib.sha256(data).hexdigest().encode()
    return data


def write(
    path: atomic.PathLike, description: Mapping[str, Any], tensors: Mapping[str, NDArray]
) -> None:
    """Write a file atomically: see `cbackprop.atomic.write`."""
    atomic.write(path, pack(description, tensors))


class Reader:
    """A file whose checksum is right: its description, and its tensors once they are declared."""

    def __init__(self, handle: Any, description: dict[str, Any]):
        self.description = description
        self._handle = handle
        self._declared: Declared = {}

    def declare(self, declared: Declared) -> None:
        """Compare the file's tensors with what the description implies; nothing is read yet."""
        found = set(self._handle.keys())
        if found != set(declared):
            raise ModelFileError(f"expected the tensors {sorted(declared)}, got {sorted(found)}")
        for name, (dtype, shape) in declared.items():
            entry = self._handle.get_slice(name)
            got = DTYPES.get(entry.get_dtype(), entry.get_dtype()), tuple(entry.get_shape())
            if got != (np.dtype(dtype).name, tuple(shape)):
                raise ModelFileError(
                    f"tensor {name!r} must be {np.dtype(dtype).name} of shape {tuple(shape)}, got "
                    f"{got[0]} of shape {got[1]}"
                )
        self._declared = declared

    def tensor(self, name: str) -> NDArray:
        """A declared tensor, in memory of its own."""
        assert name in self._declared, name
        return np.require(self._handle.get_tensor(name), requirements=["C", "A", "W"])


@contextmanager
def reading(path: atomic.PathLike) -> Iterator[Reader]:
    """A `Reader` of the file.

    The file's size, the length of its header and its checksum are looked at first, then the
    description is parsed; tensors are not read before `Reader.declare` has accepted them.

    Raises
    ------
    OSError
        If the file cannot be read.
    ModelFileError
        If it is not a whole file of this format, in a version known here. Also for what the
        body of the ``with`` statement finds wrong.
    """
    from safetensors import SafetensorError

    path = os.fspath(path)
    try:
        with _opened(path) as (file, handle):
            text = (handle.metadata() or {}).get(KEY, "")
            _check_digest(file, _digest(text))
            yield Reader(handle, _parsed(text))
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from None
    except SafetensorError as error:
        raise ModelFileError(f"{path}: not a whole safetensors file: {error}") from None


@contextmanager
def _opened(path: str) -> Iterator[tuple[FileIO, Any]]:
    """One and the same file, to read its bytes and its tensors.

    safetensors opens it by its name: if another process has put a new file there in between, the
    new one is opened both ways. (A file that is open keeps its inode, and no other gets that.)
    """
    from safetensors import safe_open

    if not stat.S_ISREG(mode := os.stat(path).st_mode) and not stat.S_ISDIR(mode):
        raise ModelFileError("this is not a regular file")  # to open a pipe could wait forever
    while True:
        with open(path, "rb", buffering=0) as file:  # of a folder this is Python's own error
            _check_size(file)
            with safe_open(path, framework="np") as handle:
                if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                    yield file, handle
                    return


def _check_size(file: FileIO) -> None:
    size = os.fstat(file.fileno()).st_size
    header = int.from_bytes(file.read(8), "little")
    if size < 10 or header > size - 8:
        raise ModelFileError(
            f"not a whole safetensors file: {size} bytes, of which the header would be {header}"
        )


def _digest(text: str) -> str:
    """The checksum that the description states, if the version is one that is known."""
    beginning = BEGINNING.match(text)
    if beginning is None:
        raise ModelFileError("this safetensors file was not written by cbackprop")
    version = int(beginning[1])
    if not 1 <= version <= VERSION:
        raise ModelFileError(f"format version {version}: this cbackprop reads 1 to {VERSION}")
    return beginning[2]


def _check_digest(file: FileIO, stated: str) -> None:
    """Compare the checksum, in little memory: the data go by in chunks."""
    file.seek(0)
    first = file.read(8)
    header = file.read(int.from_bytes(first, "little"))
    at = header.find(stated.encode())
    digest = hashlib.sha256(first)
    for part in (header[: max(at, 0)], NO_DIGEST.encode(), header[at + len(NO_DIGEST) :]):
        digest.update(part)
    del header, part
    chunk = memoryview(bytearray(CHUNK))
    while n := file.readinto(chunk):
        digest.update(chunk[:n])
    if at < 0 or digest.hexdigest() != stated:
        raise ModelFileError(
            "the file is damaged: its checksum is not the one it states (or another program "
            "has changed it)"
        )


def _parsed(text: str) -> dict[str, Any]:
    def refuse(constant: str) -> NoReturn:
        raise ModelFileError(f"the description holds {constant}")

    try:
        return json.loads(text, parse_constant=refuse)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ModelFileError(f"the description is not JSON: {error}") from None
