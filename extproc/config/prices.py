"""What each deployment costs: its own ``price``, else the site's price file, else the table that comes with us.

    read_prices(text, origin)         a table, from YAML like ``prices.yaml``
    PriceTable.find(place, today)     what holds on a day for a model at a vendor
    place_of(dialect, address, model) whose price list a deployment is on; None: nobody's that we know

A price list belongs to an address: a server in our own network, a proxy or another cloud that speaks OpenAI's dialect
is not OpenAI. ``prices.yaml`` says what is in the table and how sure it is; docs/prices.md how to say it better.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from extproc.config.address import ProviderAddress
from extproc.config.complaints import complain
from extproc.config.document import Document, read
from extproc.model.money import Price

_BUILT_IN = Path(__file__).with_name("prices.yaml")
# Nano-USD per token: a dollar a token at most, which also keeps every product far from what Redis can count.
NanoUsd = Annotated[int, Field(ge=0, le=1_000_000_000, description="a whole number of nano-USD per token")]
MaybeNanoUsd = Annotated[NanoUsd | None, Field(description="a whole number of nano-USD per token")]
Day = Annotated[date | None, Field(strict=False, description="a day, such as 2027-01-01")]
Word = Annotated[str, Field(pattern=r"^[!-~]{1,300}$", description="a text without spaces")]

_HOSTS = {
    ("openai", "api.openai.com"): "openai",
    ("openai", "api.mistral.ai"): "mistral",
    ("openai", "generativelanguage.googleapis.com"): "google",
    ("anthropic", "api.anthropic.com"): "anthropic",
}
_VERTEX = re.compile(r"((?P<region>[a-z0-9-]+)-)?aiplatform\.((?P<multi>[a-z]+)\.rep\.)?googleapis\.com")
_BEDROCK = re.compile(r"bedrock-runtime(-fips)?\.[a-z0-9-]+\.amazonaws\.com")
_BEDROCK_MODEL = re.compile(r"((?P<reach>[a-z]{2,6}(-[a-z]+)?)\.)?(?P<maker>anthropic|amazon)\.(?P<model>.+)")
_BEDROCK_VERSION = re.compile(r"-v\d+(:\d+)?$")


@dataclass(frozen=True, slots=True)
class Place:
    """On whose price list a model is, by which name."""

    vendor: str
    model: str
    is_regional: bool = False
    """Whether it is kept within a region, for which some vendors take more."""
    is_resold: bool = False
    """Whether another than its maker sells it, at what are usually the maker's prices."""


