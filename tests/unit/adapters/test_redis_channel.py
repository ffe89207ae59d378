"""One channel of Redis. ``contracts/test_invalidations`` and ``contracts/test_limit_word`` have what it is used for."""

import pytest

from extproc.adapters.redis_channel import RedisChannel
from extproc.adapters.redis_client import open_redis
from extproc.model.refusals import Unavailable
from tests.servers import Valkey


def _read(data: bytes | str) -> str | None:
    text = data.decode() if isinstance(data, bytes) else data
    return None if text == "rubbish" else text


async def test_a_message_is_heard_on_its_own_channel_and_rubbish_is_passed_over(valkey_url: str) -> None:
    async with open_redis(valkey_url) as redis:
        one, other = (RedisChannel(redis, name, str, _read) for name in ("extproc:one", "extproc:other"))
        async with one.subscribe() as heard:
            for channel, said in ((other, "not for me"), (one, "rubbish"), (one, "hello")):
                await channel.publish(said)
            assert await anext(heard) == "hello"


async def test_whoever_listens_hears_of_the_end(own_valkey: Valkey) -> None:
    async with open_redis(own_valkey.url) as redis:
        channel = RedisChannel(redis, "extproc:one", str, _read)
        async with channel.subscribe() as heard:
            own_valkey.kill()
            with pytest.raises(Unavailable):
                await anext(heard)
        with pytest.raises(Unavailable):
            await channel.publish("x")
        with pytest.raises(Unavailable):
            await channel.subscribe().__aenter__()
