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
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import FileIO
from typing import Any, NoReturn

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cbackprop.files import atomic
from cbackprop.validation.naming import public

VERSION = 1
KEY = "cbackprop"
METADATA = "__metadata__"
NOT_WHOLE = "not a whole safetensors file"
NO_DIGEST = "0" * 64
BEGINNING = re.compile(r'\{"version": ([0-9]{1,9}), "sha256": "([0-9a-f]{64})", ')
CHUNK = 1 << 14
DEPTH = 64  # lists and objects within each other, at most
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
CODES = {name: code for code, name in DTYPES.items()}
Declared = Mapping[str, tuple[DTypeLike, tuple[int, ...]]]


@public("cbackprop.files")
class ModelFileError(ValueError):
    """A file that is not a whole model file of a version known here."""


def pack(description: Mapping[str, Any], tensors: Mapping[str, NDArray]) -> bytearray:
    """The bytes of a file; the same for the same content."""
    text = json.dumps({"version": VERSION, "sha256": NO_DIGEST, **description}, allow_nan=False)
    arrays = {name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}
    # As safetensors does it: the widest numbers first, so that all are aligned.
    names = sorted(arrays, key=lambda name: -arrays[name].itemsize)
    header: dict[str, Any] = {METADATA: {KEY: text}}
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
    data[at : at + len(NO_DIGEST)] = _sha256([data]).encode()
    return data


def _sha256(parts: Iterable[bytes | bytearray | memoryview]) -> str:
    """The checksum's 64 digits."""
    try:
        digest = hashlib.sha256()
        for part in parts:
            digest.update(part)
        return digest.hexdigest()
    except ValueError as error:  # what OpenSSL says where memory ends
        raise MemoryError("no memory for a checksum") from error


def write(
    path: atomic.PathLike, description: Mapping[str, Any], tensors: Mapping[str, NDArray]
) -> None:
    """Write a file atomically: see `cbackprop.files.atomic.write`."""
    atomic.write(path, pack(description, tensors))


class Reader:
    """A file whose checksum is right: its description, and its tensors once they are declared.

    Not safetensors' own reader: where memory ends, that ends the process or never returns.
    """

    def __init__(self, file: Any, header: dict[str, Any], data: int):
        self._file, self._data = file, data
        self._entries = {name: entry for name, entry in header.items() if name != METADATA}
        self.description = _parsed(_text(header))
        self._declared: Declared = {}

    def declare(self, declared: Declared) -> None:
        """Compare the file's tensors with what the description implies; nothing is read yet."""
        found = set(self._entries)
        if found != set(declared):
            raise ModelFileError(f"expected the tensors {sorted(declared)}, got {sorted(found)}")
        for name, (dtype, shape) in declared.items():
            entry = self._entries[name]
            got = DTYPES.get(entry["dtype"], entry["dtype"]), tuple(entry["shape"])
            if got != (np.dtype(dtype).name, tuple(shape)):
                raise ModelFileError(
                    f"tensor {name!r} must be {np.dtype(dtype).name} of shape {tuple(shape)}, got "
                    f"{got[0]} of shape {got[1]}"
                )
        self._declared = declared

    def tensor(self, name: str) -> NDArray:
        """A declared tensor, in memory of its own."""
        assert name in self._declared, name
        entry = self._entries[name]
        dtype = np.dtype(DTYPES[entry["dtype"]])
        flat = np.empty(math.prod(entry["shape"]), dtype=dtype)
        self._file.seek(self._data + entry["data_offsets"][0])
        left = flat.view(np.uint8).data
        while left:  # a call reads 2 GiB at most
            n = self._file.readinto(left)
            if not n:
                raise ModelFileError(f"the file ends in tensor {name!r}")
            left = left[n:]
        if sys.byteorder == "big":
            flat = flat.byteswap()
        return flat.reshape(entry["shape"])


def _text(header: dict[str, Any]) -> str:
    match header.get(METADATA):
        case {"cbackprop": str(text)}:  # KEY
            return text
    return ""


