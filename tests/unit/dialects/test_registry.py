import pytest

from extproc.dialects.registry import DIALECTS
from extproc.model import dialects as facts


def test_every_dialect_that_gateway_yaml_may_name_can_be_spoken_and_no_other() -> None:
    assert set(DIALECTS) == set(facts.DIALECTS)


@pytest.mark.parametrize("name", DIALECTS)
def test_a_dialect_knows_the_content_type_of_its_streams(name: str) -> None:
    media = DIALECTS[name].stream_media
    assert media == media.lower()
    assert ";" not in media
    assert media.count("/") == 1


@pytest.mark.parametrize("name", DIALECTS)
def test_two_streams_of_a_dialect_share_nothing(name: str) -> None:
    assert DIALECTS[name].open_stream() is not DIALECTS[name].open_stream()
