"""A safetensors file that says what it should hold, and with what checksum; nothing in it is code.

Its one piece of metadata, ``cbackprop``, is a JSON object that begins with the version of the
format and the SHA-256 of the whole file, the 64 digits of the checksum itself taken as zeros.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, BinaryIO, NoReturn

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cbackprop import atomic

VERSION = 1
KEY = "cbackprop"
NO_DIGEST = "0" * 64
BEGINNING = re.compile(r'\{"version": ([0-9]{1,9}), "sha256": "([0-9a-f]{64})", ')
# A tensor's entry in the header; within strings the quotes are escaped.
ENTRY = re.compile(rb'(?<!\\)"data_offsets"')
CHUNK = 1 << 14
# How often a file may be replaced between two looks at it.
REPLACED = 100
# What reading a description that is well-formed JSON, but not ours, may raise.
NOT_AS_IT_MUST_BE = (
    LookupError,
    TypeError,
    AttributeError,
    ValueError,
    OverflowError,
    RecursionError,
)
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
Declared = Mapping[str, tuple[DTypeLike, tuple[int, ...]]]


class ModelFileError(ValueError):
    """A file that is not a whole model file of a version known here."""


def pack(description: Mapping[str, Any], tensors: Mapping[str, NDArray]) -> bytearray:
    """The bytes of a file; the same for the same content."""
    from safetensors.numpy import save

    text = json.dumps({"version": VERSION, "sha256": NO_DIGEST, **description}, allow_nan=False)
    arrays = {name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}
    data = bytearray(save(arrays, {KEY: text}))
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
        body of the ``with`` statement finds wrong: whatever a description makes fail there is
        the description's fault.
    """
    from safetensors import SafetensorError

    path = os.fspath(path)
    try:
        with ExitStack() as stack:
            file, handle = _opened(path, stack)
            text = (handle.metadata() or {}).get(KEY, "")
            _check_digest(file, _digest(text), n_tensors=len(handle.keys()))
            yield Reader(handle, _parsed(text))
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from None
    except SafetensorError as error:
        raise ModelFileError(f"{path}: not a whole safetensors file: {error}") from None
    except NOT_AS_IT_MUST_BE as error:
        raise ModelFileError(
            f"{path}: the description is not as it must be: {type(error).__name__}: {error}"
        ) from None


def _opened(path: str, stack: ExitStack) -> tuple[BinaryIO, Any]:
    """The file twice, as bytes and as tensors: the same one, also while a writer replaces it."""
    from safetensors import safe_open

    for _ in range(REPLACED):
        with ExitStack() as attempt:
            if not stat.S_ISREG(os.stat(path).st_mode) and not os.path.isdir(path):
                raise ModelFileError("this is not a regular file")  # opening a pipe would wait
            file = attempt.enter_context(open(path, "rb", buffering=0))  # a folder: Python's error
            _check_size(file)
            handle = attempt.enter_context(safe_open(path, framework="np"))
            if os.path.samestat(os.stat(path), os.fstat(file.fileno())):
                stack.push(attempt.pop_all())
                return file, handle
    raise ModelFileError(f"was replaced {REPLACED} times while it was being opened")


def _check_size(file: BinaryIO) -> None:
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


def _check_digest(file: BinaryIO, stated: str, n_tensors: int) -> None:
    """Compare the checksum, in little memory: the data go by in chunks."""
    file.seek(0)
    first = file.read(8)
    header = file.read(int.from_bytes(first, "little"))
    at = header.find(stated.encode())
    digest = hashlib.sha256(first)
    for part in (header[: max(at, 0)], NO_DIGEST.encode(), header[at + len(NO_DIGEST) :]):
        digest.update(part)
    entries = sum(1 for _ in ENTRY.finditer(header))
    del header, part
    chunk = memoryview(bytearray(CHUNK))
    while n := file.readinto(chunk):  # type: ignore[attr-defined]
        digest.update(chunk[:n])
    if at < 0 or digest.hexdigest() != stated:
        raise ModelFileError(
            "the file is damaged: its checksum is not the one it states (or another program "
            "has changed it)"
        )
    if entries != n_tensors:
        raise ModelFileError(f"the header names {entries} tensors, {n_tensors} of them different")


def _parsed(text: str) -> dict[str, Any]:
    """The description; an error for what JSON's readers do not agree about."""

    def refuse(constant: str) -> NoReturn:
        raise ModelFileError(f"the description holds {constant}")

    def finite(number: str) -> float:
        return value if math.isfinite(value := float(number)) else refuse(number)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = dict(pairs)
        if len(names) < len(pairs):
            refuse(f"a name twice, among {sorted(names)}"[:100])
        return names

    try:
        return json.loads(text, parse_constant=refuse, parse_float=finite, object_pairs_hook=unique)
    except ModelFileError:
        raise
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"the description is not JSON: {error}") from None
