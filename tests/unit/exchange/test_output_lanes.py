import json

from extproc.exchange.output_lanes import LEAST_NEW, Lane
from extproc.exchange.output_strings import Flow
from extproc.guard.restoration import Restorer
from extproc.model.guard import Finding, Redaction

PLACE = ("choices", 0, "delta", "content")
PROSE = "The quick brown fox jumps over the lazy dog and runs away. "


def lane(flow: Flow = Flow.RUNNING, reach: int = 20, *, is_json: bool = False) -> Lane:
    return Lane(PLACE, flow, reach, choice=0, is_json=is_json)


def found(start: int, end: int, kind: str = "pii.phone") -> Finding:
    return Finding(kind, PLACE, start, end)


def test_a_held_text_is_judged_when_enough_is_new_or_it_ends() -> None:
    running = lane()
    running.take("x" * (LEAST_NEW - 1))
    assert not running.is_due
    running.take("x")
    assert running.is_due
    running.settle(running.bound(None))
    running.take("y")
    assert not running.is_due
    running.is_ended = True
    assert running.is_due
    assert running.bound(None) == running.end


def test_what_comes_at_once_is_due_at_once_and_the_same_value_is_not_new() -> None:
    once = lane(Flow.AT_ONCE)
    first = once.take("chatcmpl-1")
    assert once.is_due
    assert once.bound(None) == once.end
    once.settle(once.end)
    assert once.take("chatcmpl-1") == first
    assert not once.is_due
    assert once.take("other") == (first[1], first[1] + 5)
    assert once.is_due


def test_an_unknown_field_that_keeps_changing_is_a_text_in_pieces() -> None:
    unknown = lane(Flow.UNKNOWN)
    for number in range(8):
        unknown.take(f"piece {number} ")
    assert unknown.is_held
    ids = lane(Flow.AT_ONCE)
    for number in range(20):
        ids.take(f"call_{number}")
    assert not ids.is_held


def test_it_remembers_no_more_than_a_rule_looks_back() -> None:
    running = lane()
    for _ in range(200):
        running.take(PROSE)
        running.settle(running.bound(None))
        assert len(running.text) <= 2 * 20 + len(PROSE) + 20
    assert running.end == 200 * len(PROSE)


def test_a_finding_that_is_still_growing_is_remembered_from_its_beginning() -> None:
    running = lane()
    running.take(PROSE)
    assert running.note("secrets", "secrets.pem", 10, running.end)
    running.settle(running.bound(None))
    for _ in range(9):
        running.take(PROSE)
        assert not running.note("secrets", "secrets.pem", 10, running.end)
        running.settle(running.bound(None))
    assert running.read_from <= 10


def test_pieces_keep_their_bounds_around_what_was_taken_out() -> None:
    running = lane()
    spots = [running.take(piece) for piece in ("call 12", "345", "67", "8 now")]
    running.mask(found(5, 13))
    pieces = [running.written(*spot, text) for spot, text in zip(spots, ("call 12", "345", "67", "8 now"), strict=True)]
    assert pieces == ["call [phone removed]", "", "", " now"]


def test_overlapping_stretches_are_one_and_have_the_first_ones_name() -> None:
    running = lane()
    spot = running.take("0123456789")
    running.mask(found(5, 9, "pii.late"))
    running.mask(found(2, 6, "pii.early"))
    running.mask(found(2, 7, "pii.other"))
    assert running.written(*spot, "0123456789") == "01[early removed]9"


def test_what_has_gone_is_not_changed_and_what_follows_is() -> None:
    running = lane()
    first, second = running.take("12345"), running.take("67890 x")
    running.written(*first, "12345")
    running.mask(found(0, 10))
    assert running.written(*second, "67890 x") == "[phone removed] x"


def test_arguments_stay_json_wherever_something_is_taken_out_and_wherever_they_were_cut() -> None:
    text = json.dumps({"card": 4111111111111111, "note": 'call "me\u00e9" 12345678 \\ now', "n": 1})
    for start in range(len(text)):
        for size in (1, 9, 30):
            for cut in (0, start // 2):
                arguments = lane(is_json=True, reach=0)
                head = arguments.take(text[:cut])
                written = arguments.written(*head, text[:cut])
                arguments.settle(cut)
                rest = arguments.take(text[cut:])
                arguments.mask(found(start, min(start + size, len(text))))
                json.loads(written + arguments.written(*rest, text[cut:]))


def test_a_number_whose_beginning_has_gone_goes_on_as_a_number() -> None:
    arguments = lane(is_json=True)
    first, second = arguments.take('{"n":41'), arguments.take("11111}")
    arguments.written(*first, '{"n":41')
    arguments.mask(found(5, 12))
    assert arguments.written(*second, "11111}") == "0}"


def test_values_of_the_caller_come_back_once_and_only_where_they_are_certain() -> None:
    restorer = Restorer((Redaction("[EMAIL_1_123456]", 'a"b@x.example', "pii.email"),))
    running = lane(reach=0)
    text = "to [EMAIL_1_123456] and [EMAIL_1_1234"
    spot = running.take(text)
    bound = running.bound(restorer)
    assert bound == text.index("[EMAIL_1_1234", 10)
    assert running.restore(restorer, bound)
    assert not running.restore(restorer, bound)
    assert running.written(spot[0], bound, text[:bound]) == 'to a"b@x.example and '
    arguments = lane(is_json=True)
    spot = arguments.take('{"to":"[EMAIL_1_123456]"}')
    arguments.restore(restorer, arguments.end)
    assert json.loads(arguments.written(*spot, '{"to":"[EMAIL_1_123456]"}')) == {"to": 'a"b@x.example'}


def test_another_text_ends_this_one_but_once() -> None:
    running = lane()
    running.take("one")
    running.is_ended = True
    running.settle(running.bound(None))
    running.take("two")
    assert (running.is_ended, running.may_end) == (False, False)
