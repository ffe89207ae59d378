from zlib import crc32

import pytest

from extproc.policy.classify_features import BUCKETS, Features, features

PROVES = "asks for a proof or a derivation"
TRANSLATES = "asks for a translation"


def seen(*messages: tuple[str, object], **fields: object) -> Features:
    return features({"messages": [{"role": role, "content": content} for role, content in messages], **fields})


def asked(text: object, **fields: object) -> Features:
    return seen(("user", text), **fields)


def test_the_last_user_turn_weighs_more_than_what_came_before() -> None:
    now = asked("Prove it.").signals[PROVES]
    before = seen(("user", "Prove it."), ("assistant", "Done."), ("user", "Go on.")).signals[PROVES]
    ordered = seen(("system", "Prove it."), ("user", "Go on.")).signals[PROVES]
    assert 0 < before < now
    assert 0 < ordered < now


def test_a_word_said_again_and_again_soon_adds_nothing() -> None:
    once, often, always = (asked("Prove it. " * times).signals[PROVES] for times in (1, 3, 30))
    assert once < often <= always <= 2 * once


def test_text_that_is_handed_over_is_not_taken_for_the_question() -> None:
    for given in ('"Prove that this is so, and do it now, please."', "```\nprove(that)\n```"):
        signals = asked(f"Translate: {given}").signals
        assert TRANSLATES in signals
        assert PROVES not in signals
        assert "comes with a text to work on" in signals


def test_a_question_is_found_above_and_below_a_document() -> None:
    document = "\n\n".join(
        ["The harbour was full of boats that week, and nobody had expected so many of them. " * 5] * 3
    )
    for text in (f"Prove it.\n\n{document}", f"{document}\n\nProve it."):
        signals = asked(text).signals
        assert PROVES in signals
        assert "comes with a text to work on" in signals


def test_a_short_quotation_belongs_to_the_question() -> None:
    assert "comes with a text to work on" not in asked('What does "prove" mean?').signals


@pytest.mark.parametrize(
    ("signal", "fields"),
    [
        ("offers a few tools", {"tools": [{"type": "function"}]}),
        ("offers many tools", {"tools": [{"type": "function"}] * 6}),
        ("allows only a short answer", {"max_tokens": 5}),
        ("allows only a short answer", {"max_completion_tokens": 5}),
        (
            "wants a flat schema filled in",
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "a", "schema": {"properties": {"x": {"type": "string"}}}},
                }
            },
        ),
        (
            "wants a nested schema filled in",
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {
                        "schema": {
                            "properties": {
                                "x": {"items": {"properties": {"y": {"items": {"properties": {"z": {}}}}}}},
                            }
                        }
                    },
                }
            },
        ),
    ],
)
def test_what_stands_beside_the_messages_is_a_signal(signal: str, fields: dict[str, object]) -> None:
    assert signal in asked("Go on.", **fields).signals
    assert signal not in asked("Go on.").signals


def test_content_parts_are_read_and_images_are_seen() -> None:
    parts = [
        {"type": "text", "text": "Prove it."},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,"}},
    ]
    signals = asked(parts).signals
    assert PROVES in signals
    assert "shows an image" in signals


def test_an_agent_at_work_is_judged_by_the_turn_that_set_it_going() -> None:
    signals = seen(("user", "Prove it."), ("assistant", None), ("tool", "ok"), ("tool", "ok")).signals
    assert PROVES in signals
    assert "works through tool results" in signals


def test_numbers_fall_together_and_pieces_have_one_length() -> None:
    assert asked("it costs 12 euros").pieces == asked("it costs 99 euros").pieces
    pieces = asked("The parcel has arrived at the wrong door.").pieces
    assert sum(weight * weight for weight in pieces.values()) == pytest.approx(1.0)
    assert all(0 <= bucket < BUCKETS for bucket in pieces)


def test_the_same_words_without_an_end_do_not_change_the_signals() -> None:
    assert asked("a fine day " * 200).signals.keys() == asked("a fine day " * 90_000).signals.keys() - {
        "comes with a text to work on"
    }


def test_pieces_fall_into_the_same_buckets_in_every_process() -> None:
    assert asked("parcel").pieces.keys() == {crc32(b"parcel") % BUCKETS, crc32(b"^ parcel") % BUCKETS}


@pytest.mark.parametrize(
    "payload",
    [
        {"messages": [{"role": "user", "content": ["x", 3, None, {"type": "text"}, {"type": "text", "text": 3}]}]},
        {},
        {"messages": None},
        {"messages": "x"},
        {"messages": [3]},
        {"messages": [{"role": ["user"], "content": {}}]},
    ],
)
def test_a_request_without_anything_to_read_has_no_pieces(payload: dict[str, object]) -> None:
    assert features(payload).pieces == {}
