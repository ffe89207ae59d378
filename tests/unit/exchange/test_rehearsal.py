import pytest

from extproc.exchange.admission import Admission
from extproc.exchange.events import Go
from extproc.exchange.rehearsal import rehearse
from tests.unit.exchange.worlds import World, chat


async def go(**fields: object) -> Go:
    world = World()
    admission = Admission(world.desk)
    await admission.handle(world.head())
    action = await admission.handle(chat(**fields))
    assert isinstance(action, Go)
    return action


@pytest.mark.parametrize(
    ("is_stream", "limits"),
    [
        (True, {"first event within": "20 s", "silence at most": "40 s"}),
        (False, {"whole answer within": "30 s"}),
    ],
)
async def test_each_attempt_tells_the_limits_that_bind_it(*, is_stream: bool, limits: dict[str, str]) -> None:
    step, reason, facts = (await rehearse(await go(stream=is_stream), 1 << 20))[0]
    assert (step, reason) == ("attempt 1", "main: tried first")
    assert limits.items() <= dict(facts).items()


async def test_a_credential_is_named_and_hidden_and_its_absence_said() -> None:
    first, second, *_ = await rehearse(await go(model="two"), 1 << 20)
    assert dict(first[2])["headers"] == "content-type, user-agent, authorization (hidden)"
    assert dict(second[2])["headers"] == "content-type, user-agent; no credential"


async def test_delivery_tells_the_size_it_takes() -> None:
    delivery = next(told for told in await rehearse(await go(), 12_345) if told[0] == "delivery")
    assert dict(delivery[2])["answer at most"] == "12,345 bytes"
