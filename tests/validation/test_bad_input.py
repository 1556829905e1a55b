"""Bad input is refused by name, whichever door it comes through, and nothing is left half-done."""

import re
import warnings
from types import ModuleType

import numpy as np
import pytest
import sklearn
from bad_inputs.estimators import AS_SKLEARN, FROM_1_7_ON, OTHER_WORDS
from bad_inputs.table import ALL
from sklearn import neural_network
from sklearn.utils.fixes import parse_version
from threadpoolctl import threadpool_limits

import cbackprop

WEIGHTED = parse_version(sklearn.__version__) >= parse_version("1.7")
LARGE = 10**6


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """These networks are small: threads would only wait for each other."""
    with threadpool_limits(1):
        yield


def state(value):
    """Everything that an object consists of, in a form that can be compared: bits, not values."""
    if isinstance(value, np.ndarray):
        large = value.nbytes > LARGE  # one number, repeated
        bits = value.tolist() if value.dtype == object else None if large else value.tobytes()
        return value.dtype.str, value.shape, value.flags.writeable, bits
    if isinstance(value, np.random.RandomState):
        return str(value.get_state(legacy=False))
    if isinstance(value, dict):
        return {name: state(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value), [state(item) for item in value]
    ours = not isinstance(value, ModuleType) and not hasattr(value, "answers")
    if hasattr(value, "__dict__") and ours and not callable(value):
        return type(value), state(dict(vars(value)))
    if isinstance(value, float | int | str | bytes | bool | None | np.generic):
        return type(value), repr(value)
    return id(value)  # nothing that could be changed: a class, a module


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("case", ALL, ids=str)
def test_bad_input_is_refused_with_words_and_changes_nothing(case, figure):
    made = case.make()
    before = state(made)
    with np.errstate(all="ignore"), pytest.raises(case.error, match=case.words):
        case.call(made)
    assert state(made) == before
    figure("cases of bad input", 1)


def test_every_case_has_a_name_of_its_own():
    assert len({case.name for case in ALL}) == len(ALL) >= 500


def test_a_change_of_one_bit_is_seen():
    network = cbackprop.Network([3, 4, 2], random_state=0)
    before = state(network)
    network.parameters[7] = np.nextafter(network.parameters[7], 1)
    assert state(network) != before


def with_sorted_options(error) -> str:
    """Its text, the set of what a parameter may be in alphabetical order."""
    return re.sub(r"\{(.*?)\}", lambda m: str(sorted(m[1].split(", "))), str(error.value))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", AS_SKLEARN)
def test_bad_input_is_refused_as_sklearn_refuses_it(name):
    (make, call), kind, text = AS_SKLEARN[name]
    with pytest.raises(kind, match=text) as ours:
        call(make(cbackprop))
    if name in FROM_1_7_ON and not WEIGHTED:
        return
    with warnings.catch_warnings(), pytest.raises(kind) as theirs:
        call(make(neural_network))
    assert type(ours.value) is type(theirs.value)
    if name not in OTHER_WORDS:
        assert with_sorted_options(ours) == with_sorted_options(theirs)
