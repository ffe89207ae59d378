import pytest

from tests.unit.cli.scripted_admin import ScriptedAdmin, typed


@pytest.mark.parametrize("level", ["trace", "info", "off"])
def test_the_level_is_set_with_one_call_that_is_shown(admin: ScriptedAdmin, level: str) -> None:
    result = typed("log-level", level, "--admin", admin.url)
    assert result.exit_code == 0
    assert admin.calls == [f"POST /logging?level={level}"]
    assert result.stdout == f"Envoy logs at level {level}.\n"
    assert result.stderr == f"curl -s -X POST '{admin.url}/logging?level={level}'\n"


def test_a_level_that_envoy_does_not_have_never_reaches_it(admin: ScriptedAdmin) -> None:
    for level in ("verbose", "INFO", "info&x=y", ""):
        assert typed("log-level", level, "--admin", admin.url).exit_code == 2
    assert admin.calls == []


def test_an_envoy_that_does_not_answer_is_exit_code_3_and_no_success() -> None:
    result = typed("log-level", "info", "--admin", "http://127.0.0.1:1")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "extproc log-level: envoy admin unavailable" in result.stderr


def test_the_help_says_that_debug_writes_keys() -> None:
    assert "with them keys, into Envoy's log" in " ".join(typed("log-level", "--help").stdout.split())
