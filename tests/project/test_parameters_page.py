"""Does the page about parameters have each of them, with its default and its range?"""

import inspect
import re
from pathlib import Path

import pytest
from sklearn.utils._param_validation import Interval

import cbackprop
from cbackprop.functions.losses import LOSSES
from cbackprop.tabular import TableEncoder, TabularClassifier, TabularRegressor

PAGE = Path(__file__).resolve().parents[2] / "docs" / "parameters.md"
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="only in a checkout")
ROW = re.compile(r"^\| `(\w+)` (.+?); (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
SECTIONS = {
    "`MLPClassifier` and `MLPRegressor`": (cbackprop.MLPClassifier, cbackprop.MLPRegressor),
    "`TabularClassifier` and `TabularRegressor`": (TabularClassifier, TabularRegressor),
    "`TableEncoder`": (TableEncoder,),
    "`Network`": (cbackprop.Network,),
    "`Network.fit`": (cbackprop.Network.fit,),
    "`SGD`": (cbackprop.SGD,),
    "`Adam` and `AdamW`": (cbackprop.Adam, cbackprop.AdamW),
    "`RMSprop`": (cbackprop.RMSprop,),
}
DATA = {"self", "X", "y", "layer_sizes"}  # what there is no choice of


def rows(heading):
    """Default and range as the page has them, by name."""
    text = PAGE.read_text("utf-8")
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = ROW.findall(section)
    assert len(found) == section.count("\n| `")  # every row has the form
    names = [name for name, *_ in found]
    assert len(names) == len(set(names))
    return {name: (default, range_) for name, default, range_, *_ in found}


CASES = [
    (heading, estimator, name)
    for heading, estimators in SECTIONS.items()
    for estimator in estimators
    for name in inspect.signature(estimator).parameters
    if name not in DATA
]


@pytest.mark.parametrize(("heading", "estimator", "name"), CASES)
def test_every_parameter_stands_there_with_its_default(heading, estimator, name):
    default = inspect.signature(estimator).parameters[name].default
    assert rows(heading)[name][0] == getattr(default, "__name__", repr(default))


@pytest.mark.parametrize(("heading", "estimators"), SECTIONS.items())
def test_nothing_stands_there_that_is_no_parameter(heading, estimators):
    known = {name for each in estimators for name in inspect.signature(each).parameters}
    assert set(rows(heading)) == known - DATA


def written(interval):
    """An interval of scikit-learn's as the page writes it."""
    left = f"{'[' if interval.closed in ('left', 'both') else '('}{interval.left:g}"
    if interval.right is None:
        return f"{left}, ∞)"
    return f"{left}, {interval.right:g}{']' if interval.closed in ('right', 'both') else ')'}"


CHECKED = [case for case in CASES if hasattr(case[1], "_parameter_constraints")]


@pytest.mark.parametrize(("heading", "estimator", "name"), CHECKED)
def test_ranges_are_those_that_are_checked(heading, estimator, name):
    intervals = [c for c in estimator._parameter_constraints[name] if isinstance(c, Interval)]
    said = rows(heading)[name][1]
    if said != "as above":
        for interval in intervals:
            assert written(interval) in said


@pytest.mark.parametrize("name", ["activation", "loss"])
def test_as_many_names_as_there_are(name):
    options = cbackprop.MLPRegressor._parameter_constraints[name][0].options
    said = rows("`MLPClassifier` and `MLPRegressor`")[name][1]
    assert re.search(r"\b(\d+) names", said)[1] == str(len(options))


def test_as_many_losses_and_activations_as_a_network_has():
    assert f"{len(LOSSES)} names" in rows("`Network`")["loss"][1]
    hidden = cbackprop.MLPClassifier._parameter_constraints["activation"][0].options
    assert f"{len(hidden)} names" in rows("`Network`")["activation"][1]