@dataclass(frozen=True, slots=True)
class Pricing:
    """One deployment's price, and where it comes from."""

    price: Price
    origin: str
    """``gateway.yaml``, the site's file, or ``prices.yaml``."""
    version: str = ""
    """Of the table; empty: from gateway.yaml."""
    source: str = ""
    """The page that says so."""
    read_on: date | None = None
    until: date | None = None
    """The first day on which another price holds."""
    is_verified: bool = True
    """Whether somebody read it in the provider's own words; what a site writes itself is taken as such."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)


class KindsSection(_Section):
    """Nano-USD per token of each kind."""

    input: NanoUsd
    output: NanoUsd
    cached_input: MaybeNanoUsd = None
    cache_write: MaybeNanoUsd = None
    reasoning: MaybeNanoUsd = None
    audio_input: MaybeNanoUsd = None
    audio_output: MaybeNanoUsd = None

    def to_price(self, percent: int, request_nano_usd: int = 0) -> Price:
        """The same as a price, so many percent of it, rounded up."""
        return Price(
            input_nano_usd=_part(self.input, percent),
            output_nano_usd=_part(self.output, percent),
            cached_input_nano_usd=_maybe_part(self.cached_input, percent),
            cache_write_nano_usd=_maybe_part(self.cache_write, percent),
            reasoning_nano_usd=_maybe_part(self.reasoning, percent),
            audio_input_nano_usd=_maybe_part(self.audio_input, percent),
            audio_output_nano_usd=_maybe_part(self.audio_output, percent),
            request_nano_usd=request_nano_usd,
        )


class LongSection(KindsSection):
    """What all of a long request costs."""

    above_tokens: Annotated[int, Field(ge=1, le=100_000_000, description="a number of tokens of input")]


class EntrySection(_Section):
    """One price of a vendor, for models by name or pattern."""

    vendor: Word
    models: Annotated[list[Word], Field(min_length=1, description="a list of names; * stands for anything")]
    nano_usd: KindsSection
    request_nano_usd: Annotated[int, Field(ge=0, le=10**12, description="nano-USD for each request")] = 0
    long: Annotated[LongSection | None, Field(description="above_tokens, and nano-USD as in nano_usd")] = None
    regional_percent: Annotated[int, Field(ge=100, le=1000, description="percent, such as 110")] = 100
    first_day: Annotated[Day, Field(alias="from")] = None
    until: Day = None
    source: Word
    read: Annotated[date, Field(strict=False, description="the day it was read on, such as 2026-11-23")]
    is_verified: Annotated[bool, Field(description="true or false")]
    note: Annotated[str, Field(max_length=300, description="a remark")] = ""

    @model_validator(mode="after")
    def _long_is_dearer(self) -> "EntrySection":
        if self.long is not None:
            for kind in KindsSection.model_fields:
                short, long = getattr(self.nano_usd, kind), getattr(self.long, kind)
                if (short is None) is not (long is None) or (short is not None and long < short):
                    raise ValueError(f"long.{kind} is less than nano_usd.{kind}, or only one of them is there")
        return self


class TableSection(_Section):
    """A whole file of prices."""

    version: Annotated[str, Field(pattern=r"^[!-~]{1,60}$", description='a name in quotes, such as "2026-11-23"')]
    prices: Annotated[list[EntrySection], Field(max_length=5000, description="a list")]


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Prices of one file, and of the one that is asked where it says nothing."""

    origin: str
    version: str
    entries: tuple[EntrySection, ...] = ()
    otherwise: "PriceTable | None" = None

    def find(self, place: Place | None, today: date) -> Pricing | None:
        """The price that holds on a day; None: unpriced."""
        if place is None:
            return None
        for entry in self.entries:
            if entry.vendor == place.vendor and _holds(entry, today) and _names(entry.models, place.model):
                return self._pricing(entry, place)
        return None if self.otherwise is None else self.otherwise.find(place, today)

    def _pricing(self, entry: EntrySection, place: Place) -> Pricing:
        percent = entry.regional_percent if place.is_regional else 100
        price = entry.nano_usd.to_price(percent, entry.request_nano_usd)
        if entry.long is not None:
            above, long = entry.long.above_tokens, entry.long.to_price(percent, entry.request_nano_usd)
            price = replace(price, long_above_tokens=above, long=long)
        # What is the maker's word is not the reseller's, and a surcharge is a rule of thumb.
        is_verified = entry.is_verified and not place.is_resold and percent == 100  # noqa: PLR2004
        return Pricing(price, self.origin, self.version, entry.source, entry.read, entry.until, is_verified)


def place_of(dialect: str, address: ProviderAddress, model: str) -> Place | None:
    """On whose price list a deployment is, as far as its address tells."""
    vendor = _HOSTS.get((dialect, address.host))
    if vendor is not None:
        return Place(vendor, model)
    if dialect in {"vertex", "vertex-anthropic"} and (found := _VERTEX.fullmatch(address.host)):
        is_regional = found["region"] is not None or found["multi"] is not None
        vendor = "google" if dialect == "vertex" else "anthropic"
        return Place(vendor, model, is_regional, is_resold=vendor == "anthropic")
    if dialect == "bedrock" and _BEDROCK.fullmatch(address.host) and (found := _BEDROCK_MODEL.fullmatch(model)):
        name = _BEDROCK_VERSION.sub("", found["model"])
        return Place(found["maker"], name, found["reach"] != "global", is_resold=found["maker"] == "anthropic")
    return None


def read_prices(text: str, origin: str, otherwise: PriceTable | None = None) -> tuple[PriceTable, Document]:
    """A table; what is wrong with it is in the document, and the table is then only ``otherwise``."""
    document = read(text)
    section = complain(TableSection, document)
    if section is None or document.problems:
        return otherwise or PriceTable(origin, ""), document
    return PriceTable(origin, section.version, tuple(section.prices), otherwise), document


@cache
def built_in_prices() -> PriceTable:
    """The table that comes with us."""
    table, document = read_prices(_BUILT_IN.read_text(encoding="utf-8"), _BUILT_IN.name)
    if document.problems:
        raise AssertionError(document.problems)
    return table


def _holds(entry: EntrySection, today: date) -> bool:
    return (entry.first_day is None or entry.first_day <= today) and (entry.until is None or today < entry.until)


def _names(patterns: Iterable[str], model: str) -> bool:
    return any(fnmatchcase(model, pattern) for pattern in patterns)


def _part(nano_usd: int, percent: int) -> int:
    return -(-nano_usd * percent // 100)


def _maybe_part(nano_usd: int | None, percent: int) -> int | None:
    return None if nano_usd is None else _part(nano_usd, percent)
