"""Python values as JSON and back, exactly: numbers, strings, sequences, random states, labels."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbackprop.files.container import DEPTH, ModelFileError, is_deep

MT19937_WORDS = 624
NO_JSON_NUMBERS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
DEEPEST = DEPTH // 2  # a value, in a description that adds some levels
LARGEST_CODE_POINT = 0x10FFFF


OBJECTS: dict[str, Any] = {}  # classes whose objects are values: losses, activations, schedules


def kept_by_fields(cls: Any) -> Any:
    """A decorator that lets objects be kept: they are their arguments, attributes of that name."""
    OBJECTS[cls.__name__] = cls
    return cls


def to_json(value: Any, what: str) -> Any:
    """`value` in JSON's types; objects with one key stand for what JSON has not.

    Raises
    ------
    TypeError
        For a value that cannot be kept, named by `what`.
    """
    try:
        about = _to_json(value, what)
        if not is_deep(about, DEEPEST):
            return about
    except RecursionError:  # also of a list that holds itself
        pass
    raise TypeError(
        f"{what} cannot be saved: more than {DEEPEST} lists, tuples or dicts are in each other"
    )


def _to_json(value: Any, what: str) -> Any:
    if value is None or type(value) in (bool, str):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        number = float(value)
        return number if math.isfinite(number) else {"float": repr(number)}
    if isinstance(value, str):
        return str(value)
    if isinstance(value, list):
        return [_to_json(item, what) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [_to_json(item, what) for item in value]}
    if isinstance(value, Mapping):
        items = [[_to_json(k, what), _to_json(v, what)] for k, v in value.items()]
        return {"dict": items}
    if isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind in "biuf":
        return {"array": _to_json(value.tolist(), what), "dtype": value.dtype.name}
    if type(value) is OBJECTS.get(type(value).__name__):
        names = inspect.signature(type(value)).parameters
        kept = {name: _to_json(getattr(value, name), what) for name in names}
        return {"object": type(value).__name__, "fields": kept}
    if isinstance(value, np.random.RandomState):
        return {"RandomState": random_state_to_json(value, what)}
    raise TypeError(
        f"{what} cannot be saved: it must be made of None, numbers, strings, lists, tuples, dicts, "
        f"arrays of numbers or a RandomState, got {value!r} of type {type(value).__name__}"
    )


def from_json(value: Any) -> Any:
    """What `to_json` was given."""
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"float": str(name)} if name in NO_JSON_NUMBERS:
            return NO_JSON_NUMBERS[name]
        case {"tuple": list(items)}:
            return tuple(from_json(items))
        case {"dict": list(items)} if all(isinstance(i, list) and len(i) == 2 for i in items):
            return {_key(from_json(key)): from_json(item) for key, item in items}
        case {"array": list(items), "dtype": str(name)} if name in _ARRAY_DTYPES:
            return _array(from_json(items), name)
        case {"RandomState": dict(state)}:
            return random_state_from_json(state)
        case {"object": str(name), "fields": dict(kept)} if name in OBJECTS:
            return OBJECTS[name](**{key: from_json(item) for key, item in kept.items()})
    raise ModelFileError(f"the description holds an unknown value {str(value)[:60]}")


_ARRAY_DTYPES = [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)]
_ARRAY_DTYPES += ["float16", "float32", "float64", "bool"]


def _array(items: list, dtype: str) -> NDArray:
    try:
        return np.array(items, dtype=dtype).reshape(len(items))
    except (ValueError, TypeError, OverflowError) as error:
        raise ModelFileError(f"an array of the description is no {dtype}: {error}") from None


def _key(value: Any) -> Any:
    if not isinstance(value, str | int | float | bool | None):
        raise ModelFileError(f"a key of the description is {value!r}")
    return value


# NumPy's RandomState: the generator's words and where it stands.


def random_state_to_json(rng: np.random.RandomState, what: str) -> dict[str, Any]:
    """The state of a RandomState of NumPy's usual generator."""
    state: Any = rng.get_state(legacy=False)
    if state["bit_generator"] != "MT19937":
        raise TypeError(
            f"{what} cannot be saved: its generator must be MT19937, got {state['bit_generator']}"
        )
    return {
        "key": np.asarray(state["state"]["key"], dtype="<u4").tobytes().hex(),
        "pos": int(state["state"]["pos"]),
        "has_gauss": int(state["has_gauss"]),
        "gauss": to_json(float(state["gauss"]), what),
    }


