import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from extproc.cli.main import main
from tests.samples import make_token

GATEWAY = """
limits: {max_body_bytes: 1024}
deployments:
  - name: main
    base_url: https://api.example/v1
    upstream_model: upstream-small
    operations: [chat.completions]
    credential: {path: providers/example, field: api_key}
models:
  - {name: small, deployments: [main]}
"""
PROMPT = "the merger closes on friday"
BODY = {"model": "small", "messages": [{"role": "user", "content": PROMPT}]}
Explain = Callable[..., Result]
TOKEN = make_token().reveal()


@pytest.fixture
def explain(tmp_path: Path) -> Explain:
    config, key_file = tmp_path / "gateway.yaml", tmp_path / "key"
    config.write_text(GATEWAY)
    key_file.write_text(TOKEN + "\n")

    def run(*options: str, saved: object = BODY, key: bool = True) -> Result:
        text = saved if isinstance(saved, str) else json.dumps(saved)
        keys = ("--key-file", str(key_file)) if key else ()
        return CliRunner().invoke(main, ["explain", "-", "--config", str(config), *keys, *options], input=text)

    return run


def read(result: Result) -> dict[str, Any]:
    value = json.loads(result.stdout)
    assert isinstance(value, dict)
    return value


def test_a_request_that_would_go_ends_well(explain: Explain) -> None:
    result = explain("--json")
    assert result.exit_code == 0, result.output
    value = read(result)
    assert (value["verdict"], value["reply"]) == ("go", None)
    assert [each["step"] for each in value["decisions"]] == [
        *("path", "credential", "identity", "content", "size", "json", "request", "permit", "guard"),
        *("route", "plan", "limits"),
        *("attempt 1", "envoy", "delivery", "on failure"),
    ]
    assert all(each["passed"] for each in value["decisions"])


@pytest.mark.parametrize("options", [(), ("--json",)])
@pytest.mark.parametrize("fields", [{}, {"n": 0}, {"stream": True}, {"model": TOKEN}])
def test_neither_key_nor_prompt_is_printed(
    explain: Explain, options: tuple[str, ...], fields: dict[str, object]
) -> None:
    output = explain(*options, saved={**BODY, **fields}).output
    assert TOKEN not in output
    assert PROMPT not in output


def test_a_refusal_prints_the_very_body_and_fails(explain: Explain) -> None:
    result = explain("--json", saved={**BODY, "n": 0})
    assert result.exit_code == 1
    reply = read(result)["reply"]
    assert (reply["status"], reply["code"]) == (400, "invalid_request")
    assert json.loads(reply["body"])["error"]["param"] == "n"
    assert reply["body"] in explain(saved={**BODY, "n": 0}).output


def test_the_tables_last_word_is_the_verdict(explain: Explain) -> None:
    assert "It goes." in explain().output
    assert "Refused: 404 model_not_found" in explain("--models", "other").output


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--revoked",), "revoked"),
        (("--expires", "2001-01-01"), "expired"),
        (("--unknown",), "does not have the key"),
        (("--models", "other,another"), "was not given"),
    ],
)
def test_what_the_options_say_of_the_key_decides(explain: Explain, options: tuple[str, ...], why: str) -> None:
    result = explain("--json", *options)
    assert result.exit_code == 1
    assert why in read(result)["decisions"][-1]["reason"]


def test_whom_the_key_belongs_to_is_as_the_options_say(explain: Explain) -> None:
    value = read(explain("--json", "--organisation", "acme", "--team", "cards", "--project", "bot"))
    identity = next(each for each in value["decisions"] if each["step"] == "identity")
    assert identity["facts"]["belongs to"] == "acme/cards/bot"


def test_what_no_option_said_is_said_to_be_assumed(explain: Explain) -> None:
    assumed = read(explain("--json"))["assumed"]
    stated = ("--expires", "2999-01-01", "--models", "small", "--organisation", "a", "--team", "b", "--project", "c")
    assert set(read(explain("--json", *stated))["assumed"]) < set(assumed)
    assert "assumed: the directory has the key, and it is live" in explain().output


def test_a_key_with_a_wrong_checksum_is_really_found_out(explain: Explain, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.write_text(TOKEN[:-1] + ("x" if TOKEN[-1] != "x" else "y"))
    result = explain("--json", "--key-file", str(bad), key=False)
    assert result.exit_code == 1
    assert "checksum" in read(result)["decisions"][-1]["reason"]


def test_a_raw_request_brings_its_own_key(explain: Explain) -> None:
    raw = f"GET /v1/models HTTP/1.1\r\nhost: g\r\nx-api-key: {TOKEN}\r\n\r\n"
    value = read(explain("--json", saved=raw, key=False))
    assert (value["verdict"], value["reply"]["status"]) == ("answer", 200)
    two = raw.replace("host: g", "authorization: Bearer other")
    assert read(explain("--json", saved=two, key=False))["reply"]["code"] == "ambiguous_credentials"
    assert read(explain("--json", saved=two))["verdict"] == "answer"


def test_a_body_above_envoys_limit_is_refused_as_envoy_would(explain: Explain) -> None:
    result = explain("--json", saved={**BODY, "x": "y" * 2000})
    value = read(result)
    assert result.exit_code == 1
    assert (value["decisions"][-1]["step"], value["reply"]["status"]) == ("size", 413)
    # The head is judged before the body is held.
    assert read(explain("--json", "--revoked", saved={**BODY, "x": "y" * 2000}))["reply"]["status"] == 401


def test_an_empty_body_is_no_body(explain: Explain) -> None:
    assert "no body" in read(explain("--json", saved=""))["decisions"][-1]["reason"]


def test_a_body_alone_can_be_posted_elsewhere(explain: Explain) -> None:
    result = explain("--json", "--path", "/v1/embeddings", saved={"model": "small", "input": "x"})
    assert read(result)["reply"]["code"] == "operation_not_supported"


@pytest.mark.parametrize(
    ("options", "saved", "why"),
    [
        (("--key", "x"), BODY, "not both"),
        ((), "POST /v1/x HTTP/1.1\ncontent-length: 9\n\n{}", "content-length"),
        (("--expires", "soon"), BODY, "--expires"),
    ],
)
def test_wrong_use_is_told_from_a_refusal(explain: Explain, options: tuple[str, ...], saved: object, why: str) -> None:
    result = explain(*options, saved=saved)
    assert result.exit_code == 2
    assert why in result.output


def test_one_stream_cannot_carry_both_the_request_and_the_key(explain: Explain) -> None:
    result = explain("--key-file", "-", key=False)
    assert (result.exit_code, "standard input" in result.output) == (2, True)


def test_a_gateway_yaml_that_is_wrong_is_wrong_use(explain: Explain, tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text("models: 1")
    assert explain().exit_code == 2


def test_a_message_of_anthropics_client_is_explained_like_any_other(explain: Explain) -> None:
    saved = {"model": "small", "max_tokens": 9, "stream": True, "messages": BODY["messages"]}
    result = explain("--json", "--path", "/v1/messages", saved=saved)
    assert result.exit_code == 0, result.output
    value = read(result)
    assert value["verdict"] == "go"
    assert PROMPT not in result.output
    refused = explain("--json", "--path", "/v1/messages", saved={**saved, "top_k": 3})
    assert refused.exit_code == 1
    assert "top_k" in refused.output
    large = read(explain("--json", "--path", "/v1/messages", saved={**saved, "system": "x" * 2000}))
    assert json.loads(large["reply"]["body"])["error"]["type"] == "request_too_large"
