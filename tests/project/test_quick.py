"""Are the tests that `make quick` leaves out there, and the others all among the quick ones?"""

import itertools
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import quick

FILES = Path(__file__).parents[1].rglob("*.py")
TESTS = {path.name: path.read_text(encoding="utf-8") for path in FILES}


def test_what_is_left_out_is_there():
    defined = {
        name for text in TESTS.values() for name in re.findall(r"^def (test_\w+)", text, re.M)
    }
    assert quick.FILES - set(TESTS) == set()
    assert set(quick.ENOUGH) - defined == set()


class Item(SimpleNamespace):
    """As much of a test as the choice looks at."""

    def get_closest_marker(self, name):
        return name if name in self.markers else None

    def add_marker(self, mark):
        self.markers.append(mark.name)


def quick_ones(*tests):
    items = [
        Item(path=Path(file), name=name, markers=list(markers)) for file, name, markers in tests
    ]
    quick.pytest_collection_modifyitems(items)
    return [item.name for item in items if "quick" in item.markers]


def test_a_new_test_is_quick_unless_it_is_nightly():
    assert quick_ones(
        ("test_new.py", "test_one", []), ("test_new.py", "test_two", ["nightly"])
    ) == ["test_one"]


def test_files_are_left_out_whole():
    file = min(quick.FILES)
    assert quick_ones((file, "test_one", []), ("test_new.py", "test_one", [])) == ["test_one"]


@pytest.mark.parametrize(
    ("enough", "n_cases", "left"), [(0, 50, 0), (1, 1, 1), (8, 8, 8), (8, 28, 10)]
)
def test_enough_cases_stay_and_one_in_ten_of_the_others(monkeypatch, enough, n_cases, left):
    monkeypatch.setitem(quick.ENOUGH, "test_one", enough)
    assert len(quick_ones(*[("test_new.py", "test_one", [])] * n_cases)) == left


def test_every_two_parameters_meet_in_every_two_of_their_values():
    cases = list(itertools.product(range(12), range(10), range(2), range(2), range(2), range(2)))
    stay = [case for i, case in enumerate(cases) if quick.stays("test_one", i, len(cases))]
    assert len(stay) == pytest.approx(len(cases) / 10, rel=0.05)
    for one, other in itertools.combinations(range(6), 2):
        assert len({(case[one], case[other]) for case in stay}) == len(
            {(case[one], case[other]) for case in cases}
        )
