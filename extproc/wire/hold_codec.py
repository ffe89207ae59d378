"""The money half of an ExchangeContext ⇄ protobuf: what is held, and what each deployment takes."""

from extproc.model.exchange import HeldCounter, Hold
from extproc.model.limits import LimitId, Unit
from extproc.model.money import Price
from extproc.wire.gen.gateway.v1 import exchange_context_pb2 as pb


def encode_hold(hold: Hold | None) -> pb.Hold | None:
    """None stays None."""
    if hold is None:
        return None
    return pb.Hold(
        counters=[
            pb.HeldCounter(
                part=each.part,
                unit=each.unit,
                budget=each.budget,
                limit=each.limit,
                alert_percents=each.alert_percents,
            )
            for each in hold.counters
        ],
        buckets=hold.buckets,
        is_owed=hold.is_owed,
    )


def decode_hold(message: pb.Hold) -> Hold:
    """What ``encode_hold`` wrote.

    Raises:
        ValueError: a unit that this version does not know.
    """
    return Hold(
        counters=tuple(
            HeldCounter(each.part, Unit(each.unit), LimitId(each.budget), each.limit, tuple(each.alert_percents))
            for each in message.counters
        ),
        buckets=tuple(message.buckets),
        is_owed=message.is_owed,
    )


def encode_price(price: Price | None) -> pb.Price | None:
    """None stays None."""
    if price is None:
        return None
    return pb.Price(
        input=price.input_nano_usd,
        output=price.output_nano_usd,
        cached_input=price.cached_input_nano_usd,
        cache_write=price.cache_write_nano_usd,
        reasoning=price.reasoning_nano_usd,
        audio_input=price.audio_input_nano_usd,
        audio_output=price.audio_output_nano_usd,
        request=price.request_nano_usd,
        long_above_tokens=price.long_above_tokens,
        long=encode_price(price.long),
    )


def decode_price(message: pb.Price) -> Price:
    """What ``encode_price`` wrote."""
    return Price(
        input_nano_usd=message.input,
        output_nano_usd=message.output,
        cached_input_nano_usd=message.cached_input if message.HasField("cached_input") else None,
        cache_write_nano_usd=message.cache_write if message.HasField("cache_write") else None,
        reasoning_nano_usd=message.reasoning if message.HasField("reasoning") else None,
        audio_input_nano_usd=message.audio_input if message.HasField("audio_input") else None,
        audio_output_nano_usd=message.audio_output if message.HasField("audio_output") else None,
        request_nano_usd=message.request,
        long_above_tokens=message.long_above_tokens,
        long=decode_price(message.long) if message.HasField("long") else None,
    )
