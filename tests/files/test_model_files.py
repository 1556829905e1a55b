"""Model files of every version of the format load for ever, predict and go on as they did."""

import json

import numpy as np
import pytest
from model_files import FOLDER, MODELS, goes_on

import cbackprop
from cbackprop.files import container

VERSIONS = range(1, container.VERSION + 1)
FILES = sorted(FOLDER.glob("format-*/*.safetensors"))
# The rounding of a few epochs, on any machine; the line search of L-BFGS amplifies it.
TOLERANCES = {"float32": 1e-3, "lbfgs": 1e-5}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def assert_near(actual, expected, tolerance):
    actual, expected = np.asarray(actual, float), np.asarray(expected, float)
    assert actual.shape == expected.shape
    scale = max(1.0, np.abs(expected).max(initial=0.0))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_of_the_format_has_its_files(version):
    """A new version is not released without: see model_files.py."""
    folder = FOLDER / f"format-{version}"
    names = {path.stem for path in folder.glob("*.safetensors")}
    assert names == {path.stem for path in folder.glob("*.json")}
    assert names >= set(MODELS)


@pytest.mark.parametrize("version", VERSIONS)
def test_files_are_of_the_version_that_their_folder_names(version):
    beginning = f'{{\\"version\\": {version}, '.encode()
    paths = [path for path in FILES if path.parent.name == f"format-{version}"]
    assert paths
    assert all(beginning in path.read_bytes() for path in paths)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_old_file_loads_predicts_and_goes_on(path):
    _, rows, targets = MODELS[path.stem]
    expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    tolerance = TOLERANCES.get(path.stem, 1e-7)
    model = cbackprop.load(path)
    assert repr(model) == expected["repr"] or path.stem == "random-state"
    if "classes" in expected:
        assert model.classes_.tolist() == expected["classes"]
    given, parameters = goes_on(model, rows, targets)
    assert_near(given, expected["given"], tolerance)
    assert_near(parameters, expected["after"], tolerance)
