"""Price tables: ours, and what a table may say at all."""

from datetime import date
from fnmatch import fnmatchcase

import pytest

from extproc.config.address import parse_address
from extproc.config.prices import Place, PriceTable, Pricing, built_in_prices, place_of, read_prices
from extproc.model.money import Price

TODAY = date(2026, 11, 23)
ENTRY = """
  - vendor: openai
    models: [gpt-x, "gpt-x-20*"]
    nano_usd: {input: 1000, output: 8000, cached_input: 75}
    long: {above_tokens: 500, input: 2000, output: 12000, cached_input: 150}
    regional_percent: 110
    from: 2026-01-01
    until: 2027-01-01
    source: https://example.com/pricing
    read: 2026-11-01
    is_verified: true
"""
FILE = f'version: "7"\nprices:{ENTRY}'


def table(text: str = FILE) -> PriceTable:
    found, document = read_prices(text, "test.yaml")
    assert document.problems == []
    return found


def found(model: str = "gpt-x", today: date = TODAY, *, is_regional: bool = False) -> Pricing | None:
    return table().find(Place("openai", model, is_regional), today)


def test_a_price_is_found_by_name_and_pattern_with_where_it_comes_from() -> None:
    long = Price(2000, 12000, 150)
    assert found() == Pricing(
        price=Price(1000, 8000, 75, long_above_tokens=500, long=long),
        origin="test.yaml",
        version="7",
        source="https://example.com/pricing",
        read_on=date(2026, 11, 1),
        until=date(2027, 1, 1),
        is_verified=True,
    )
    assert found("gpt-x-2026-05-01") == found()
    assert found("gpt-x-mini") is None
    assert table().find(Place("anthropic", "gpt-x"), TODAY) is None
    assert table().find(None, TODAY) is None


@pytest.mark.parametrize(
    ("today", "is_found"),
    [
        (date(2025, 12, 31), False),
        (date(2026, 1, 1), True),
        (date(2026, 12, 31), True),
        (date(2027, 1, 1), False),
    ],
)
def test_a_price_holds_from_its_first_day_until_another_does(today: date, is_found: bool) -> None:
    assert (found(today=today) is not None) is is_found


def test_a_regional_surcharge_is_rounded_up_and_no_longer_checked() -> None:
    regional = found(is_regional=True)
    assert regional is not None
    assert regional.price == Price(1100, 8800, 83, long_above_tokens=500, long=Price(2200, 13200, 165))
    assert not regional.is_verified


def test_the_first_table_that_says_something_counts() -> None:
    theirs, document = read_prices(FILE.replace("1000", "900"), "theirs.yaml", table())
    assert document.problems == []
    cheap = theirs.find(Place("openai", "gpt-x"), TODAY)
    assert cheap is not None
    assert (cheap.price.input_nano_usd, cheap.origin) == (900, "theirs.yaml")
    empty, _ = read_prices('version: "1"\nprices: []\n', "empty.yaml", table())
    assert empty.find(Place("openai", "gpt-x"), TODAY) == found()


@pytest.mark.parametrize(
    "number", ["-1", "0.5", "1.0", "1e3", "NaN", ".nan", ".inf", '"1000"', "true", "2000000000", "null", "9" * 25]
)
def test_a_price_is_a_whole_number_of_nano_dollars_or_no_price(number: str) -> None:
    _, document = read_prices(FILE.replace("1000", number), "test.yaml", table())
    assert [problem.path for problem in document.problems] == ["prices[0].nano_usd.input"]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (("above_tokens: 500, input: 2000", "above_tokens: 500, input: 999"), "prices[0]"),
        (
            (
                "above_tokens: 500, input: 2000, output: 12000, cached_input: 150",
                "above_tokens: 500, input: 2000, output: 12000",
            ),
            "prices[0]",
        ),
        (("until: 2027-01-01", "until: tomorrow"), "prices[0].until"),
        (("vendor: openai", "vendor: openai\n    vendro: x"), "prices[0].vendro"),
        (('version: "7"', "version: 7"), "version"),
        (("    read: 2026-11-01\n", ""), "prices[0].read"),
        (("regional_percent: 110", "regional_percent: 90"), "prices[0].regional_percent"),
    ],
)
def test_what_a_table_may_not_say_is_told_where_it_stands(change: tuple[str, str], path: str) -> None:
    broken, document = read_prices(FILE.replace(*change), "test.yaml", table())
    assert [problem.path for problem in document.problems] == [path]
    assert all(problem.message and problem.fix and problem.line for problem in document.problems)
    assert broken.find(Place("openai", "gpt-x"), TODAY) == found()


