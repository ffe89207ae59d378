"""How a version is written, and what is not taken for one. ``contracts/test_limit_word`` has the rest."""

import pytest
from structlog.testing import capture_logs

from extproc.adapters.redis_limit_word import _read


@pytest.mark.parametrize("version", [0, 7, 10**17])
def test_what_is_written_is_read_back_exactly(version: int) -> None:
    assert _read(str(version)) == _read(str(version).encode()) == version


@pytest.mark.parametrize("data", [b"", b"-1", b"1.5", b"\xff", b"x", b"9" * 19, "\u0667".encode(), b" 7"])
def test_rubbish_is_no_version_and_is_logged_by_its_size_alone(data: bytes) -> None:
    with capture_logs() as lines:
        assert _read(data) is None
    assert lines == [{"event": "word_unreadable", "size_bytes": len(data), "log_level": "warning"}]
