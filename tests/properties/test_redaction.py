"""What holds of redaction and restoration whatever the text, the findings and the split of a stream."""

import json

from hypothesis import example, given
from hypothesis import strategies as st

from extproc.guard.redaction import Redactor, apply, masking
from extproc.guard.restoration import Restorer
from extproc.model.guard import Finding, Redaction

KINDS = st.sampled_from(["pii.card", "pii.email", "pii.uk_nino", "secrets.password", "x.card"])
NONCE = "483920"


@st.composite
def found(draw: st.DrawFn, text: str) -> list[Finding]:
    spans = draw(st.lists(st.tuples(st.integers(0, len(text)), st.integers(0, len(text)), KINDS), max_size=6))
    return [Finding(kind, (), min(a, b), max(a, b)) for a, b, kind in spans]


@st.composite
def texts_with_findings(draw: st.DrawFn) -> tuple[str, list[Finding]]:
    text = draw(st.text(max_size=60))
    return text, draw(found(text))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)


@st.composite
def json_with_findings(draw: st.DrawFn) -> tuple[str, list[Finding]]:
    text = json.dumps(draw(JSON), ensure_ascii=draw(st.booleans()))
    return text, draw(found(text))


@example(case=("a\\0", [Finding("pii.card", (), 2, 3)]))
@given(texts_with_findings())
def test_what_was_taken_out_comes_back(case: tuple[str, list[Finding]]) -> None:
    text, findings = case
    redactor = Redactor(NONCE)
    redacted = apply(text, redactor.edits(text, findings))
    assert apply(redacted, Restorer(redactor.redactions).edits(redacted, is_json=False)) == text


@given(texts_with_findings())
def test_redacting_again_changes_nothing(case: tuple[str, list[Finding]]) -> None:
    text, findings = case
    redactor = Redactor(NONCE)
    redacted = apply(text, redactor.edits(text, findings))
    placeholders = [r.placeholder for r in redactor.redactions]
    again = [Finding("pii.card", (), at, at + len(p)) for p in placeholders for at in [redacted.find(p)] if at >= 0]
    assert redactor.edits(redacted, again) == ()


@given(json_with_findings())
def test_json_stays_json_and_means_the_same_after_it_comes_back(case: tuple[str, list[Finding]]) -> None:
    text, findings = case
    redactor = Redactor(NONCE)
    redacted = apply(text, redactor.edits(text, findings, is_json=True))
    json.loads(redacted)
    json.loads(apply(text, masking(text, findings, is_json=True)))
    back = apply(redacted, Restorer(redactor.redactions).edits(redacted, is_json=True))
    assert json.loads(back) == json.loads(text)


REDACTIONS = (
    Redaction(f"[EMAIL_1_{NONCE}]", "a@b.de", "pii.email"),
    Redaction(f'"[CARD_2_{NONCE}]"', "4111", "pii.card"),
    Redaction(f"[UK_CARD_13_{NONCE}]", 'q"z', "pii.card"),
)
PIECES = st.sampled_from(
    [*'[]_ -\\"eUkC1239', NONCE, NONCE[:3], "EMAIL", "email", "CARD", "uk", "card", "13", "\u2013", "ü"]
    + [r.placeholder for r in REDACTIONS]
)


# A closing quote that could open another placeholder, and is none.
@example(text=f'"[CARD_2_{NONCE}]"[', cuts=[], is_json=True)
@given(
    text=st.lists(PIECES, max_size=14).map("".join),
    cuts=st.lists(st.integers(0, 200), max_size=12),
    is_json=st.booleans(),
)
def test_any_split_of_a_stream_gives_the_same_text(text: str, cuts: list[int], is_json: bool) -> None:
    restorer = Restorer(REDACTIONS)
    whole = apply(text, restorer.edits(text, is_json=is_json))
    ends = [*sorted(min(cut, len(text)) for cut in cuts), len(text)]
    said, held, at = "", "", 0
    for end in ends:
        held += text[at:end]
        at = end
        ready = restorer.open_at(held)
        said += apply(held[:ready], restorer.edits(held[:ready], is_json=is_json))
        held = held[ready:]
        assert len(held) <= restorer.reach
    assert said + apply(held, restorer.edits(held, is_json=is_json)) == whole
