import pytest

from extproc.dataplane.typed import endpoints, extension, pipe_address, seconds, tcp_address, typed


def test_an_any_names_its_message_before_its_fields() -> None:
    assert typed("envoy.X", a=1) == {"@type": "type.googleapis.com/envoy.X", "a": 1}
    assert extension("name", "envoy.X", a=1) == {"name": "name", "typed_config": typed("envoy.X", a=1)}


@pytest.mark.parametrize(
    ("amount_s", "text"),
    [(0, "0s"), (5, "5s"), (10, "10s"), (100.0, "100s"), (0.25, "0.25s"), (0.0104, "0.01s"), (1e-3, "0.001s")],
)
def test_a_duration_is_in_seconds_to_the_millisecond_and_never_in_scientific_notation(
    amount_s: float, text: str
) -> None:
    assert seconds(amount_s) == text


def test_an_address_is_a_port_or_a_socket() -> None:
    assert tcp_address("::1", 8) == {"socket_address": {"address": "::1", "port_value": 8}}
    assert pipe_address("/s") == {"pipe": {"path": "/s"}}


def test_groups_of_addresses_are_equal_unless_they_are_fallbacks_of_each_other() -> None:
    one, other = tcp_address("10.0.0.1", 1), tcp_address("10.0.0.2", 2)

    def group(address: object, **more: int) -> object:
        return {**more, "lb_endpoints": [{"endpoint": {"address": address}}]}

    assert endpoints("c", [one], [other]) == {"cluster_name": "c", "endpoints": [group(one), group(other)]}
    assert endpoints("c", [one], [other], is_prioritized=True) == {
        "cluster_name": "c",
        "endpoints": [group(one), group(other, priority=1)],
    }
