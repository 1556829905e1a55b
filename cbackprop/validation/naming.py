"""Names that users know: of the methods that a class inherits, and of the module a class is in.

Python's "MLPClassifier.fit() got an unexpected keyword argument" takes the name from the function,
which would be that of the class in which it happens to be written.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CellType, FunctionType
from typing import Any, TypeVar

Cls = TypeVar("Cls", bound=type)


def named(cls: Cls) -> Cls:
    """A decorator: the public methods that a class inherits from this package bear its name."""
    for name in dir(cls):
        member = next(vars(base)[name] for base in cls.__mro__ if name in vars(base))
        is_own = name in vars(cls)
        if name.startswith("_") or is_own:
            continue
        if isinstance(member, classmethod):
            if _is_ours(member.__func__):
                setattr(cls, name, classmethod(renamed(member.__func__, cls)))
        elif isinstance(member, FunctionType) and _is_ours(member):
            setattr(cls, name, renamed(member, cls))
    return cls


def public(module: str) -> Callable[[Cls], Cls]:
    """A decorator: the class is known by this module, from which it is imported.

    Pickles, skops and error messages name it, wherever the file is that it is written in.
    """

    def settle(cls: Cls) -> Cls:
        cls.__module__ = module
        return cls

    return settle


def _is_ours(function: Callable) -> bool:
    return (getattr(function, "__module__", None) or "").startswith("cbackprop.")


def renamed(function: Any, cls: type) -> Any:
    """The same function as a method of another class; the function that it wraps, too."""
    closure, wrapped = function.__closure__, getattr(function, "__wrapped__", None)
    inner = None
    if isinstance(wrapped, FunctionType):
        inner = renamed(wrapped, cls)
        closure = tuple(
            CellType(inner) if cell.cell_contents is wrapped else cell for cell in closure or ()
        )
    copy = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        closure,
    )
    copy.__kwdefaults__, copy.__annotations__ = function.__kwdefaults__, function.__annotations__
    copy.__doc__, copy.__module__ = function.__doc__, cls.__module__
    copy.__dict__.update(function.__dict__)
    if inner is not None:
        copy.__wrapped__ = inner  # type: ignore[attr-defined]
    copy.__qualname__ = f"{cls.__name__}.{function.__name__}"
    return copy
