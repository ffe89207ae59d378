"""Which price a deployment gets, and what is said of it."""

from datetime import date
from pathlib import Path

import pytest

from extproc.config.gateway import Gateway, GatewayInvalid, parse
from extproc.config.pricing import warn_of_prices
from extproc.model.ids import DeploymentName
from extproc.model.money import Price
from tests.unit.config.test_prices import ENTRY

TODAY = date(2026, 11, 23)
KEY = "credential: {path: p/x, field: key}"


def gateway(*, price: str = "", model: str = "gpt-6.2-sol", more: str = "", today: date = TODAY) -> Gateway:
    own = f", price: {price}" if price else ""
    return parse(
        f"""
{more}
deployments:
  - {{name: a, base_url: "https://api.openai.com/v1", upstream_model: {model}, {KEY}{own}}}
  - {{name: b, base_url: "http://10.0.0.1/v1", upstream_model: {model}}}
models: [{{name: m, deployments: [a, b]}}]
""",
        "test",
        today,
    )


def price_of(name: str, found: Gateway) -> Price | None:
    return found.catalog.deployments[DeploymentName(name)].price


def test_a_deployment_without_a_price_has_its_providers() -> None:
    price = price_of("a", gateway())
    assert price is not None
    assert price.input_nano_usd == 2000


def test_a_model_in_our_own_network_has_no_price_until_it_is_given_one() -> None:
    assert price_of("b", gateway()) is None
    assert DeploymentName("b") not in gateway().pricings


def test_a_price_of_its_own_wins_with_every_kind() -> None:
    found = gateway(
        price="{input_per_million_usd: 0.25, output_per_million_usd: 2, cached_input_per_million_usd: 0.025, "
        "cache_write_per_million_usd: 0.3, reasoning_per_million_usd: 3, audio_input_per_million_usd: 4, "
        "audio_output_per_million_usd: 5, per_request_usd: 0.005}"
    )
    assert price_of("a", found) == Price(250, 2000, 25, 300, 3000, 4000, 5000, 5_000_000)
    assert found.pricings[DeploymentName("a")].origin == "gateway.yaml"
    assert price_of("a", gateway(price="{input_per_million_usd: 0}")) == Price(0, 0)


@pytest.mark.parametrize("number", ["0.0005", "-1", "NaN", ".inf", "1e400", '"x"', "100001"])
@pytest.mark.parametrize("kind", ["input", "cached_input", "audio_output"])
def test_a_price_that_no_counter_can_hold_is_refused(kind: str, number: str) -> None:
    first = "" if kind == "input" else "input_per_million_usd: 1, "
    with pytest.raises(GatewayInvalid) as raised:
        gateway(price=f"{{{first}{kind}_per_million_usd: {number}}}")
    assert [problem.path for problem in raised.value.problems] == [f"deployments[0].price.{kind}_per_million_usd"]


def test_a_fee_for_each_request_is_told_to_the_nano_dollar() -> None:
    assert price_of("a", gateway(price="{input_per_million_usd: 0, per_request_usd: 0.000000001}")) == Price(
        0, 0, request_nano_usd=1
    )
    with pytest.raises(GatewayInvalid):
        gateway(price="{input_per_million_usd: 0, per_request_usd: 0.0000000001}")


def test_a_sites_own_table_comes_before_ours(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(f'version: "site"\nprices:{ENTRY.replace("gpt-x, ", "gpt-6.2-sol, ")}')
    found = gateway(more=f"price_file: {file}")
    pricing = found.pricings[DeploymentName("a")]
    assert (pricing.origin, pricing.version, pricing.price.input_nano_usd) == ("site.yaml", "site", 1000)
    assert found.price_file == str(file)
    assert price_of("a", gateway(more=f"price_file: {file}", model="gpt-5")) == price_of("a", gateway(model="gpt-5"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read"),
        (b"\xff", "not UTF-8"),
        (b'version: "1"\nprices: [{vendor: x}]\n', "prices[0].models"),
        (b"version: [", "not valid YAML"),
    ],
)
def test_what_is_wrong_with_a_sites_table_is_told_with_the_rest(tmp_path: Path, text: bytes | None, words: str) -> None:
    file = tmp_path / "site.yaml"
    if text is not None:
        file.write_bytes(text)
    with pytest.raises(GatewayInvalid) as raised:
        gateway(more=f"workers: 0\nprice_file: {file}")
    problems = raised.value.problems
    assert {"workers", "price_file"} == {problem.path for problem in problems}
    assert any(words in problem.message for problem in problems)


def test_a_new_price_is_a_new_catalog() -> None:
    before, after = date(2026, 12, 31), date(2027, 1, 1)
    text = """
deployments:
  - {name: g, dialect: vertex, options: {project: p, location: global}, upstream_model: gemini-3.8-flash,
     base_url: "https://aiplatform.googleapis.com/v1", credential: {path: p/x, google: {}}}
models: [{name: m, deployments: [g]}]
"""
    old, new = parse(text, "test", before), parse(text, "test", after)
    assert old.catalog.version != new.catalog.version == parse(text, "test", after).catalog.version


def test_the_strategy_cost_takes_a_price_from_a_table() -> None:
    group = "groups: [{name: g, strategy: cost, members: [{deployment: a}]}]"
    assert price_of("a", gateway(more=group)) is not None
    with pytest.raises(GatewayInvalid) as raised:
        gateway(more=group, model="of-nobody")
    assert [problem.message for problem in raised.value.problems] == ["the strategy cost needs its price"]


def test_prices_that_are_missing_unchecked_or_about_to_change_are_told() -> None:
    def told(found: Gateway, today: date = TODAY) -> list[str]:
        return [problem.message for problem in warn_of_prices(found.catalog.deployments, found.pricings, today)]

    assert told(gateway(price="{input_per_million_usd: 0}")) == ["b has no price: hard budgets in money refuse it"]
    assert len(told(gateway())) == 1
    assert any("not checked" in message for message in told(gateway(model="gpt-5")))
    assert not any("holds until" in message for message in told(gateway(model="gpt-5")))
