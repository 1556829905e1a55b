"""Classes describe themselves to the file layer, which names and imports none of them."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cbackprop
from cbackprop.files import container, registry
from cbackprop.files.registry import Description, saved_by
from cbackprop.files.savable import Savable

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
LAYER = ("atomic", "container", "registry", "savable", "saving", "values")
PACKAGE = Path(cbackprop.__file__).parent


@pytest.fixture
def registered(monkeypatch):
    """Whatever the test registers is forgotten afterwards."""
    monkeypatch.setattr(registry, "_DESCRIPTIONS", dict(registry._DESCRIPTIONS))


class Scale(Savable):
    """A class of one's own: a factor for every column."""

    def __init__(self, factors):
        self.factors = np.asarray(factors)


class ScaleDescription(Description):
    part = "scale"

    def describe(self, model, about, tensors):
        about["scale"] = {"n": model.factors.size}
        tensors["factors"] = model.factors

    def declare(self, about):
        return {"factors": ("float64", (about["scale"]["n"],))}

    def make(self, reader, parameters="parameters"):
        return self.cls(reader.tensor("factors"))


def test_a_class_that_describes_itself_is_saved_and_loaded(registered, tmp_path):
    saved_by(ScaleDescription)(Scale)
    Scale([1.0, 2.5]).save(tmp_path / "scale")
    again = cbackprop.load(tmp_path / "scale")
    assert type(again) is Scale
    assert again.factors.tolist() == [1.0, 2.5]


def test_a_class_that_does_not_is_refused_and_the_others_are_listed(tmp_path):
    with pytest.raises(TypeError, match=r"'Adam', .*'MLPClassifier', .*'Network'.*got .*Scale"):
        Scale([1.0]).save(tmp_path / "scale")
    assert not (tmp_path / "scale").exists()


def test_a_file_of_a_class_that_is_not_known_says_so(registered, monkeypatch, tmp_path):
    saved_by(ScaleDescription)(Scale)
    Scale([1.0]).save(tmp_path / "scale")
    monkeypatch.delitem(registry._DESCRIPTIONS, "Scale")
    with pytest.raises(container.ModelFileError, match="'Scale', which this cbackprop does not"):
        cbackprop.load(tmp_path / "scale")


def test_what_is_no_optimizer_is_not_taken_for_one(tmp_path):
    net = cbackprop.Network([2, 1], random_state=0)
    about, tensors = registry.content_of(net)
    about["optimizer"] = {"kind": "Network", "params": {}, "n_steps": 0, "state": None}
    container.write(tmp_path / "net", about, tensors)
    with pytest.raises(container.ModelFileError, match="a Network is no optimizer"):
        cbackprop.load(tmp_path / "net")


def test_an_optimizer_that_is_another_ones_is_refused(tmp_path):
    about, tensors = registry.content_of(cbackprop.Adam())
    container.write(tmp_path / "adam", {**about, "kind": "SGD"}, tensors)
    with pytest.raises(container.ModelFileError, match="a SGD is described as a 'Adam'"):
        cbackprop.load(tmp_path / "adam")


def test_a_fresh_process_loads_what_another_has_saved(tmp_path):
    cbackprop.Network([2, 1], random_state=0).save(tmp_path / "net")
    cbackprop.MLPRegressor(max_iter=1, tol=10.0).fit([[0.0]] * 3, [0.0] * 3).save(tmp_path / "mlp")
    for name, kind in (("net", "Network"), ("mlp", "MLPRegressor")):
        code = f"from cbackprop.files.saving import load; print(type(load({name!r})).__name__)"
        environment = {"PYTHONPATH": str(PACKAGE.parent), "PYTHONDONTWRITEBYTECODE": "1"}
        printed = subprocess.run(
            [sys.executable, "-P", "-c", code],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert printed.strip() == kind


@pytest.mark.parametrize("module", LAYER)
def test_the_file_layer_imports_nothing_that_it_keeps(module):
    tree = ast.parse((PACKAGE / "files" / f"{module}.py").read_text("utf-8"))
    allowed = {
        "cbackprop._version",
        "cbackprop.files",
        *(f"cbackprop.files.{name}" for name in LAYER),
    }
    imported = {
        node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cbackprop")
    }
    imported -= {name for name in imported if name.startswith("cbackprop.validation.")}
    assert imported <= allowed


@pytest.mark.parametrize("module", LAYER)
def test_the_file_layer_names_no_class_that_it_keeps(module):
    tree = ast.parse((PACKAGE / "files" / f"{module}.py").read_text("utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    docs = {id(node.body[0].value) for node in ast.walk(tree) if ast_has_docstring(node)}
    strings = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    }
    assert not set(registry._DESCRIPTIONS) & (names | strings)


def ast_has_docstring(node):
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    return isinstance(node, kinds) and ast.get_docstring(node) is not None
