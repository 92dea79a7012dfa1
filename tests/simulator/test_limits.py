"""What the machine does not allow is said in words, with what to do about it."""

import errno
import resource
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from iiot_sim import limits
from iiot_sim.limits import LimitError, in_words, make_room

PROGRAM = """
import resource, sys
from iiot_sim.limits import LimitError, make_room
try:
    make_room(int(sys.argv[1]))
except LimitError as err:
    sys.exit(str(err))
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def with_files(soft: int, hard: int, connections: int) -> subprocess.CompletedProcess[str]:
    """Ask for room in a process that may have so many open files, and may not raise its hard limit."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    return subprocess.run(
        [sys.executable, "-c", f"{LESS_RIGHTS}{PROGRAM}", str(connections)],
        check=False,
        capture_output=True,
        text=True,
        preexec_fn=limit,
    )


LESS_RIGHTS = """
import os
if os.geteuid() == 0:
    os.setresuid(65534, 65534, 65534)
"""


def test_the_limit_of_open_files_is_raised_as_far_as_needed() -> None:
    done = with_files(256, 4096, 3000)
    assert (done.returncode, done.stdout.split()) == (0, ["3064", "4096"])


def test_a_limit_that_is_high_enough_stays() -> None:
    done = with_files(4000, 4096, 3000)
    assert done.stdout.split() == ["4000", "4096"]


def test_a_limit_that_cannot_be_raised_is_told_with_the_devices_that_are_possible_and_three_ways_out() -> None:
    done = with_files(256, 1024, 2000)
    assert done.returncode == 1
    assert done.stderr.startswith(
        "2,000 connections need 2,064 open files, and this process may have 1,024: enough for 960 devices."
    )
    for words in ("ulimit -n 2064", "LimitNOFILE=2064", "<user> - nofile 2064", "--connections 20"):
        assert words in done.stderr


def test_too_few_local_ports_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "ip_local_port_range"
    file.write_text("50000\t50099\n")
    monkeypatch.setattr(limits, "PORT_RANGE", file)
    make_room(100)
    with pytest.raises(LimitError, match=r"101 connections .* local ports, and this machine has 100\. Widen the range"):
        make_room(101)


@pytest.mark.parametrize("content", [None, "nonsense"])
def test_a_system_that_does_not_tell_its_ports_is_taken_to_have_enough(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ip_local_port_range"
    if content is not None:
        file.write_text(content)
    monkeypatch.setattr(limits, "PORT_RANGE", file)
    assert limits.local_ports() is None
    make_room(100)


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "nobody listens at the broker's address"),
        (OSError(errno.EADDRNOTAVAIL, "x"), "no local port is left"),
        (OSError(errno.EMFILE, "x"), "too many open files"),
        (OSError(errno.EHOSTUNREACH, "x"), "there is no way to the broker's host"),
        (socket.gaierror(-2, "x"), "the broker's host name is unknown"),
        (TimeoutError(), "the broker does not answer"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER]"), "the broker does not speak TLS on this port"),
        (ConnectionRefusedError("the broker refuses: Not authorized"), "the broker refuses: Not authorized"),
    ],
)
def test_trouble_with_a_connection_is_said_in_words(trouble: OSError, words: str) -> None:
    assert words in in_words(trouble)