def _header(head: bytes, size: int) -> dict[str, Any]:
    """The header of a safetensors file with `size` bytes of data, each some tensor's."""
    try:
        header = json.loads(head, object_pairs_hook=_without_doubles)
    except ModelFileError:
        raise
    except (ValueError, RecursionError) as error:  # Python's numbers have a most of digits
        raise ModelFileError(f"{NOT_WHOLE}: its header is not JSON: {error}") from None
    if is_deep(header, DEPTH):
        raise ModelFileError(f"{NOT_WHOLE}: its header is deeper than {DEPTH} levels")
    if not isinstance(header, dict):
        raise ModelFileError(f"{NOT_WHOLE}: its header is no object")
    places = []
    for name, entry in header.items():
        match entry:
            case {"dtype": str(code), "shape": list(shape), "data_offsets": [int(begin), int(end)]}:
                if name != METADATA and all(type(n) is int and n >= 0 for n in shape):
                    itemsize = np.dtype(DTYPES[code]).itemsize if code in DTYPES else None
                    if itemsize is None or end - begin == itemsize * math.prod(shape):
                        places.append((begin, end))
                        continue
        if name != METADATA:
            raise ModelFileError(f"{NOT_WHOLE}: its header has a wrong entry {name!r}")
    at = 0
    for begin, end in sorted(places):
        if begin != at or end < begin:
            raise ModelFileError(f"{NOT_WHOLE}: a tensor begins at {begin} and not at {at}")
        at = end
    if at != size:
        raise ModelFileError(f"{NOT_WHOLE}: its tensors have {at} bytes, and there are {size}")
    return header


def is_deep(value: Any, most: int) -> bool:
    """Whether more than `most` lists and objects of JSON are within each other."""
    level = [value]
    for _ in range(most + 1):
        level = [item for item in level if isinstance(item, list | dict)]
        if not level:
            return False
        level = [i for item in level for i in (item.values() if isinstance(item, dict) else item)]
    return True


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ModelFileError(f"{NOT_WHOLE}: its header names something twice")
    return dict(pairs)


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
    path = os.fspath(path)
    try:
        with _opened(path) as file:
            length = _check_size(file)
            size = os.fstat(file.fileno()).st_size - 8 - length
            header = _header(file.read(length), size)
            _check_digest(file, _digest(_text(header)))
            yield Reader(file, header, 8 + length)
    except ModelFileError as error:
        raise type(error)(f"{path}: {error}") from None
    except NOT_AS_IT_MUST_BE as error:
        raise ModelFileError(
            f"{path}: the description is not as it must be: {type(error).__name__}: {error}"
        ) from None


def _opened(path: str) -> FileIO:
    """The file, opened once: what another process puts in its place meanwhile is not looked at."""
    if not stat.S_ISREG(mode := os.stat(path).st_mode) and not stat.S_ISDIR(mode):
        raise ModelFileError("this is not a regular file")  # to open a pipe could wait forever
    return open(path, "rb", buffering=0)  # of a folder this is Python's own error


def _check_size(file: FileIO) -> int:
    """The length of the header, which comes next."""
    size = os.fstat(file.fileno()).st_size
    header = int.from_bytes(file.read(8), "little")
    if size < 10 or header > size - 8:
        raise ModelFileError(
            f"not a whole safetensors file: {size} bytes, of which the header would be {header}"
        )
    return header


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
    head = (first, header[: max(at, 0)], NO_DIGEST.encode(), header[at + len(NO_DIGEST) :])
    del header
    digest = _sha256(part for parts in (head, _chunks(file)) for part in parts)
    if at < 0 or digest != stated:
        raise ModelFileError(
            "the file is damaged: its checksum is not the one it states (or another program "
            "has changed it)"
        )


def _chunks(file: FileIO) -> Iterator[memoryview]:
    """The rest of the file; each piece is gone with the next."""
    chunk = memoryview(bytearray(CHUNK))
    while n := file.readinto(chunk):
        yield chunk[:n]


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
        about = json.loads(
            text, parse_constant=refuse, parse_float=finite, object_pairs_hook=unique
        )
    except ModelFileError:
        raise
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"the description is not JSON: {error}") from None
    if is_deep(about, DEPTH):
        raise ModelFileError(f"the description is deeper than {DEPTH} levels")
    return about
