"""What is compared with Redis after every step of a history. Read next: ``budget_histories`` for what happens."""

from collections.abc import Mapping
from math import ceil

from extproc.model.limits import Claim, Denied, Shortage
from tests.properties.budget_model import AT_A_TIME, LIMITS, REQUESTS, TOKENS, Kept, Model, now_ms


def kept(model: Model, organisation: str) -> dict[str, Kept]:
    """The counters that are not cold."""
    prefix = f"b:{{{organisation}}}:"
    pipe = model.admin.pipeline(transaction=False)
    pipe.hget(f"{prefix}p", "#")
    parts = list(model.parts[organisation])
    for part in parts:
        pipe.hmget(f"{prefix}c:{part}", "u", "h", "g", "e")
    era, *found = pipe.execute()
    return {
        part: Kept(int(u), int(h), g)
        for part, (u, h, g, e) in zip(parts, found, strict=True)
        if u is not None and e == (era or b"")
    }


def contents(model: Model, organisation: str) -> dict[object, object]:
    """All that Redis has of an organisation but times, and counters of which there is nothing to say."""
    found: dict[object, object] = {}
    for key in model.admin.scan_iter(match=f"b:{{{organisation}}}:*", count=1000):
        kind = key.partition(b"}:")[2][:2]
        if kind == b"c:":
            u, h = model.admin.hmget(key, "u", "h")
            found |= {key: (u, h)} if (u, h) != (b"0", b"0") else {}
        elif kind in {b"x", b"n:"}:
            found[key] = sorted(model.admin.zrange(key, 0, -1))
        elif kind in {b"p", b"t:", b"f:"}:
            found[key] = {name: value for name, value in model.admin.hgetall(key).items() if name != b"#"}
        elif kind == b"d:":
            found[key] = model.admin.get(key)
    return {key: value for key, value in found.items() if value}


def check_falls(model: Model, before: Mapping[str, Kept], after: Mapping[str, Kept]) -> None:
    for part, kept in after.items():
        was = before.get(part)
        if was is not None and was.generation == kept.generation and kept.used < was.used:
            assert was.used - kept.used == model.falls, part


def check_counters(model: Model, organisation: str, kept: Mapping[str, Kept]) -> None:
    assert model.must_repair or all(each.used >= 0 for each in kept.values())
    assert all(each.held >= 0 for each in kept.values())
    if model.is_faulty:
        return
    nothing = Kept(0, 0, b"")
    for part in model.parts[organisation]:
        found = kept.get(part, nothing)
        assert (found.used, found.held) == (model.used(organisation, part), model.held(organisation, part)), part
    # I1.
    for name, parts in model.window().items():
        total = sum(kept.get(part, nothing).used + kept.get(part, nothing).held for part in parts)
        assert name == "soft" or total <= LIMITS[name] + model.overdrawn
    under_way = sum(each.is_held for each in model.exchanges if each.organisation == organisation)
    assert model.admin.zcard(f"b:{{{organisation}}}:n:key") == under_way <= AT_A_TIME
    check_buckets(model, organisation)


def check_buckets(model: Model, organisation: str) -> None:
    """Each gave what was asked, and got back what was not used, once: but for what flowed in since the beginning."""
    elapsed_ms = now_ms(model.admin) - model.began_ms
    for name, size in TOKENS.items():
        level = model.admin.hget(f"b:{{{organisation}}}:t:{name}", "t")
        if level is not None:
            gone = model.taken.get((organisation, name), 0)
            assert size - gone - 1 <= float(level) <= size - gone + size * elapsed_ms / 60_000 + 1, name
    level = model.admin.hget(f"b:{{{organisation}}}:t:all", "r")
    if level is not None:
        least = REQUESTS - model.asked.get(organisation, 0) - 1
        assert least <= float(level) <= least + 2 + REQUESTS * elapsed_ms / 60_000


def check_denial(model: Model, organisation: str, asked: Claim, denied: Denied) -> None:
    """I5: the limit that is named is truly exceeded, by what Redis says and by what the model knows."""
    amount = asked.counters[0].amount
    match denied.shortage:
        case Shortage.BUDGET:
            assert denied.of == LIMITS[denied.limit]
            assert denied.used + denied.held + amount > denied.of
            if not model.is_faulty:
                parts = model.window()[denied.limit]
                assert denied.used == sum(model.used(organisation, part) for part in parts)
                assert denied.held == sum(model.held(organisation, part) for part in parts)
        case Shortage.TOKENS:
            # The level lies up to one token below what is told.
            assert denied.of - denied.used - 1 < amount
            assert denied.retry_after_s is not None
            assert ceil(denied.retry_after_s) <= 60
        case Shortage.CONCURRENCY:
            assert denied.used == denied.of == AT_A_TIME
        case Shortage.REQUESTS:
            raise AssertionError("no history has so many")
