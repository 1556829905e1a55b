"""Every docstring's example runs as written."""

import doctest
import importlib
import pkgutil

import pytest

import cbackprop

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(cbackprop.__path__, "cbackprop.")
    if module.name != "cbackprop.__main__"
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name):
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0
