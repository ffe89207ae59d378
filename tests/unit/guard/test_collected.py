"""A rule says each stretch once for each kind, in offsets of the leaf."""

from extproc.guard.collected import Collected
from extproc.guard.reading import Reading, View
from extproc.model.guard import Leaf, Trust

LEAF = Leaf(("x",), "0123456789", Trust.USER)
PLAIN = View("0123456789")
DECODED = View("abcd", via=("base64",), region=(2, 8))


def test_a_stretch_is_said_once_for_each_kind_with_the_best_score() -> None:
    collected = Collected(Reading(LEAF, (PLAIN,)))
    collected.add(PLAIN, "pii.a", 1, 3, 0.5)
    collected.add(PLAIN, "pii.a", 1, 3, 0.9)
    collected.add(PLAIN, "pii.a", 1, 3, 0.7)
    collected.add(PLAIN, "pii.b", 1, 3)
    assert [(f.kind, f.start, f.end, f.score) for f in collected.findings()] == [
        ("pii.a", 1, 3, 0.9),
        ("pii.b", 1, 3, 1.0),
    ]


def test_what_was_decoded_is_said_where_it_was_encoded() -> None:
    collected = Collected(Reading(LEAF, (PLAIN, DECODED)))
    collected.add(DECODED, "pii.a", 0, 2)
    (finding,) = collected.findings()
    assert (finding.place, finding.start, finding.end, finding.via) == (("x",), 2, 8, ("base64",))
