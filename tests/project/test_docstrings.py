"""What is public says what it takes, gives and raises, as numpydoc has it, with an example."""

import importlib
import inspect

import pytest

import cbackprop
import cbackprop.callbacks

validate = pytest.importorskip("numpydoc.validate").validate

MODULES = ("reference", "plots")
MORE = ("callbacks.Callback", "files.ModelFileError", "history.accuracy")
MORE += ("mlflow.autolog", "onnx.initial_types", "onnx.register")
MORE += ("optimizers.Group", "optimizers.LayerGroups")
# Of numpydoc's checks those about what is said: no docstring, parameters that are missing, unknown,
# in another order, without type or description, no word of what is returned, no example.
CHECKS = {"GL08", "PR01", "PR02", "PR03", "PR04", "PR07", "RT01", "RT03", "YD01"}
EXAMPLES = {"EX01"}


def public():
    names = [name for name in cbackprop.__all__ if callable(getattr(cbackprop, name))]
    names += MORE
    for module in MODULES:
        members = importlib.import_module(f"cbackprop.{module}").__all__
        names += [f"{module}.{name}" for name in members]
    return sorted(names)


def methods(cls):
    """Methods and properties that are this package's own."""
    for name, member in inspect.getmembers(cls):
        function = getattr(member, "fget", member)
        module = getattr(inspect.unwrap(function), "__module__", None) or ""
        if not name.startswith("_") and callable(function) and module.startswith("cbackprop"):
            yield name, isinstance(member, property)


def errors(name, checks):
    return [
        f"{name}: {code} {what}"
        for code, what in validate(f"cbackprop.{name}")["errors"]
        if code in checks
    ]


def inherits_hooks(cls, method):
    """Whether `Callback` says all about a method already."""
    callback = cbackprop.callbacks.Callback
    return cls is not callback and issubclass(cls, callback) and hasattr(callback, method)


@pytest.mark.parametrize("name", public())
def test_docstring_is_whole(name):
    module, _, last = f"cbackprop.{name}".rpartition(".")
    thing = getattr(importlib.import_module(module), last)
    # A named tuple's, a dataclass's parameters are its attributes.
    is_record = inspect.isclass(thing) and (
        issubclass(thing, tuple | Exception) or "Gradients" in name
    )
    found = errors(name, CHECKS - {"PR01"} if is_record else CHECKS | EXAMPLES)
    if inspect.isclass(thing):
        for method, is_property in methods(thing):
            if not inherits_hooks(thing, method):
                checks = {"GL08"} if is_property else CHECKS
                found += errors(f"{name}.{method}", checks)
    assert found == []
