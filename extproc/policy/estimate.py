"""The most a request can use: what is held of every limit before a byte of it leaves.

    estimate(request, deployments, cap)   tokens and money over the whole plan
    clamp(ask, prices, …)                 how many tokens each choice may have so that it fits what is left

Input is everything that a model reads: messages, names, tools, forms, and what vendors put around them. Output is what
the request allows, for all of its choices; where it says nothing, what the deployment's dialect says for it, else
``cap``; never more than the whole context, from which nothing is taken off for input that is counted high. Thoughts are
within the output with every vendor. The deployment that counts most tokens counts for each attempt's, and every attempt
of the plan for budgets, since each may be billed; rates are asked for one. Read next: ``tokens`` and ``media_tokens``
for the counting, ``price`` for the money.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from extproc.model.catalog import Deployment, Operation
from extproc.model.chat import Json, ModelRequest
from extproc.model.limits import Estimate
from extproc.model.money import MicroUsd, Price
from extproc.policy.media_tokens import audio_tokens, file_tokens, image_tokens
from extproc.policy.price import most
from extproc.policy.tokens import Family, Text, family_of, read_text

DEFAULT_CAP_TOKENS = 128_000
"""As much as any current model answers, where neither the request nor the deployment says less."""
_TOKENS_PER_MESSAGE = 8
"""For the marks around each message and call, of whichever vendor."""
_TOKENS_PER_REQUEST = 8
_TOKENS_PER_TOOL = 16
_TOKENS_FOR_TOOLS = {Family.CLAUDE: 700}
"""Anthropic's own prompt about tools ("Tool use", read 2026-11); others have a line."""
_SILENT = frozenset({"type", "cache_control"})
"""Members of a part that no model reads."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What a request holds, before anybody's tokenizer has seen it. Only ``read_ask`` makes one."""

    text: Text
    media: tuple[Json, ...]
    messages: int
    tools: int
    tokens: int
    """Of input that came as tokens already."""
    choices: int
    most_output: int | None
    """For each choice; None: the request does not say."""


def estimate(request: ModelRequest, deployments: Sequence[Deployment], cap: int = DEFAULT_CAP_TOKENS) -> Estimate:
    """The most that one attempt uses of tokens, the whole plan of money, and how many attempts there may be.

    Args:
        request: as it was judged.
        deployments: the plan, in any order.
        cap: tokens of each choice where nothing else says how long it may be.
    """
    return estimate_ask(read_ask(request), request.operation, deployments, cap)


def estimate_ask(
    ask: Ask, operation: Operation, deployments: Sequence[Deployment], cap: int = DEFAULT_CAP_TOKENS
) -> Estimate:
    """The same of a request that was read: here its text is counted, which takes time in proportion to it."""
    if operation is Operation.COUNT_TOKENS:
        return Estimate(0, 0, MicroUsd(0))  # no vendor bills it
    input_tokens = max(most_input(ask, each) for each in deployments)
    output_tokens = 0
    if operation is Operation.CHAT:
        output_tokens = max(most_output(ask, each, cap) for each in deployments)
    money = most(input_tokens, output_tokens, [each.price for each in deployments])
    return Estimate(input_tokens, output_tokens, money, attempts=len(deployments))


def clamp(
    ask: Ask,
    input_tokens: int,
    prices: Sequence[Price | None],
    *,
    micro_usd_left: int | None = None,
    tokens_left: int | None = None,
    cap: int = DEFAULT_CAP_TOKENS,
) -> int | None:
    """The most tokens for each choice with which the worst case is within what is left; None: not one of them fits.

    Args:
        ask: of a request that sets no maximum; one that does is not clamped, and gets its own back or None.
        input_tokens: as estimated.
        prices: of the whole plan.
        micro_usd_left: of the tightest budget; None: there is none.
        tokens_left: of the tightest limit in tokens, for one attempt; None: there is none.
        cap: what would be wanted of each choice.
    """

    def fits(each: int) -> bool:
        output = each * ask.choices
        if tokens_left is not None and input_tokens + output > tokens_left:
            return False
        money = most(input_tokens, output, prices)
        return micro_usd_left is None or (money is not None and money <= micro_usd_left)

    wanted = cap if ask.most_output is None else ask.most_output
    if fits(wanted):
        return wanted
    if ask.most_output is not None or not fits(1):
        return None
    low, high = 1, wanted  # one fits, so many do not; a larger answer never costs less
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def read_ask(request: ModelRequest) -> Ask:
    """What there is to count in a judged request. Cheap: a millisecond or two for a megabyte."""
    payload = request.payload
    if request.operation is Operation.EMBEDDINGS:
        texts, tokens = _embedded(payload.get("input"))
        return Ask(read_text(texts), (), 0, 0, tokens, 1, 0)
    collected = _Collected()
    messages = payload.get("messages")
    for message in messages if isinstance(messages, list) else ():
        collected.add(message)
    tools = [each for name in ("tools", "functions") if isinstance(each := payload.get(name), list)]
    # What shapes an answer is told to the model in some form of text.
    for name in ("tools", "functions", "response_format", "tool_choice", "prediction"):
        if payload.get(name):
            collected.texts.append(json.dumps(payload[name], ensure_ascii=False, separators=(",", ":")))
    limit = next((each for each in map(payload.get, ("max_completion_tokens", "max_tokens")) if _is_count(each)), None)
    choices = payload.get("n")
    return Ask(
        text=read_text(collected.texts),
        media=tuple(collected.media),
        messages=(len(messages) if isinstance(messages, list) else 0) + collected.calls,
        tools=sum(map(len, tools)),
        tokens=0,
        choices=choices if isinstance(choices, int) and _is_count(choices) else 1,
        most_output=limit if isinstance(limit, int) else None,
    )


