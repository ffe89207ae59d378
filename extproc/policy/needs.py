"""What a request asks of whoever serves it: room, senses, skills. An estimate for routing, never for billing.

    text     a token for each four bytes of UTF-8, names and schemas of tools included; a number is a token
    media    a fixed amount, or by the size of what is sent along: providers count pixels and seconds, which would
             take decoding

Takes time in proportion to the payload and decodes nothing. Fields of a form that no API has count as text, or not at
all: whether they are right is for others to say.
"""

from collections.abc import Iterable, Iterator

from extproc.model.catalog import Operation
from extproc.model.chat import Json, ModelRequest
from extproc.model.routing import Feature, Modality, Needs

_BYTES_PER_TOKEN = 4
_MESSAGE_TOKENS = 4
"""For the marks around each message (OpenAI cookbook, "How to count tokens with tiktoken", read 2026-11)."""
_IMAGE_TOKENS = 765
"""A square picture of 1024 pixels at high detail (OpenAI guide, "Images and vision", read 2026-11)."""
_AUDIO_CHARACTERS_PER_TOKEN = 2_000
"""Of base64: ten tokens a second, at the 16 kB a second of a good MP3."""
_FILE_CHARACTERS_PER_TOKEN = 100
"""Of base64: a page of a PDF has about 1,000 tokens and 75 kB."""
_FILE_TOKENS = 1_000
"""Of a file or sound that is only named."""

_MEDIA = {
    "image_url": Modality.IMAGE,
    "input_image": Modality.IMAGE,
    "input_audio": Modality.AUDIO,
    "file": Modality.FILE,
    "input_file": Modality.FILE,
}


def read_needs(request: ModelRequest) -> Needs:
    """The needs of a judged request."""
    payload = request.payload
    if request.operation is Operation.EMBEDDINGS:
        return Needs(_text_tokens(payload.get("input")), 0, frozenset({Modality.TEXT}), frozenset())
    tokens = _text_tokens([payload.get("tools"), payload.get("functions"), payload.get("response_format")])
    modalities, features = {Modality.TEXT, *_spoken(payload)}, set(_asked_features(payload))
    for message in _objects(payload.get("messages")):
        tokens += _MESSAGE_TOKENS + _text_tokens([value for name, value in message.items() if name != "content"])
        if message.get("tool_calls") or message.get("role") == "tool":
            features.add(Feature.TOOLS)
        content = message.get("content")
        if not isinstance(content, list):
            tokens += _text_tokens(content)
            continue
        for part in content:
            modality = _modality(part)
            tokens += _text_tokens(part) if modality is None else _media_tokens(part, modality)
            if modality is not None:
                modalities.add(modality)
    return Needs(tokens, _most_output(payload), frozenset(modalities), frozenset(features))


def _text_tokens(value: object) -> int:
    size, stack = 0, [value]
    while stack:
        each = stack.pop()
        if isinstance(each, str):
            # Whether a string is ASCII is known without reading it.
            size += len(each) if each.isascii() else len(each.encode(errors="surrogatepass"))
        elif isinstance(each, dict):
            stack.extend(each)
            stack.extend(each.values())
        elif isinstance(each, list):
            stack.extend(each)
        elif each is not None:
            size += _BYTES_PER_TOKEN
    return -(-size // _BYTES_PER_TOKEN)


def _modality(part: object) -> Modality | None:
    kind = part.get("type") if isinstance(part, dict) else None
    return _MEDIA.get(kind) if isinstance(kind, str) else None


def _media_tokens(part: object, modality: Modality) -> int:
    if modality is Modality.IMAGE:
        return _IMAGE_TOKENS
    per_token = _AUDIO_CHARACTERS_PER_TOKEN if modality is Modality.AUDIO else _FILE_CHARACTERS_PER_TOKEN
    inside = next((value for value in part.values() if isinstance(value, dict)), {}) if isinstance(part, dict) else {}
    data = inside.get("data") if modality is Modality.AUDIO else inside.get("file_data")
    return len(data) // per_token if isinstance(data, str) else _FILE_TOKENS


def _most_output(payload: Json) -> int | None:
    limits = (_count(payload.get(name)) for name in ("max_completion_tokens", "max_tokens"))
    limit = next((each for each in limits if each is not None), None)
    return None if limit is None else limit * (_count(payload.get("n")) or 1)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _asked_features(payload: Json) -> Iterator[Feature]:
    if payload.get("tools") or payload.get("functions"):
        yield Feature.TOOLS
    form = payload.get("response_format")
    if isinstance(form, dict) and form.get("type") == "json_schema":
        yield Feature.JSON_SCHEMA


def _spoken(payload: Json) -> Iterator[Modality]:
    wanted = payload.get("modalities")
    if isinstance(wanted, list) and "audio" in wanted:
        yield Modality.AUDIO


def _objects(value: object) -> Iterable[Json]:
    return (each for each in value if isinstance(each, dict)) if isinstance(value, list) else ()
