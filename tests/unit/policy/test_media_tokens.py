import base64
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.policy.media_tokens import audio_tokens, file_tokens, image_tokens
from extproc.policy.tokens import Family

NAMED = "https://pictures.example.com/cat.png"


def url(head: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(head).decode()}"


def png(width: int, height: int) -> str:
    return url(b"\x89PNG\r\n\x1a\n" + pack(">I4sII", 13, b"IHDR", width, height) + b"\x08\x02\x00\x00\x00")


def jpeg(width: int, height: int, before: int = 0) -> str:
    profile = b"\xff\xe2" + pack(">H", before + 2) + b"\x00" * before
    return url(b"\xff\xd8" + profile + b"\xff\xc0" + pack(">HBHH", 17, 8, height, width) + b"\x03" * 12, "jpeg")


@pytest.mark.parametrize(
    ("model", "picture", "detail", "tokens"),
    [
        ("gpt-4o", png(1024, 1024), "high", 765),
        ("gpt-4o", png(1024, 1024), "low", 85),
        ("gpt-4o", png(2048, 4096), "high", 1105),
        ("gpt-4o", NAMED, "high", 85 + 8 * 170),
        ("gpt-4o-mini", png(512, 512), "auto", 2833 + 4 * 5667),
        ("o3", png(512, 512), "high", 75 + 4 * 150),
        ("gpt-6.2-sol", png(1024, 1024), "high", 1024 * 246 // 100 + 1),
        ("gpt-6.2-sol", NAMED, "original", 12_000),
        ("gpt-4.1-mini", png(64, 64), "high", 4 * 246 // 100 + 1),
    ],
)
def test_a_picture_is_as_many_tokens_as_openais_rule_gives_at_most(
    model: str, picture: str, detail: str, tokens: int
) -> None:
    found = image_tokens(Family.O200K, model, picture, detail)
    assert found in range(tokens, 2 * tokens + 1)


@pytest.mark.parametrize(
    ("family", "picture", "tokens"),
    [
        (Family.CLAUDE, png(1000, 750), 1001),
        (Family.CLAUDE, png(9000, 9000), 4784),
        (Family.CLAUDE, NAMED, 4784),
        (Family.GEMINI, png(300, 300), 2240),
        (Family.GEMINI, png(3072, 3072), 4128),
        (Family.MISTRAL, png(160, 160), 11 * 10 + 1),
        (Family.OTHER, png(10, 10), 6000),
    ],
)
def test_a_picture_is_as_many_tokens_as_its_vendors_rule_gives(family: Family, picture: str, tokens: int) -> None:
    assert image_tokens(family, "m", picture, "") == tokens


@pytest.mark.parametrize(
    "picture",
    [png(320, 200), url(b"GIF89a" + pack("<HH", 320, 200)), jpeg(320, 200), jpeg(320, 200, 9000)],
    ids=["png", "gif", "jpeg", "jpeg with a profile"],
)
def test_a_picture_is_measured_by_its_header(picture: str) -> None:
    assert image_tokens(Family.CLAUDE, "m", picture, "") == 320 * 200 // 750 + 1


@pytest.mark.parametrize(
    "picture", ["", "data:image/png;base64,", "data:image/png;base64,!!!!", png(0, 5), url(b"RIFF")]
)
def test_what_cannot_be_measured_is_the_largest(picture: str) -> None:
    assert image_tokens(Family.CLAUDE, "m", picture, "") == 4784


@given(st.binary(max_size=200), st.sampled_from(Family), st.sampled_from(["", "low", "high", "odd"]))
def test_whatever_stands_for_a_picture_costs_something_and_not_too_much(
    head: bytes, family: Family, detail: str
) -> None:
    for start in (b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"GIF89a"):
        assert 0 < image_tokens(family, "gpt-4o", url(start + head), detail) <= 50_000


def test_sound_and_files_count_by_their_size() -> None:
    second_of_wav = base64.b64encode(bytes(16_000)).decode()
    assert audio_tokens(second_of_wav, "wav") >= 32
    assert audio_tokens(second_of_wav, "mp3") > audio_tokens(second_of_wav, "wav")
    assert audio_tokens("", "") == 1
    page = base64.b64encode(bytes(60_000)).decode()
    assert file_tokens(f"data:application/pdf;base64,{page}") == file_tokens(page) == 30_000
    assert file_tokens("") == 8_000
    assert file_tokens(None) == 100_000