def most_input(ask: Ask, deployment: Deployment) -> int:
    """The most tokens of input at one deployment."""
    family = family_of(deployment)
    around = _TOKENS_PER_REQUEST + _TOKENS_PER_MESSAGE * ask.messages
    if ask.tools:
        around += _TOKENS_FOR_TOOLS.get(family, _TOKENS_PER_TOOL) + _TOKENS_PER_TOOL * ask.tools
    media = sum(_media_tokens(part, family, deployment.upstream_model) for part in ask.media)
    return ask.text.most_tokens(family) + ask.tokens + around + media


def most_output(ask: Ask, deployment: Deployment, cap: int = DEFAULT_CAP_TOKENS) -> int:
    """The most tokens of output at one deployment, over all choices."""
    own = deployment.options.get("max_tokens")
    wanted = ask.most_output
    if wanted is None:
        # A dialect with this option sends it in place of what the client did not say.
        wanted = int(own) if own is not None and own.isdecimal() else cap
    if deployment.context_tokens is not None:
        wanted = min(wanted, deployment.context_tokens)
    return wanted * ask.choices


@dataclass(slots=True)
class _Collected:
    """What models read of messages."""

    texts: list[str] = field(default_factory=list)
    media: list[Json] = field(default_factory=list)
    calls: int = 0

    def add(self, message: object) -> None:
        if not isinstance(message, dict):
            return
        for name, value in message.items():
            if name == "content" and isinstance(value, list):
                for part in value:
                    self._add_part(part)
            elif name != "role":
                self.texts.extend(_texts(value))
        calls = message.get("tool_calls")
        self.calls += len(calls) if isinstance(calls, list) else 0

    def _add_part(self, part: object) -> None:
        if isinstance(part, dict) and part.get("type") in {"image_url", "input_audio", "file"}:
            self.media.append(part)
        else:
            self.texts.extend(_texts(part))


def _texts(value: object) -> Iterator[str]:
    """Every text within, and numbers as they are written."""
    stack = [value]
    while stack:
        each = stack.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict):
            stack.extend(inner for name, inner in each.items() if name not in _SILENT)
        elif isinstance(each, list):
            stack.extend(each)
        elif each is not None:
            yield str(each)


def _embedded(value: object) -> tuple[Iterable[str], int]:
    """The texts and the tokens of an embedding's input, in each of its forms."""
    if isinstance(value, list):
        numbers = sum(isinstance(each, int) for each in value)
        inner = [each for each in value if isinstance(each, list)]
        return [each for each in value if isinstance(each, str)], numbers + sum(map(len, inner))
    return [value] if isinstance(value, str) else [], 0


def _media_tokens(part: Json, family: Family, model: str) -> int:
    match part.get("type"):
        case "image_url":
            image = part.get("image_url")
            inner = image if isinstance(image, dict) else {"url": image}
            return image_tokens(family, model, _string(inner.get("url")), _string(inner.get("detail")))
        case "input_audio":
            sound = part.get("input_audio")
            inner = sound if isinstance(sound, dict) else {}
            return audio_tokens(_string(inner.get("data")), _string(inner.get("format")))
        case _:
            file = part.get("file")
            data = file.get("file_data") if isinstance(file, dict) else None
            return file_tokens(data if isinstance(data, str) else None)


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
