import io

from rich.console import Console

from extproc.local.progress import LiveReporter, PlainReporter, reporter_for


def test_without_a_terminal_each_event_is_one_plain_line() -> None:
    out = io.StringIO()
    with reporter_for(Console(file=out, width=20)) as reporter:
        assert isinstance(reporter, PlainReporter)
        reporter.begin("postgres")
        reporter.detail("postgres", "halfway")
        reporter.done("postgres", "new [red]cluster")
        reporter.skipped("model", "a long reason that does not fit into twenty columns")
        reporter.begin("envoy")
        reporter.failed("envoy")
        reporter.say("valkey was ended by SIGKILL; starting it again in 0.5 s")
    lines = out.getvalue().splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("postgres   0.0 s, new [red]cluster")
    assert "\x1b" not in out.getvalue()


def test_on_a_terminal_steps_end_in_a_tick_and_what_is_said_stays() -> None:
    out = io.StringIO()
    with reporter_for(Console(file=out, force_terminal=True, width=100)) as reporter:
        assert isinstance(reporter, LiveReporter)
        reporter.begin("postgres")
        reporter.detail("model", "12 MB [of] 245")
        reporter.done("postgres")
        reporter.skipped("model", "--no-model")
        reporter.failed("envoy")
        reporter.say("a worker [crashed]")
        reporter.settle()
        reporter.say("after")
    text = out.getvalue()
    assert "✓" in text
    assert "a worker [crashed]" in text
    assert text.rstrip().endswith("after")
