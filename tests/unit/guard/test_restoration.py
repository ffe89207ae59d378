"""Placeholders come back as what they stand for, also where a model changed them a little."""

import json

import pytest

from extproc.guard.redaction import apply
from extproc.guard.restoration import Restorer
from extproc.model.guard import Redaction

MAIL = Redaction("[EMAIL_1_483920]", 'a"b\\@x.de', "pii.email")
CARD = Redaction('"[CARD_2_483920]"', "4111111111111111", "pii.card")
NINO = Redaction("[UK_NINO_13_483920]", "AB123456C", "pii.uk_nino")


def restored(text: str, *, is_json: bool = False) -> str:
    return apply(text, Restorer((MAIL, CARD, NINO)).edits(text, is_json=is_json))


@pytest.mark.parametrize(
    ("form", "back"),
    [
        ("[UK_NINO_13_483920]", "AB123456C"),
        ("[uk_nino_13_483920]", "AB123456C"),
        ("UK NINO 13 483920", "AB123456C"),
        ("**UK-NINO-13-483920**", "**AB123456C**"),
        ("`[UK_NINO_13_483920]`", "`AB123456C`"),
        ("\\[UK\\_NINO\\_13\\_483920\\]", "AB123456C"),
        ("[ UK_NINO_13_483920 ]", "AB123456C"),
        ("uknino13483920", "AB123456C"),
        ("(UK_NINO_13_483920)", "(AB123456C)"),
        ('"UK_NINO_13_483920"', '"AB123456C"'),
        ("[UK\u2013NINO\u201313\u2013483920]", "AB123456C"),
    ],
)
def test_a_placeholder_is_known_in_another_spelling(form: str, back: str) -> None:
    assert restored(f"so {form}, yes") == f"so {back}, yes"


@pytest.mark.parametrize(
    "form", ["[UK_NINO_13_483921]", "[UK_NINO_9_483920]", "[PHONE_13_483920]", "[UK_NINO_13_48392"]
)
def test_what_is_no_placeholder_of_this_exchange_stays(form: str) -> None:
    assert restored(form) == form


def test_what_comes_back_into_json_is_escaped() -> None:
    text = '{"to": "[EMAIL_1_483920]", "card": "[CARD_2_483920]"}'
    assert json.loads(restored(text, is_json=True)) == {"to": 'a"b\\@x.de', "card": 4111111111111111}


def test_the_quotes_of_a_bare_number_stay_outside_json() -> None:
    assert restored('say "[CARD_2_483920]" twice') == 'say "4111111111111111" twice'


def test_nothing_was_redacted_so_nothing_is_open() -> None:
    none = Restorer(())
    assert (none.reach, none.edits("[EMAIL_1_483920]", is_json=False), none.open_at("[EMAIL")) == (0, (), 6)


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("hello [UK_NI", "[UK_NI"),
        ("hello [UK_NINO_13_483920", "[UK_NINO_13_483920"),
        ("hello [UK_NINO_13_483920]", "[UK_NINO_13_483920]"),
        ("hello [UK_NINO_13_483920] w", ""),
        ("what is e", "e"),
        ("done.", ""),
        ("\\", "\\"),
    ],
)
def test_what_may_still_become_a_placeholder_waits(text: str, rest: str) -> None:
    assert text[Restorer((MAIL, CARD, NINO)).open_at(text) :] == rest


def test_reach_is_the_longest_spelling() -> None:
    restorer = Restorer((NINO,))
    assert len("\\[ UK\\_NINO\\_13\\_483920 \\]") <= restorer.reach < 80


def test_redactions_are_of_one_exchange_and_of_a_redactor() -> None:
    with pytest.raises(ValueError, match="more than one exchange"):
        Restorer((MAIL, Redaction("[EMAIL_1_000000]", "x", "pii.email")))
    with pytest.raises(ValueError, match="no placeholder"):
        Restorer((Redaction("EMAIL", "x", "pii.email"),))
