"""scikit-learn's own tests of its MLPs, with MLPClassifier and MLPRegressor taken from here."""

import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

import cbackprop

# Found without importing it: it is a test module, with fixtures of its own.
SKLEARN = Path(importlib.util.find_spec("sklearn").origin).parent
SUITE = SKLEARN / "neural_network" / "tests" / "test_mlp.py"
IMPORT = "from sklearn.neural_network import MLPClassifier, MLPRegressor\n"

# What scikit-learn's own conftest.py gives them; and the same draws in every run.
CONFTEST = """
import numpy, pytest

@pytest.fixture
def global_random_seed():
    return 42

@pytest.fixture(autouse=True)
def _seeded():
    numpy.random.seed(42)
"""

# Tests that set or read what is private in scikit-learn. The list is exact: each must exist in the
# installed scikit-learn, and must fail.
PRIVATE = {
    "test_fit": "puts an unfitted estimator together by hand, _coef_grads and _coef_velocity too",
    "test_gradient": "calls _loss_grad_lbfgs with its lists of buffers",
}


def names_of_tests() -> list[str]:
    tree = ast.parse(SUITE.read_text(encoding="utf-8"))
    return [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test")
    ]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> dict[str, list[str]]:
    """Every test function's outcomes, one a parametrisation, from one run in an empty folder."""
    folder = tmp_path_factory.mktemp("suite")
    source = SUITE.read_text(encoding="utf-8")
    assert source.count(IMPORT) == 1
    replaced = source.replace(IMPORT, IMPORT.replace("sklearn.neural_network", "cbackprop"))
    checked = f"import cbackprop\nassert cbackprop.__file__ == {cbackprop.__file__!r}\n"
    (folder / "test_mlp.py").write_text(replaced + checked, encoding="utf-8")
    (folder / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    report = folder / "report.xml"
    # The package that is tested here, and nothing else of its folder if that is a checkout.
    environment = {**os.environ, "PYTHONPATH": str(Path(cbackprop.__file__).parents[1])}
    environment.pop("PYTEST_ADDOPTS", None)
    environment["OPENBLAS_NUM_THREADS"] = "1"  # small networks: threads would only wait
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += [f"--junitxml={report}", "test_mlp.py"]
    run = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode in (0, 1), run.stdout + run.stderr
    found: dict[str, list[str]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        what = [f"{child.tag}: {child.text or child.get('message')}" for child in case]
        found.setdefault(case.get("name").partition("[")[0], []).append("\n".join(what))
    return found


@pytest.mark.parametrize("name", names_of_tests())
def test_sklearns_own_test(name, outcomes):
    failed = [text for text in outcomes[name] if text.startswith(("failure", "error"))]
    if name in PRIVATE:
        assert failed, f"{name} passes: it must leave the list"
    else:
        assert not failed, failed[0]


def test_list_of_private_tests_names_tests_that_exist_with_reasons(outcomes):
    assert set(outcomes) == set(names_of_tests())
    assert set(PRIVATE) <= set(outcomes)
    assert all(PRIVATE.values())
