"""What a part is when the launcher is done with it: run as the script it is."""

import json
import os
import pwd
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from extproc.local import launcher

_LAUNCHER = Path(launcher.__file__)
_TELL = """
import ctypes, json, os, pathlib, sys
death = ctypes.c_int()
ctypes.CDLL(None).prctl(2, ctypes.byref(death), 0, 0, 0)
path = pathlib.Path(sys.argv[1])
try:
    may_read = path.is_dir() and os.listdir(path) == []
except OSError:
    may_read = False
print(json.dumps({
    "pid": os.getpid(), "uid": os.geteuid(), "groups": os.getgroups(), "death": death.value,
    "may_read": may_read, "arguments": sys.argv[1:],
}))
"""
linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal")
root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def launch(*command: str, user: str = "-", parent: int | None = None) -> tuple[int, str, str, int]:
    words = (str(os.getpid() if parent is None else parent), str(int(signal.SIGUSR1)), user, *command)
    with subprocess.Popen(
        [sys.executable, "-I", "-S", str(_LAUNCHER), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        extra_groups=[0, 1] if os.geteuid() == 0 else None,
    ) as process:
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err, process.pid


@linux
def test_the_command_takes_its_place_with_its_pid_its_arguments_and_the_signal_it_dies_by(tmp_path: Path) -> None:
    words = (str(tmp_path), "a b", "", "-x", "$HOME")
    code, out, _, pid = launch(sys.executable, "-I", "-c", _TELL, *words)
    told = json.loads(out)
    assert code == 0
    assert told["pid"] == pid
    assert told["arguments"] == list(words)
    assert told["death"] == signal.SIGUSR1
    assert told["uid"] == os.geteuid()


@linux
def test_a_supervisor_that_is_gone_already_gets_no_child(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    code, _, err, _ = launch("/usr/bin/touch", str(flag), parent=os.getppid() + 1_000_000)
    assert (code, err) == (1, "the supervisor is gone\n")
    assert not flag.exists()


@linux
@root
def test_as_root_it_becomes_the_named_user_who_may_still_pass_checks_on_files(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    code, out, err, _ = launch(sys.executable, "-I", "-c", _TELL, str(private), user="nobody")
    assert code == 0, err
    told = json.loads(out)
    assert told["uid"] == pwd.getpwnam("nobody").pw_uid
    assert told["groups"] == []
    assert told["may_read"]
    # Set after the change of user, which would clear it.
    assert told["death"] == signal.SIGUSR1


def test_a_command_that_is_not_there_is_an_error_and_no_shell_is_asked() -> None:
    code, _, err, _ = launch("echo hello")
    assert code == 1
    assert "No such file" in err
