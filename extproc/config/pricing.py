"""Each deployment's price, and what to say of it: gateway.yaml's own word, then the site's file, then our table.

A deployment without a price is not free: a budget in money that is hard refuses it. One in our own network is told to
cost nothing with ``price: {input_per_million_usd: 0}``. Read ``prices`` for the tables.
"""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

from extproc.config.address import AddressInvalid, parse_address
from extproc.config.document import Document, Tree
from extproc.config.prices import Place, PriceTable, Pricing, built_in_prices, place_of, read_prices
from extproc.config.problems import Problem
from extproc.config.routing import entries
from extproc.config.schema import DeploymentSection, PriceSection
from extproc.model.ids import DeploymentName
from extproc.model.money import NANO_PER_USD, Price

_WARN_AHEAD = timedelta(days=60)
_OWN = "gateway.yaml"


def load_prices(document: Document) -> PriceTable:
    """The site's table before ours; what is wrong with the site's is reported to the document."""
    root = document.tree if isinstance(document.tree, dict) else {}
    path = root.get("price_file")
    if not isinstance(path, str) or not path.startswith("/"):
        return built_in_prices()  # the schema tells what is wrong with anything else
    place = ("price_file",)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        problem = f"it cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}"
        document.report(place, problem, "Write it, or remove price_file.")
        return built_in_prices()
    table, found = read_prices(text, Path(path).name, built_in_prices())
    for each in found.problems:
        where = each.path + ("" if each.line is None else f" (line {each.line})")
        document.report(place, f"in it, {where or 'the file'}: {each.message}", each.fix)
    return table


def listed_deployments(root: Mapping[str, Tree], table: PriceTable, today: date) -> frozenset[str]:
    """The names of deployments that a table has a price for, whatever else may be wrong with the file.

    Empty where no group asks for the cheapest: nobody else wants to know, and a large file has a thousand of them.
    """
    if not any(group.get("strategy") == "cost" for _, group in entries(dict(root), "groups")):
        return frozenset()
    found = set()
    for _, entry in entries(dict(root), "deployments"):
        name, model, url = entry.get("name"), entry.get("upstream_model"), entry.get("base_url")
        dialect = entry.get("dialect", "openai")
        if not (isinstance(name, str) and isinstance(model, str) and isinstance(url, str) and isinstance(dialect, str)):
            continue
        if table.find(_place(dialect, url, model), today) is not None:
            found.add(name)
    return frozenset(found)


def price_deployments(
    sections: Iterable[DeploymentSection], table: PriceTable, today: date
) -> Mapping[DeploymentName, Pricing]:
    """The price of every deployment that has one."""
    found: dict[DeploymentName, Pricing] = {}
    for section in sections:
        place = _place(section.dialect, section.base_url, section.upstream_model)
        pricing = table.find(place, today) if section.price is None else Pricing(_own_price(section.price), _OWN)
        if pricing is not None:
            found[DeploymentName(section.name)] = pricing
    return MappingProxyType(found)


def warn_of_prices(
    names: Iterable[DeploymentName], pricings: Mapping[DeploymentName, Pricing], today: date
) -> tuple[Problem, ...]:
    """What whoever relies on budgets in money should know: prices that are missing, unchecked, or about to change."""
    found: list[Problem] = []
    for index, name in enumerate(names):
        path, pricing = f"deployments[{index}].price", pricings.get(name)
        if pricing is None:
            fix = "Write a price; of a model in your own network, {input_per_million_usd: 0}."
            found.append(Problem(path, f"{name} has no price: hard budgets in money refuse it", fix))
            continue
        if not pricing.is_verified:
            told = f"{name}'s price was not checked with its provider: hard budgets in money count on it"
            found.append(Problem(path, told, f"Compare it with {pricing.source} and write it here."))
        if pricing.until is not None and pricing.until <= today + _WARN_AHEAD:
            told = f"{name}'s price holds until {pricing.until}"
            found.append(Problem(path, told, f"See {pricing.source} for what holds then."))
    return tuple(found)


def _place(dialect: str, url: str, model: str) -> Place | None:
    try:
        return place_of(dialect, parse_address(url), model)
    except AddressInvalid:
        return None


def _own_price(section: PriceSection) -> Price:
    return Price(
        input_nano_usd=_nano(section.input_per_million_usd),
        output_nano_usd=_nano(section.output_per_million_usd),
        cached_input_nano_usd=_maybe_nano(section.cached_input_per_million_usd),
        cache_write_nano_usd=_maybe_nano(section.cache_write_per_million_usd),
        reasoning_nano_usd=_maybe_nano(section.reasoning_per_million_usd),
        audio_input_nano_usd=_maybe_nano(section.audio_input_per_million_usd),
        audio_output_nano_usd=_maybe_nano(section.audio_output_per_million_usd),
        request_nano_usd=int(section.per_request_usd * NANO_PER_USD),
    )


def _nano(per_million_usd: Decimal) -> int:
    """USD per million tokens are thousands of nano-USD per token; the schema allows three decimals."""
    return int(per_million_usd * 1000)


def _maybe_nano(per_million_usd: Decimal | None) -> int | None:
    return None if per_million_usd is None else _nano(per_million_usd)
