import json

import pytest

from extproc.cli.models_view import print_models, print_uses
from extproc.config.gateway import parse
from extproc.model.ids import DeploymentName, KeyId, ModelName
from extproc.model.uses import Count, KeyUse
from tests.samples import NOW_S, make_key


def use_of(key_id: str, **changes: float) -> KeyUse:
    key = make_key(**changes)
    return KeyUse(KeyId(key_id), key, ModelName("chat"), DeploymentName("d"), Count(1234, NOW_S))


def test_a_key_that_has_ended_since_is_told_as_that(capsys: pytest.CaptureFixture[str]) -> None:
    unknown = KeyUse(KeyId("key_x"), None, ModelName("chat"), DeploymentName("d"), Count(1, NOW_S))
    print_uses((use_of("key_a", revoked_at_s=NOW_S), use_of("key_b"), unknown), NOW_S, is_json=True)
    told = json.loads(capsys.readouterr().out)
    assert [(each["key"], each["state"]) for each in told] == [
        ("key_a", "ended"),
        ("key_b", "live"),
        ("key_x", "unknown"),
    ]
    assert told[2]["owner"] is None
    print_uses((unknown,), NOW_S, is_json=False)
    assert "not in the directory" in capsys.readouterr().out


def test_a_group_with_the_models_name_is_told_as_a_group_where_it_is_more_than_a_list(
    capsys: pytest.CaptureFixture[str],
) -> None:
    catalog = parse(
        """
deployments: [{name: a, base_url: "http://127.0.0.1:9/v1", upstream_model: m}]
groups: [{name: chat, strategy: latency, members: [{deployment: a}]}]
models: [{name: chat, group: chat}]
""",
        "sample",
    ).catalog
    print_models(catalog, is_json=True)
    assert json.loads(capsys.readouterr().out)[0]["target"] == "group chat"


def test_what_people_typed_is_no_markup(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    print_uses((use_of("key_a"),), NOW_S, is_json=False)
    assert "[batch]" in capsys.readouterr().out
