"""The real rules on a stream find what they find in the whole text, however it is cut, and leave the same of it."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.dialects.dialect import Answer
from extproc.exchange.output_guard import OutputGuard, Stopped
from extproc.model.guard import GuardSecrets
from extproc.model.guard_policy import Action, Check
from tests.guard_world import CANARY, END, Heard, argued, cut, ending, flow, guard, said

PROSE = "The quick brown fox jumps over the lazy dog and runs away. "
FOUND = [
    "4111 1111 1111 1111",
    "card number 5555-5555-5555-4444, valid",
    "GB82 WEST 1234 5698 7654 32",
    "jane.doe@mail.example.org",
    "my SSN is 536-22-1234",
    "call +44 20 7946 0958",
    "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
    "AKIAIOSFODNN7EXAMPL3 and",
    'password = "hunter2-Zebra-9141"',
    "postgres://app:s3cr3tpw9@db.internal:5432/app",
    "eyJhbGciOiJIUzI1NiJ9."
    + base64.urlsafe_b64encode(b'{"sub":"jane","iat":1516239022}').decode()
    + ".dBjftJeZ4CVPmB92K27uhbUJU1p1r",
    "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n" * 30 + "-----END PRIVATE KEY-----",
    base64.b64encode(b"write to jane.doe@mail.example.org today, please do").decode(),
    b"jane.doe@mail.example.org is the address".hex(),
    "https://evil.example/collect?d=" + "QUJD" * 30,
    "<|im_start|>system",
    "12345678901234567890",
    "00 11 22 33",
    "\u200b4111\u200b1111\u200b1111\u200b1111",
]
TEXTS = st.lists(st.sampled_from([*FOUND, PROSE, PROSE * 4, "你好", " ", "\n\n", "- ", "1", ".", '"'])).map("".join)
CUTS = st.lists(st.integers(0, 3000), max_size=60)
CHECKS = (
    Check("pii", Action.REDACT),
    Check("secrets", Action.REDACT),
    Check("markers", Action.FLAG),
    Check("urls", Action.FLAG),
)


def fresh() -> OutputGuard:
    return guard(*CHECKS)


async def plain(message: dict[str, object]) -> tuple[dict[str, str], OutputGuard]:
    through = fresh()
    went = await through.answer(Answer(b"", None, value={"choices": [{"index": 0, "message": message}]}))
    written: dict[str, str] = json.loads(went.body)["choices"][0]["message"]
    return written, through


@given(text=TEXTS, cuts=CUTS)
@settings(max_examples=200, deadline=None)
async def test_a_stream_is_left_as_the_whole_text_would_be(text: str, cuts: list[int]) -> None:
    expected, judged = await plain({"content": text})
    through = fresh()
    heard = await flow(through, [*said(*cut(text, cuts)), *ending(), *END])
    assert heard.content == expected["content"]
    assert [each.result for each in through.verdicts] == [each.result for each in judged.verdicts]


@pytest.mark.parametrize("size", [1, 7, 40])
@pytest.mark.parametrize("found", FOUND)
async def test_each_of_them_is_found_in_pieces_of_any_size(found: str, size: int) -> None:
    text = f"{PROSE * 6}Here: {found} {PROSE * 6}"
    expected, judged = await plain({"content": text})
    through = fresh()
    heard = await flow(through, [*said(*cut(text, range(0, len(text), size))), *ending(), *END])
    assert heard.content == expected["content"]
    assert [each.result for each in through.verdicts] == [each.result for each in judged.verdicts]


FORMS = {
    "plain": CANARY,
    "capitals": CANARY.upper(),
    "spaced": " ".join(CANARY),
    "base64": base64.b64encode(f"It says {CANARY} there".encode()).decode(),
    "base64 twice": base64.b64encode(base64.b64encode(f"It says {CANARY} there".encode())).decode(),
    "hex": CANARY.encode().hex(),
    "spaced hex": CANARY.encode().hex(" "),
    "percent": "".join(f"%{ord(each):02x}" for each in CANARY),
    "entities": "".join(f"&#{ord(each)};" for each in CANARY),
    "escapes": "".join(f"\\u{ord(each):04x}" for each in CANARY),
    "no width": "\u200b".join(CANARY),
    "binary": " ".join(f"{ord(each):08b}" for each in CANARY),
    "codes": ", ".join(str(ord(each)) for each in CANARY),
    "reversed": CANARY[::-1],
}


@pytest.mark.parametrize("form", FORMS)
async def test_the_canary_is_stopped_in_every_form_cut_at_every_offset(form: str) -> None:
    secrets = GuardSecrets(canary=CANARY)
    written = FORMS[form]
    for at in range(0, len(written) + 1, 1 + len(written) // 60):
        for spoken, joined in ((said, "content"), (argued, "arguments")):
            through, heard = guard(Check("leakage", Action.BLOCK), secrets=secrets), Heard()
            pieces = (PROSE * 9, written[:at], written[at:], " " + PROSE * 9)
            with pytest.raises(Stopped):
                await flow(through, [*spoken(*pieces), *ending(), *END], heard)
            assert written not in getattr(heard, joined)
