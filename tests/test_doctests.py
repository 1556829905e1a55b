"""Every docstring's example runs as written."""

import doctest
import importlib
import importlib.util
import pkgutil
from pathlib import Path

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


SAVING = Path(__file__).parents[1] / "docs" / "saving.md"


@pytest.mark.skipif(not SAVING.exists(), reason="only in a checkout")
@pytest.mark.skipif(importlib.util.find_spec("sklearn.callback") is None, reason="scikit-learn 1.9")
def test_examples_in_the_page_on_saving_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    failed, attempted = doctest.testfile(str(SAVING), module_relative=False)
    assert failed == 0
    assert attempted > 20
