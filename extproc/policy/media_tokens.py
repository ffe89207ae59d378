"""How many tokens pictures, sound and files are, at most, by each vendor's published rule.

A picture that is sent along is measured by its header; one that is only named counts as the largest there is. Sound and
files count by their size, at the fewest bytes that a second or a page can have. Published in: OpenAI, "Images and
vision" (tiles of 512 pixels; patches of 32) and "Audio"; Anthropic, "Vision" (width times height by 750) and "PDF
support"; Google, "Understand and count tokens" (258 a tile of 768, 32 a second); Mistral, "Vision" (patches of 16);
Amazon, "Image understanding". As they stood in 2025, and not read again since: where in doubt the dearest is assumed.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from struct import unpack

from extproc.policy.tokens import Family

_HEADER_CHARACTERS = 48 * 1024
"""Of base64: where a JPEG says how large it is, behind its colour profile and thumbnail."""
_DATA = re.compile(r"data:[^,]{0,200};base64,")
_LARGEST: Mapping[Family, int] = {
    Family.O200K: 48_169,  # gpt-4o-mini: 2833 + 8 tiles of 5667
    Family.CL100K: 1_445,
    Family.CLAUDE: 4_784,
    Family.GEMINI: 4_128,
    Family.MISTRAL: 4_160,
    Family.OTHER: 6_000,
}
_TILE_MODELS = (("4o-mini", 2833, 5667), ("4o", 85, 170), ("4.1", 85, 170), ("o1", 75, 150), ("o3", 75, 150))
_TILES_AT_MOST = 8
_LARGEST_PATCHED = 12_000
"""OpenAI's newest take ten thousand patches at ``detail: original``, each at 1.2 tokens."""
_FEWEST_BYTES_PER_TOKEN = {"wav": 250, "": 30}
"""8 kHz of one byte, or 1 kB a second of compressed speech, at 32 tokens a second."""
_FILE_BYTES_PER_TOKEN = 2
"""Of a text that is compressed within a PDF; its pages count as pictures beside."""
_LEAST_FILE_TOKENS = 8_000
_NAMED_FILE_TOKENS = 100_000

Size = tuple[int, int]


def image_tokens(family: Family, model: str, url: str, detail: str) -> int:
    """The most that a picture is; ``url`` may hold it, ``detail`` is OpenAI's word for how closely it is looked at."""
    if family is Family.O200K:
        return _openai_image(model, _size_of(url), detail)
    size = _size_of(url)
    if size is None:
        return _LARGEST[family]
    width, height = size
    match family:
        case Family.CLAUDE:
            tokens = width * height // 750 + 1
        case Family.GEMINI:
            tokens = max(2_240, 258 * -(-width // 768) * -(-height // 768))
        case Family.MISTRAL:
            tokens = (-(-width // 16) + 1) * -(-height // 16) + 1
        case _:
            return _LARGEST[family]
    return min(tokens, _LARGEST[family])


def audio_tokens(data: str, form: str) -> int:
    """The most that sound in base64 is."""
    return _bytes_of(data) // _FEWEST_BYTES_PER_TOKEN.get(form, _FEWEST_BYTES_PER_TOKEN[""]) + 1


def file_tokens(data: str | None) -> int:
    """The most that a document in base64 is; None: it is only named."""
    if data is None:
        return _NAMED_FILE_TOKENS
    return max(_LEAST_FILE_TOKENS, _bytes_of(data) // _FILE_BYTES_PER_TOKEN)


def _openai_image(model: str, size: Size | None, detail: str) -> int:
    for name, base, each in _TILE_MODELS:
        if name in model and "4.1-" not in model:
            if detail == "low":
                return base
            return base + each * (_TILES_AT_MOST if size is None else _tiles(size))
    return _LARGEST_PATCHED if detail in {"original", "auto", ""} and size is None else _patches(size)


def _tiles(size: Size) -> int:
    """Of 512 pixels, once the picture fits 2048 squared and its shorter side 768."""
    width, height = size
    scale = min(1.0, 2048 / max(width, height), 768 / min(width, height))
    return min(_TILES_AT_MOST, -(-int(width * scale + 1) // 512) * -(-int(height * scale + 1) // 512))


def _patches(size: Size | None) -> int:
    """Of 32 pixels, at up to 2.46 tokens, OpenAI's highest factor."""
    found = 10_000 if size is None else -(-size[0] // 32) * -(-size[1] // 32)
    return min(_LARGEST_PATCHED, found * 246 // 100 + 1)


def _bytes_of(data: str) -> int:
    head = _DATA.match(data)
    return (len(data) - (head.end() if head else 0)) * 3 // 4


def _size_of(url: str) -> Size | None:
    """Width and height of a picture within a data URL; None where they cannot be told, or cannot be."""
    found = _DATA.match(url)
    if found is None:
        return None
    text = url[found.end() : found.end() + _HEADER_CHARACTERS]
    try:
        head = base64.b64decode(text[: len(text) // 4 * 4], validate=True)
    except (binascii.Error, ValueError):
        return None
    size = _read_size(head)
    return size if size is not None and min(size) > 0 else None


def _read_size(head: bytes) -> Size | None:
    if head[:8] == b"\x89PNG\r\n\x1a\n" and len(head) >= 24:  # noqa: PLR2004 - the end of IHDR's sizes
        width, height = unpack(">II", head[16:24])
        return width, height
    if head[:6] in {b"GIF87a", b"GIF89a"} and len(head) >= 10:  # noqa: PLR2004
        width, height = unpack("<HH", head[6:10])
        return width, height
    if head[:2] == b"\xff\xd8":
        return _jpeg_size(head)
    return None


def _jpeg_size(head: bytes) -> Size | None:
    """From the first frame's header; every segment before it says how long it is (ITU T.81, B.1.1.4)."""
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:  # noqa: PLR2004 - what begins every marker
        marker, length = head[at + 1], int.from_bytes(head[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:  # noqa: PLR2004 - start of frame
            height, width = unpack(">HH", head[at + 5 : at + 9])
            return width, height
        at += 2 + length
    return None
