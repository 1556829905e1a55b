"""Fits by ranks on two hosts, between which there is TCP only: the model of one process."""

import signal
import subprocess

import pytest
from hosts import PREFIX, two_hosts
from mpi import launch, mpiexec


@pytest.fixture
def hosts(tmp_path):
    told = [mpiexec(), "--version"]  # skips
    said = subprocess.run(told, capture_output=True, text=True, check=False).stdout
    if "HYDRA" not in said:
        pytest.skip("needs MPICH's mpiexec, which takes another program for ssh")
    with two_hosts(tmp_path) as made:
        yield made


def _pids(name):
    command = ["ip", "netns", "pids", name]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_two_hosts_fit_what_one_process_fits(hosts, figure):
    before = hosts.bytes_sent()
    done = launch(2, "two_hosts.py", hosts=hosts)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    spaces, worst, steps, bits = zip(*map(str.split, done.stdout.splitlines()), strict=True)
    assert len(set(spaces)) == 2
    assert len(set(bits)) == 1
    assert max(map(float, worst)) < 1e-12
    sent = [after - start for after, start in zip(hosts.bytes_sent(), before, strict=True)]
    gradient = 8 * (20 * 64 + 64)
    assert min(sent) > int(steps[0]) * gradient  # no other way was taken
    figure("steps by two hosts over TCP", int(steps[0]))
    figure("bytes a step of each host", min(sent) // int(steps[0]))
    figure("what the wire delays", hosts.delay)


def test_a_rank_that_is_killed_on_one_host_ends_the_other(hosts, tmp_path):
    killed = launch(2, "dying_ranks.py", "killed", tmp_path / "fit", hosts=hosts)
    assert killed.returncode != 0
    assert "epochs" not in killed.stdout
    assert (tmp_path / "fit").exists(), killed.stderr


def fail_beside(process, names):
    """Start a process on the second host, and fail when it is there."""
    process.append(subprocess.Popen(["ip", "netns", "exec", names[1], "sleep", "1000"]))
    while str(process[0].pid) not in _pids(names[1]):
        pass
    raise ZeroDivisionError


def test_hosts_are_gone_after_a_failure_and_who_was_there(hosts, tmp_path):
    process = []
    with pytest.raises(ZeroDivisionError), two_hosts(tmp_path, tag="more") as made:
        fail_beside(process, made.names)
    assert process[0].wait() == -signal.SIGKILL
    listed = ["ip", "netns", "list"]
    left = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
    assert hosts.names[0] in left
    assert f"{PREFIX}more" not in left
