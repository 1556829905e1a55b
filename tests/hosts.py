"""Two network namespaces and a wire between them, as two hosts: TCP is the only way across."""

import os
import re
import shutil
import signal
import subprocess
from contextlib import contextmanager, suppress
from typing import NamedTuple

import pytest

PREFIX = "cbackprop-test-"
ADDRESSES = "10.77.0.1", "10.77.0.2"
DELAY = "200us"  # of what each end sends, where the kernel can do that

# MPICH's launcher calls it as ssh: options, the host, and the command of its part there.
SHELL = """#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift; done
case $1 in %s) name=%s;; *) name=%s;; esac
shift
exec ip netns exec "$name" sh -c "$*"
"""


class Hosts(NamedTuple):
    """Two hosts, of which the first one starts the ranks."""

    names: tuple[str, str]
    shell: str
    delay: str

    def command(self, mpiexec):
        """What starts a rank on each, of the program that follows."""
        first, second = ADDRESSES
        own = ["ip", "netns", "exec", self.names[0], mpiexec, "-localhost", first]
        own += ["-launcher", "ssh", "-launcher-exec", self.shell]
        return [*own, "-hosts", f"{first}:1,{second}:1", "-n", "2"]

    @property
    def environment(self):
        # UCX sees that both have one memory, and would take this way.
        return {"UCX_TLS": "tcp,self", "UCX_NET_DEVICES": "wire"}

    def bytes_sent(self):
        """What has gone over the wire, from each."""
        return [
            int(re.search(r"TX:.*\n\s*(\d+)", _ip("-n", name, "-s", "link", "show", "wire"))[1])
            for name in self.names
        ]


def _ip(*arguments):
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=True)
    return done.stdout


@contextmanager
def two_hosts(folder, tag="host"):
    """Two hosts, until the block of ``with`` ends; a test without the right to them is skipped."""
    if shutil.which("ip") is None:
        pytest.skip("needs iproute2: there is no program ip")
    _remove_those_of_the_dead()
    names = tuple(f"{PREFIX}{tag}-{end}-{os.getpid()}" for end in "ab")
    try:
        try:
            _connect(names)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"may not make network namespaces: {error.stderr.strip()}")
        shell = folder / "shell"
        shell.write_text(SHELL % (ADDRESSES[0], *names))
        shell.chmod(0o755)
        delayed = [_delayed(name) for name in names]
        yield Hosts(names, str(shell), DELAY if all(delayed) else "nothing")
    finally:
        _remove(names)


def _connect(names):
    """A wire between new namespaces."""
    for name in names:
        _ip("netns", "add", name)
    first, second = names
    wire = ["link", "add", "wire", "netns", first, "type", "veth"]
    _ip(*wire, "peer", "name", "wire", "netns", second)
    for name, address in zip(names, ADDRESSES, strict=True):
        _ip("-n", name, "address", "add", f"{address}/24", "dev", "wire")
        # No address of IPv6, which would take a second or two until it may be used.
        _ip("-n", name, "link", "set", "wire", "addrgenmode", "none")
        _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", name, "link", "set", "wire", "up")
    for name in names:
        _wait_for_the_wire(name)


def _wait_for_the_wire(name):
    """The kernel says within a second that both ends are up; until then UCX does not see it."""
    for _ in range(10_000):
        if "state UP" in _ip("-n", name, "link", "show", "wire"):
            return
    raise TimeoutError(f"the wire of {name} does not come up")


def _delayed(name):
    """Whether the kernel could be told to make the wire long."""
    command = ["tc", "-n", name, "qdisc", "add", "dev", "wire", "root", "netem", "delay", DELAY]
    there = shutil.which("tc") is not None
    return there and subprocess.run(command, capture_output=True, check=False).returncode == 0


def _remove(names):
    """The wire goes with its ends, and who is still there, if a launcher did not end them."""
    for name in names:
        left = subprocess.run(
            ["ip", "netns", "pids", name], capture_output=True, text=True, check=False
        )
        for process in map(int, left.stdout.split()):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)


def _remove_those_of_the_dead():
    """What tests left behind that were killed."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=False)
    for name in re.findall(rf"^{PREFIX}\S+", listed.stdout, re.MULTILINE):
        if not os.path.exists(f"/proc/{name.rpartition('-')[2]}"):
            _remove([name])
