"""Placeholders stand for values, the same one for the same, and JSON stays JSON."""

import json

import pytest

from extproc.guard.redaction import Redactor, apply, label_of, masking
from extproc.model.guard import Finding


def at(kind: str, text: str, value: str) -> Finding:
    start = text.index(value)
    return Finding(kind, (), start, start + len(value))


def test_a_value_has_one_placeholder_wherever_it_stands() -> None:
    redactor = Redactor("483920")
    text = "a@b.de and c@d.de"
    first = apply(text, redactor.edits(text, [at("pii.email", text, "a@b.de"), at("pii.email", text, "c@d.de")]))
    assert first == "[EMAIL_1_483920] and [EMAIL_2_483920]"
    again = "again c@d.de"
    assert apply(again, redactor.edits(again, [at("pii.email", again, "c@d.de")])) == "again [EMAIL_2_483920]"
    assert [(r.placeholder, r.original, r.kind) for r in redactor.redactions] == [
        ("[EMAIL_1_483920]", "a@b.de", "pii.email"),
        ("[EMAIL_2_483920]", "c@d.de", "pii.email"),
    ]


def test_findings_that_overlap_become_one_named_after_the_widest() -> None:
    text = "0123456789"
    found = [Finding("pii.a", (), 1, 4), Finding("pii.wide", (), 2, 8), Finding("pii.b", (), 7, 9)]
    assert apply(text, Redactor("000000").edits(text, found)) == "0[WIDE_1_000000]9"


def test_what_is_a_placeholder_already_stays_one() -> None:
    redactor = Redactor("483920")
    text = "key s3cr3t here"
    once = apply(text, redactor.edits(text, [at("secrets.password", text, "s3cr3t")]))
    assert redactor.edits(once, [at("secrets.password", once, "[PASSWORD_1_483920]")]) == ()
    assert (
        apply(once, redactor.edits(once, [Finding("secrets.password", (), 0, len(once))])).count("[PASSWORD_1_483920]")
        == 1
    )


def test_a_callers_own_lookalike_is_a_value_like_any_other() -> None:
    text = "write [EMAIL_1_111111] back"
    redactor = Redactor("483920")
    assert redactor.edits(text, [at("pii.x", text, "[EMAIL_1_111111]")]) != ()


def test_json_stays_json_whatever_is_found_in_it() -> None:
    text = '{"card": 4111111111111111, "note": "a\\n\\"b\\"", "deep": [true, "x"]}'
    for start in range(len(text)):
        for end in range(start + 1, len(text) + 1):
            edits = Redactor("483920").edits(text, [Finding("pii.card", (), start, end)], is_json=True)
            json.loads(apply(text, edits))


def test_a_bare_number_gets_quotes_that_belong_to_its_placeholder() -> None:
    text = '{"card": 4111111111111111}'
    redactor = Redactor("483920")
    edits = redactor.edits(text, [at("pii.card", text, "4111111111111111")], is_json=True)
    assert apply(text, edits) == '{"card": "[CARD_1_483920]"}'
    assert redactor.redactions[0].placeholder == '"[CARD_1_483920]"'


def test_what_is_masked_for_good_keeps_a_cards_last_four_at_most() -> None:
    text = "card 4111 1111 1111 1234, mail a@b.de"
    found = [at("pii.card", text, "4111 1111 1111 1234"), at("pii.email", text, "a@b.de")]
    masked = apply(text, masking(text, found))
    assert masked == "card [card ending 1234], mail [email removed]"
    number = '{"card": 4111111111111234}'
    assert json.loads(apply(number, masking(number, [at("pii.card", number, "4111111111111234")], is_json=True))) == {
        "card": "[card ending 1234]"
    }


@pytest.mark.parametrize(
    ("kind", "label"), [("pii.uk_nino", "UK_NINO"), ("secrets.sha2_key", "SHA_KEY"), ("x.1", "VALUE")]
)
def test_a_label_has_letters_and_underscores_only(kind: str, label: str) -> None:
    assert label_of(kind) == label
    assert len(label_of("x." + "long_" * 20)) <= 24


@pytest.mark.parametrize("nonce", ["", "12345", "1234567", "12345a", "\u0661\u0661\u0661\u0661\u0661\u0661"])
def test_a_nonce_is_six_digits(nonce: str) -> None:
    with pytest.raises(ValueError, match="6 decimal digits"):
        Redactor(nonce)


def test_what_a_placeholder_stands_for_is_not_in_its_repr() -> None:
    redactor = Redactor("483920")
    edits = redactor.edits("s3cr3t", [Finding("secrets.password", (), 0, 6)])
    assert "s3cr3t" not in repr(redactor.redactions) + repr(edits)
