import io
import shlex
from dataclasses import replace

from rich.console import Console

from extproc.local.panel import Welcome, show
from extproc.model.secret import Secret

WELCOME = Welcome(
    base_url="http://127.0.0.1:8080/v1",
    admin_url="http://127.0.0.1:9901",
    virtual_key=Secret("gk_local_x"),
    model="gemma-3-270m",
    state_dir=".extproc",
    stop="Ctrl-C",
)


def test_lines_to_copy_are_printed_whole_however_narrow_the_terminal() -> None:
    out = io.StringIO()
    show(WELCOME, Console(file=out, width=40, force_terminal=False))
    lines = out.getvalue().splitlines()
    assert WELCOME.curl() in lines
    assert all(line in lines for line in WELCOME.snippet().splitlines())


def test_the_curl_line_is_one_shell_command_and_the_snippet_three_lines_of_python() -> None:
    words = shlex.split(WELCOME.curl())
    assert words[0] == "curl"
    assert "Authorization: Bearer gk_local_x" in words
    assert len(WELCOME.snippet().splitlines()) == 3
    compile(WELCOME.snippet(), "snippet", "exec")


def test_nothing_needs_to_be_installed_first() -> None:
    out = io.StringIO()
    show(WELCOME, Console(file=out, width=200))
    assert "pip install" not in out.getvalue()


def test_the_key_is_not_in_the_welcomes_own_text() -> None:
    assert "gk_local" not in repr(WELCOME)


def test_what_is_missing_is_said_and_nothing_else() -> None:
    for missing in ("", "The local model does not run"):
        out = io.StringIO()
        show(replace(WELCOME, missing=missing), Console(file=out, width=200))
        assert ("does not run" in out.getvalue()) == bool(missing)
