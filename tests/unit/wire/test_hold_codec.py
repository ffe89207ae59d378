"""What is held and what is taken travel between the doors; whole contexts are in ``test_context_codec``."""

import pytest

from extproc.model.exchange import HeldCounter, Hold
from extproc.model.limits import LimitId, Unit
from extproc.model.money import Price
from extproc.wire.gen.gateway.v1 import exchange_context_pb2 as pb
from extproc.wire.hold_codec import decode_hold, decode_price, encode_hold, encode_price


def test_a_price_of_nothing_is_not_the_same_as_no_price() -> None:
    price = Price(0, 0, cached_input_nano_usd=0, long_above_tokens=9, long=Price(1, 2))
    written = encode_price(price)
    assert written is not None
    assert decode_price(written) == price
    assert encode_price(None) is None


def test_a_hold_keeps_its_counters_in_order() -> None:
    counters = tuple(
        HeldCounter(part, unit, LimitId("b"), 2**53 - 1, (80, 100)) for part, unit in zip("ab", Unit, strict=True)
    )
    hold = Hold(counters, ("t", "u"), is_owed=True)
    written = encode_hold(hold)
    assert written is not None
    assert decode_hold(pb.Hold.FromString(written.SerializeToString())) == hold
    assert encode_hold(None) is None


def test_a_unit_of_a_later_version_is_refused() -> None:
    with pytest.raises(ValueError, match="joules"):
        decode_hold(pb.Hold(counters=[pb.HeldCounter(unit="joules")]))
