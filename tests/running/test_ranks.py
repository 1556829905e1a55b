"""Fits by several processes under mpiexec: the model of one process, one error for all."""

import re
from pathlib import Path

import numpy as np
import pytest
from mpi import launch, output, outputs

from cbackprop import Network
from cbackprop.running.differences import differences, shown
from cbackprop.running.ranks import ALONE, ranks_of
from cbackprop.training.shares import bounds_of_steps, order_of_rows

EXAMPLE = Path(__file__).parents[2] / "examples" / "ranks.py"


@pytest.fixture(scope="module")
def said():
    """What two and three ranks have printed of each script."""
    scripts = "ranks_together.py", "failing_ranks.py", "tabular_ranks.py"
    return {
        2: outputs(2, "parity_of_ranks.py,4", EXAMPLE),
        3: outputs(3, "parity_of_ranks.py,4", *scripts),
    }


@pytest.mark.parametrize("n", [2, 3])
def test_ranks_fit_what_one_process_fits(n, said, figure):
    kinds = said[n]["parity_of_ranks.py"].splitlines()
    for kind, times, worst in map(str.split, kinds):
        assert float(worst) < 1e-12, kind
        figure(f"settings of {kind} by {n} ranks", int(times))
    assert len(kinds) == 5


def test_promises_of_a_fit_by_several_ranks(said):
    last = said[3]["ranks_together.py"].split()[-1]
    assert last.startswith("test_means_every_few_steps")


def test_sixteen_ranks_on_two_cores():
    output(16, "many_ranks.py")


def test_tabular_members_are_divided_to_the_bit(said, figure):
    figure("tabular fits by 3 ranks", int(said[3]["tabular_ranks.py"]))


def test_the_example_runs_by_two_ranks(said):
    line = said[2]["ranks.py"]
    assert line.startswith("2 processes")
    assert float(line.split()[-1]) > 0.9


def test_one_error_reaches_every_rank(said, figure):
    n, heard = 3, {}
    for line in said[n]["failing_ranks.py"].splitlines():
        name, rank, error = line.split(" | ", 2)
        heard.setdefault(name, {})[int(rank)] = error
    interrupted = set(heard.pop("interrupted").values())
    assert len(interrupted) == 1
    assert interrupted.pop().endswith("Training interrupted by user.")
    own = {"no communicator", "network's interrupt", "every rank"}
    for name, errors in heard.items():
        assert sorted(errors) == [0, 1, 2], name
        assert "no error" not in errors.values(), name
        first, second, odd = (errors[rank] for rank in range(n))
        assert first == second, name
        if name not in own:
            told = "told the same" in odd
            assert first == odd if told else "on rank 2: " in first, name
        if "told the same" in odd:
            assert re.search(r"is .* on rank 2|on ranks 0 and 1, .* on rank 2", odd), name
    figure("ways in which one rank fails", len(heard))


def test_a_killed_rank_ends_all_and_a_rerun_goes_on_to_the_same_bits(tmp_path):
    killed = launch(2, "dying_ranks.py", "killed", tmp_path / "fit")
    assert killed.returncode != 0
    assert "epochs" not in killed.stdout
    assert (tmp_path / "fit").exists()
    again = output(2, "dying_ranks.py", "nothing", tmp_path / "fit").splitlines()
    assert len(again) == 4
    assert len(set(again)) == 1
    assert again[0].startswith("8 epochs")


def test_an_error_in_an_exchange_is_printed_and_ends_all(tmp_path):
    done = launch(2, "dying_ranks.py", "inside", tmp_path / "fit")
    assert done.returncode != 0
    assert "of a signal's handler" in done.stderr


def test_without_a_communicator_there_is_one_rank():
    with ranks_of(None) as ranks:
        assert ranks is ALONE
    assert (ALONE.rank, ALONE.size, ALONE.gather("a")) == (0, 1, ["a"])


def test_what_is_no_communicator_is_an_error():
    with pytest.raises(TypeError, match=r"comm must be a communicator.*Allreduce"):
        Network([2, 1]).fit(np.eye(2), np.ones(2), comm="world")


def test_coming_together_takes_others():
    with pytest.raises(ValueError, match="sync_every=3 goes with comm"):
        Network([2, 1]).fit(np.eye(2), np.ones(2), sync_every=3)


def test_rows_of_unequal_ranks_alternate_as_evenly_as_they_can(figure):
    rng = np.random.RandomState(0)
    for _ in range(200):
        sizes = rng.randint(0, 40, rng.randint(1, 17))
        sizes[0] += 1
        batch_size = int(rng.randint(1, 60))
        places = sorted(((i + 0.5) / n, rank) for rank, n in enumerate(sizes) for i in range(n))
        bounds = bounds_of_steps(sizes, batch_size)
        for k, bound in enumerate(bounds):
            ranks = [rank for _, rank in places[: k * batch_size]]
            assert (bound == np.bincount(ranks, minlength=len(sizes))).all()
        assert len(bounds) == -(-sum(sizes) // batch_size) + 1
        assert (np.sort(order_of_rows(sizes, batch_size)) == np.arange(sum(sizes))).all()
    figure("shares of ranks", 200)


def test_one_rank_takes_its_rows_as_they_stand():
    assert order_of_rows([7], 3).tolist() == list(range(7))


def test_differences_name_what_and_where():
    assert differences([{"a": "1"}, {"a": "1"}]) == ""
    said = differences([{"a": "1", "b": "2"}, {"a": "1", "b": "3"}, {"a": "1"}])
    assert said == "b is 2 on rank 0, 3 on rank 1, None on rank 2"
    many = [{"a": str(rank != 7)} for rank in range(16)]
    assert "False on rank 7" in differences(many)
    assert "ranks 0, 1 and 13 more" in differences(many)


def test_values_are_shown_alike_in_every_process():
    assert shown(np.arange(20)) == shown(np.arange(20)) != shown(np.arange(20) + 1)
    assert shown(object()) == shown(object())
    assert shown(test_values_are_shown_alike_in_every_process).endswith("in_every_process")
    assert shown(np.random.RandomState(0)) == shown(np.random.RandomState(0))
    assert shown(np.random.RandomState(0)) != shown(np.random.RandomState(1))
