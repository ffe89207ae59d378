"""How a change is written, and what is not taken for one. ``contracts/test_invalidations`` has the rest."""

import json

import pytest
from structlog.testing import capture_logs

from extproc.adapters.redis_client import open_redis
from extproc.adapters.redis_invalidations import CHANNEL, RedisInvalidations, _read, _write
from extproc.model.ids import KeyId
from extproc.model.keys import KeyChange
from extproc.model.refusals import Unavailable

CHANGE = KeyChange(7, KeyId("key_" + "a" * 22), 1_800_000_000.125)


@pytest.mark.parametrize("revoked_at_s", [None, 0.0, 1_800_000_000.125])
def test_what_is_written_is_read_back_exactly(revoked_at_s: float | None) -> None:
    change = KeyChange(2**53, CHANGE.key, revoked_at_s)
    assert _read(_write(change)) == change
    assert _read(_write(change).encode()) == change


def test_a_message_has_an_id_and_moments_and_nothing_of_the_key() -> None:
    assert json.loads(_write(CHANGE)) == {"seq": 7, "key": CHANGE.key, "revoked_at_s": 1_800_000_000.125}


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"\xff\xfe", b"null", b"[]", b"7", b"{}", b"[" * 100_000),
        b'{"seq":1,"key":"k"}',
        b'{"seq":"x","key":"k","revoked_at_s":1}',
        b'{"seq":1,"key":"k","revoked_at_s":"soon"}',
        b'{"seq":1,"key":"k","revoked_at_s":[]}',
    ],
)
def test_rubbish_is_no_change_and_is_logged_by_its_size_alone(data: bytes) -> None:
    with capture_logs() as lines:
        assert _read(data) is None
    assert lines == [{"event": "invalidation_unreadable", "size_bytes": len(data), "log_level": "warning"}]


async def test_a_change_goes_to_the_one_channel_that_workers_hear(valkey_url: str) -> None:
    async with open_redis(valkey_url) as redis, redis.pubsub() as listening:
        await listening.subscribe(CHANNEL)
        await listening.get_message(timeout=5)
        await RedisInvalidations(redis).publish(CHANGE)
        message = await listening.get_message(timeout=5)
    assert message is not None
    assert (message["channel"], _read(message["data"])) == (CHANNEL.encode(), CHANGE)


async def test_a_subscription_that_is_left_is_given_back(valkey_url: str) -> None:
    async with open_redis(valkey_url) as redis:
        for _ in range(40):  # more than the pool has connections
            async with RedisInvalidations(redis).subscribe():
                pass
        assert await redis.pubsub_numsub(CHANNEL) == [(CHANNEL.encode(), 0)]


async def test_nobody_at_the_address_is_unavailable_for_who_tells_and_who_listens() -> None:
    async with open_redis("unix:///nowhere/redis.sock") as redis:
        word = RedisInvalidations(redis)
        with pytest.raises(Unavailable, match="redis unavailable: ConnectionError"):
            await word.publish(CHANGE)
        with pytest.raises(Unavailable, match="redis unavailable: ConnectionError"):
            await word.subscribe().__aenter__()
