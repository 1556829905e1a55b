"""What `cbackprop plan` expects of several machines."""

import pytest

from cbackprop.command.main import main
from cbackprop.running.machines import LINKS, efficiency, n_parameters, rows_for, step_seconds

PARAMETERS = n_parameters([784, 1024, 1024, 10])


def test_plan_prints_a_row_for_every_number_of_nodes(capsys):
    assert main(["plan", "--layers", "20", "64", "2", "--batch", "4096", "--nodes", "2", "4"]) == 0
    out = capsys.readouterr().out
    assert "20-64-2, 1,474 parameters, mini-batches of 4,096 rows" in out
    rows = [line.split() for line in out.splitlines() if line.startswith(("    2 ", "    4 "))]
    assert [row[0] for row in rows] == ["2", "4", "2", "4"]
    assert all(link in out for link in LINKS)


def test_plan_goes_up_to_a_thousand_nodes(capsys):
    assert main(["plan"]) == 0
    assert " 1000 " in capsys.readouterr().out


def test_one_layer_is_no_network(capsys):
    with pytest.raises(SystemExit):
        main(["plan", "--layers", "20"])
    assert "at least two sizes" in capsys.readouterr().err


def test_ninety_per_cent_takes_twelve_times_speed_by_bandwidth():
    for name, link in LINKS.items():
        rows = rows_for(0.9, 1000, PARAMETERS, link) / 1000
        rule = 12 * 1.2e12 / link.bandwidth
        assert rule < rows < 1.3 * rule or name == "InfiniBand", name


def test_a_second_machine_never_pays_for_small_mini_batches():
    two = step_seconds(2, PARAMETERS, 256, LINKS["25GbE"])
    assert two > step_seconds(1, PARAMETERS, 256, LINKS["25GbE"])
    assert efficiency(2, PARAMETERS, 256, LINKS["InfiniBand"]) < 0.9


def test_coming_together_less_often_costs_less():
    given = 64, PARAMETERS, 64 * 256, LINKS["10GbE"]
    shares = [efficiency(*given, sync_every=every) for every in (1, 5, 50)]
    assert shares == sorted(shares)
    assert shares[2] > 0.7


def test_nothing_makes_a_slow_link_quick_enough_for_few_rows():
    assert rows_for(1.01, 2, PARAMETERS, LINKS["10GbE"]) is None
    found = rows_for(0.9, 4, PARAMETERS, LINKS["10GbE"])
    assert efficiency(4, PARAMETERS, found, LINKS["10GbE"]) >= 0.9
    assert efficiency(4, PARAMETERS, found - 4, LINKS["10GbE"]) < 0.9