@pytest.mark.parametrize(
    ("dialect", "url", "model", "place"),
    [
        ("openai", "https://api.openai.com/v1", "gpt-5", Place("openai", "gpt-5")),
        ("openai", "https://api.mistral.ai/v1", "mistral-embed", Place("mistral", "mistral-embed")),
        ("openai", "https://generativelanguage.googleapis.com/v1beta/openai", "g", Place("google", "g")),
        ("openai", "https://eu.api.openai.com/v1", "gpt-5", None),
        ("openai", "http://10.0.0.1:8000/v1", "gpt-5", None),
        ("openai", "https://api.openai.com.evil.example/v1", "gpt-5", None),
        ("azure", "https://x.openai.azure.com", "gpt-5", None),
        ("anthropic", "https://api.anthropic.com", "claude-x", Place("anthropic", "claude-x")),
        ("anthropic", "https://proxy.example.com", "claude-x", None),
        ("vertex", "https://aiplatform.googleapis.com/v1", "gemini-x", Place("google", "gemini-x")),
        ("vertex", "https://europe-west4-aiplatform.googleapis.com/v1", "g", Place("google", "g", True)),
        ("vertex-anthropic", "https://aiplatform.googleapis.com/v1", "c", Place("anthropic", "c", False, True)),
        ("vertex-anthropic", "https://us-east5-aiplatform.googleapis.com", "c", Place("anthropic", "c", True, True)),
        ("vertex-anthropic", "https://aiplatform.eu.rep.googleapis.com", "c", Place("anthropic", "c", True, True)),
        ("vertex", "https://googleapis.com/v1", "gemini-x", None),
    ],
)
def test_a_price_list_belongs_to_an_address(dialect: str, url: str, model: str, place: Place | None) -> None:
    assert place_of(dialect, parse_address(url), model) == place


@pytest.mark.parametrize(
    ("model", "place"),
    [
        ("global.anthropic.claude-x-20260101-v1:0", Place("anthropic", "claude-x-20260101", False, True)),
        ("eu.anthropic.claude-x-v1:0", Place("anthropic", "claude-x", True, True)),
        ("us-gov.anthropic.claude-x", Place("anthropic", "claude-x", True, True)),
        ("anthropic.claude-x-v1", Place("anthropic", "claude-x", True, True)),
        ("amazon.nova-pro-v1:0", Place("amazon", "nova-pro", True)),
        ("apac.amazon.nova-lite-v1:0", Place("amazon", "nova-lite", True)),
        ("meta.llama3-70b-instruct-v1:0", None),
        ("arn:aws:bedrock:eu-west-1:1:provisioned-model/x", None),
    ],
)
def test_a_model_on_bedrock_is_its_makers(model: str, place: Place | None) -> None:
    assert place_of("bedrock", parse_address("https://bedrock-runtime.eu-west-1.amazonaws.com"), model) == place
    assert place_of("bedrock", parse_address("https://bedrock.internal"), model) is None


@pytest.mark.parametrize(
    ("vendor", "model", "price"),
    [
        ("openai", "gpt-6.2-sol-2026-11-01", (2000, 10_000, 100, 2500)),
        ("openai", "gpt-4o-mini-2024-07-18", (150, 600, 75, None)),
        ("openai", "gpt-4o-2024-05-13", (5000, 15_000, None, None)),
        ("anthropic", "claude-opus-5-5", (4000, 20_000, 200, 5000)),
        ("anthropic", "claude-sonnet-4-5@20250929", (3000, 15_000, 300, 3750)),
        ("google", "gemini-2.5-pro", (1250, 10_000, 125, None)),
        ("amazon", "nova-micro", (35, 140, 9, None)),
        ("mistral", "mistral-large-2512", (500, 1500, 50, None)),
    ],
)
def test_our_table_has_what_providers_say(vendor: str, model: str, price: tuple[int | None, ...]) -> None:
    pricing = built_in_prices().find(Place(vendor, model), TODAY)
    assert pricing is not None
    costs = pricing.price
    found = (costs.input_nano_usd, costs.output_nano_usd, costs.cached_input_nano_usd, costs.cache_write_nano_usd)
    assert found == price


@pytest.mark.parametrize(("today", "nano_usd"), [(date(2026, 12, 31), 750), (date(2027, 1, 1), 1500)])
def test_a_price_that_was_announced_holds_on_its_day(today: date, nano_usd: int) -> None:
    pricing = built_in_prices().find(Place("google", "gemini-3.8-flash"), today)
    assert pricing is not None
    assert pricing.price.input_nano_usd == nano_usd


def test_every_price_of_ours_can_be_found_and_says_where_it_was_read() -> None:
    entries = built_in_prices().entries
    assert {entry.vendor for entry in entries} == {"openai", "anthropic", "google", "amazon", "mistral"}
    for index, entry in enumerate(entries):
        day = entry.first_day or TODAY if entry.until is None or entry.first_day else date(2026, 1, 1)
        for pattern in entry.models:
            name = pattern.replace("*", "26-01-01")
            first = next(
                each
                for each in entries
                if each.vendor == entry.vendor
                and any(fnmatchcase(name, other) for other in each.models)
                and (each.first_day is None or each.first_day <= day)
                and (each.until is None or day < each.until)
            )
            assert first is entry, f"{index}: {pattern} is priced by {first.models}"
        assert entry.source.startswith("https://")
        assert entry.read <= TODAY
