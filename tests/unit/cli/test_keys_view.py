"""What ``keys`` prints, from values. ``test_keys`` has the commands."""

import json
from dataclasses import replace

import pytest

from extproc.cli.keys_view import print_file, print_keys, print_minted, print_revoked
from extproc.model.ids import KeyId, ModelName
from extproc.model.keys import AdminEntry, Deed, KeyFile
from extproc.operations.keys import Minted, Revoked
from tests.samples import NOW_S, make_key, make_token

KEY = replace(make_key(), id=KeyId("key_" + "a" * 22), expires_at_s=NOW_S + 60)
TOKEN = make_token()


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")


def test_the_text_of_a_key_is_alone_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    print_minted(Minted(KEY, TOKEN, is_announced=True), is_json=False)
    said = capsys.readouterr()
    assert said.out == TOKEN.reveal() + "\n"
    assert TOKEN.reveal() not in said.err
    assert "acme/search/ranking (test); it ends: 2027-01-15T08:01:00Z" in said.err
    assert KEY.id in said.err


def test_as_json_a_new_key_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    print_minted(Minted(KEY, TOKEN, is_announced=True), is_json=True)
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert (told["key"], told["id"], told["is_announced"]) == (TOKEN.reveal(), KEY.id, True)
    assert told["expires_at"] == "2027-01-15T08:01:00Z"
    assert said.err == ""


@pytest.mark.parametrize("is_json", [True, False])
def test_word_that_did_not_reach_redis_is_told_beside_the_answer(
    capsys: pytest.CaptureFixture[str], is_json: bool
) -> None:
    print_revoked(Revoked(KEY.id, NOW_S, is_announced=True), is_json=is_json)
    quiet = capsys.readouterr()
    print_revoked(Revoked(KEY.id, NOW_S, is_announced=False), is_json=is_json)
    told = capsys.readouterr()
    assert quiet.err == ""
    assert "Redis could not be told" in told.err
    assert KEY.id in told.out
    assert "Redis" not in told.out


@pytest.mark.parametrize(
    ("expires_at_s", "revoked_at_s", "state"),
    [
        (None, None, "live"),
        (NOW_S + 1, None, "live"),
        (NOW_S, None, "expired"),
        (None, NOW_S, "revoked"),
        (None, NOW_S + 1, "rotated, still works"),
        (NOW_S, NOW_S, "revoked"),
    ],
)
def test_a_keys_state_is_one_of_four_words(
    capsys: pytest.CaptureFixture[str], expires_at_s: float | None, revoked_at_s: float | None, state: str
) -> None:
    key = replace(KEY, expires_at_s=expires_at_s, revoked_at_s=revoked_at_s)
    print_keys((key,), NOW_S, is_json=True)
    assert json.loads(capsys.readouterr().out)[0]["state"] == state


def test_every_model_and_no_model_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    every, none = replace(KEY, allowed_models=None), replace(KEY, allowed_models=frozenset())
    some = replace(KEY, allowed_models=frozenset({ModelName("b"), ModelName("a")}))
    print_keys((every, none, some), NOW_S, is_json=True)
    assert [row["models"] for row in json.loads(capsys.readouterr().out)] == [None, [], ["a", "b"]]
    print_keys((every, some), NOW_S, is_json=False)
    table = capsys.readouterr().out
    assert "models: all" in table
    assert "models: a, b" in table


def test_an_id_is_whole_however_narrow_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    print_keys((replace(KEY, owner="o" * 200),), NOW_S, is_json=False)
    assert KEY.id in capsys.readouterr().out


def test_no_keys_are_a_hint_for_a_person_and_an_empty_list_for_a_script(capsys: pytest.CaptureFixture[str]) -> None:
    print_keys((), NOW_S, is_json=False)
    assert "extproc keys mint" in capsys.readouterr().out
    print_keys((), NOW_S, is_json=True)
    assert capsys.readouterr().out == "[]\n"


@pytest.mark.parametrize("is_json", [True, False])
def test_a_keys_history_names_who_and_which_approval(capsys: pytest.CaptureFixture[str], is_json: bool) -> None:
    row = AdminEntry(7, NOW_S, Deed("[b]ada[/b]", "CHG-1"), "key.mint", KEY.id, (("owner", "o"),))
    print_file(KeyFile(KEY, (row,)), NOW_S, is_json=is_json)
    said = capsys.readouterr().out
    for word in ("[b]ada[/b]", "CHG-1", "key.mint", "2027-01-15T08:00:00Z", "live", KEY.hint):
        assert word in said
    if is_json:
        assert json.loads(said)["history"][0]["detail"] == {"owner": "o"}