def random_state_from_json(
    state: dict[str, Any], rng: np.random.RandomState | None = None
) -> np.random.RandomState:
    """A new RandomState in this state, or `rng` put into it."""
    match state:
        case {"key": str(text), "pos": int(pos), "has_gauss": 0 | 1 as has_gauss, "gauss": gauss}:
            gauss = from_json(gauss)
            if (
                len(text) == 8 * MT19937_WORDS
                and all(digit in "0123456789abcdef" for digit in text)
                and 0 <= pos <= MT19937_WORDS
                and isinstance(gauss, float)
            ):
                key = np.frombuffer(bytes.fromhex(text), dtype="<u4").astype(np.uint32)
                rng = np.random.RandomState(0) if rng is None else rng
                rng.set_state(("MT19937", key, pos, has_gauss, gauss))
                return rng
    raise ModelFileError("the state of a random generator is not one of MT19937")


# Labels: an array of numbers or of strings as a tensor, one of objects as JSON.


def labels_to_json(labels: NDArray) -> tuple[dict[str, Any], NDArray | None]:
    """Labels (n,) as a description and, unless they are objects, a tensor.

    Raises
    ------
    TypeError
        For objects that are not str, int, float or bool, and for dtypes other than numbers,
        booleans and strings.
    """
    native = labels.astype(labels.dtype.newbyteorder("="), copy=False)
    about: dict[str, Any] = {"dtype": native.dtype.str.lstrip("<>|="), "n": len(native)}
    if native.dtype.kind == "U":
        points = np.ascontiguousarray(native).view(np.uint32)
        return about, points.reshape(len(native), native.dtype.itemsize // 4)
    if native.dtype.name in _ARRAY_DTYPES:
        return about, native
    if native.dtype.kind != "O":
        raise TypeError(
            "labels can be saved if they are numbers, booleans or strings, got an array of "
            f"{labels.dtype}"
        )
    for label in native:
        if type(label) not in (str, int, float, bool):
            raise TypeError(
                "labels in an array of objects can be saved if each is a str, int, float or bool, "
                f"got {label!r} of type {type(label).__name__}"
            )
    return {**about, "values": to_json(native.tolist(), "a label")}, None


def declared_labels(about: Any) -> tuple[str, tuple[int, ...]] | None:
    """The tensor's dtype and shape that a description of labels implies; None for objects."""
    match about:
        case {"dtype": "O", "n": int(n), "values": list(values)} if len(values) == n:
            return None
        case {"dtype": str(code), "n": int(n)} if n >= 0:
            if code[:1] == "U" and code[1:].isdecimal() and len(code) < 12:
                return "uint32", (n, int(code[1:]))
            if code in (np.dtype(name).str[1:] for name in _ARRAY_DTYPES):
                return np.dtype(code).name, (n,)
    raise ModelFileError(f"the description holds labels of an unknown kind: {str(about)[:60]}")


def labels_from_json(about: dict[str, Any], tensor: NDArray | None) -> NDArray:
    """The labels (n,) again."""
    if tensor is None:
        values = from_json(about["values"])
        if not all(type(value) in (str, int, float, bool) for value in values):
            raise ModelFileError("a label is no str, int, float or bool")
        labels = np.empty(len(values), dtype=object)
        labels[:] = values
        return labels
    if about["dtype"][0] != "U":
        return tensor
    if tensor.size and tensor.max() > LARGEST_CODE_POINT:
        raise ModelFileError("a label holds a number that is no character")
    if tensor.shape[1] == 0:
        return np.zeros(tensor.shape[0], dtype="U0")
    return tensor.view(f"U{tensor.shape[1]}").reshape(tensor.shape[0])
