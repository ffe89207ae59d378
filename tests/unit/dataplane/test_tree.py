import pytest

from extproc.dataplane.tree import Place, child, items, number, places, snake, strings, text, texts

TREE = {"a": [{"b": "x"}, 7, {"c": {"d": "y"}}], "e": "z"}


def test_every_message_is_visited_with_the_path_that_leads_there_outermost_first() -> None:
    assert [place.path for place in places("f.json", TREE)] == [
        "f.json",
        "f.json.a[0]",
        "f.json.a[2]",
        "f.json.a[2].c",
    ]
    assert [place.path for place in places("", TREE)] == ["", "a[0]", "a[2]", "a[2].c"]


def test_every_string_is_found_and_no_key() -> None:
    assert list(texts(TREE)) == ["x", "y", "z"]


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ({"failureModeAllow": True}, {"failure_mode_allow": True}),
        ({"failure_mode_allow": True}, {"failure_mode_allow": True}),
        ({"a": [{"maxRequests2Many": 1}]}, {"a": [{"max_requests2_many": 1}]}),
        ({"envoy.reloadable_features.someThing": 1}, {"envoy.reloadable_features.someThing": 1}),
        ({"a": "someThing"}, {"a": "someThing"}),
    ],
)
def test_two_spellings_of_a_field_become_one_and_values_stay(given: object, plain: object) -> None:
    assert snake(given) == plain  # type: ignore[arg-type]


def test_a_message_knows_its_type_where_it_says_so() -> None:
    assert Place("p", {"@type": "type.googleapis.com/envoy.X"}).type_name == "envoy.X"
    assert Place("p", {}).type_name == ""
    assert Place("p", {"@type": 7}).type_name == ""


def test_a_violation_says_where_and_what() -> None:
    assert str(Place("lds.json.a[0]", {}).breaks("it is wrong")) == "lds.json.a[0]: it is wrong"


def test_a_way_that_ends_early_is_nothing() -> None:
    assert child({"a": {"b": 1}}, "a", "b") == 1
    assert child({"a": {"b": 1}}, "a", "x", "y") is None
    assert child({"a": "text"}, "a", "b") is None
    assert child(None, "a") is None


def test_what_is_of_another_kind_counts_as_empty() -> None:
    assert items([{"a": 1}, 7, "x"]) == [{"a": 1}]
    assert items("text") == items(None) == items({"a": 1}) == []
    assert strings(["a", 7, {}]) == ["a"]
    assert strings("text") == strings(None) == []
    assert (text("a"), text(7), text(None)) == ("a", "", "")
    assert (number(7), number(1.5), number(True), number("7"), number(None)) == (7, 1.5, 0, 0, 0)
