"""Stretches are counted, not texts: found, missed, and found where nothing is."""

import json
from pathlib import Path

from bench.guard_eval_data import CHECKSUMMED, data_lines, own_secrets
from extproc.guard.pii import KINDS


def write(folder: Path, *rows: dict[str, object]) -> None:
    (folder / "some.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")


def test_the_repositorys_own_cases_hold_what_is_promised() -> None:
    lines, parts = data_lines(None)
    assert [each.name for each in lines if not each.is_met] == []
    assert {each.name for each in lines} >= {f"own {kind}" for kind in CHECKSUMMED}
    assert sum(count for count, _ in parts["own secrets"].values()) > 500


def test_stretches_of_a_folder_are_found_missed_or_wrong(tmp_path: Path) -> None:
    card = "4111111111111111"
    spans = [{"type": "CREDIT_CARD", "start": 3, "end": 19}, {"type": "PERSON", "start": 0, "end": 2}]
    write(
        tmp_path,
        {"text": f"my {card}", "spans": spans},
        {"text": "my 4111111111111112", "spans": spans[:1]},
        {"text": f"no {card}", "spans": []},
        {"text": "nothing", "spans": []},
    )
    (line,) = [each for each in data_lines(tmp_path)[0] if each.name.startswith("some: ")]
    assert (line.name, line.cases, line.attacks) == ("some: card", 4, 2)
    assert (line.precision, line.recall, line.false_positives) == (0.5, 0.5, 0.5)
    assert not line.is_met


def test_files_without_stretches_are_for_others(tmp_path: Path) -> None:
    write(tmp_path, {"text": "x", "label": 1})
    assert not [each for each in data_lines(tmp_path)[0] if each.name.startswith("some")]


def test_what_has_check_digits_is_a_kind_of_the_rule() -> None:
    assert CHECKSUMMED <= KINDS


def test_a_key_within_json_is_written_as_json() -> None:
    texts = [text for text, _, kind in own_secrets() if kind == "private_key" and text.startswith("{")]
    assert texts
    assert all(json.loads(text)["pem"].startswith("-----BEGIN") for text in texts)
