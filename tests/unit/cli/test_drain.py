from tests.unit.cli.scripted_admin import ScriptedAdmin, typed


def test_load_balancers_are_told_before_connections_are(admin: ScriptedAdmin) -> None:
    assert typed("drain", "--admin", admin.url).exit_code == 0
    assert admin.calls == ["POST /healthcheck/fail", "POST /drain_listeners?graceful"]


def test_each_call_is_shown_beside_its_answer_and_not_among_it(admin: ScriptedAdmin) -> None:
    result = typed("drain", "--admin", admin.url)
    assert result.stdout == "OK\nOK\n"
    assert result.stderr.splitlines() == [
        f"curl -s -X POST '{admin.url}/healthcheck/fail'",
        f"curl -s -X POST '{admin.url}/drain_listeners?graceful'",
    ]


def test_an_envoy_that_refuses_is_exit_code_3_and_nothing_more_is_asked_of_it(admin: ScriptedAdmin) -> None:
    del admin.answers["/healthcheck/fail"]
    result = typed("drain", "--admin", admin.url)
    assert result.exit_code == 3
    assert "extproc drain: envoy admin unavailable" in result.stderr
    assert "was answered 503" in result.stderr
    assert admin.calls == ["POST /healthcheck/fail"]
