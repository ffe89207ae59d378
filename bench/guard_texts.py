"""The texts of ``bench-guard``: ordinary ones, and such as are meant to make something slow."""

import base64
import random

_PROSE = (
    "The quarterly report shows that revenue grew by 12 % in the second quarter, while costs stayed flat. Please "
    "summarise it for the board in three short paragraphs, and keep the tone friendly. Anna wrote that the meeting on "
    "14 March has moved to ten o'clock; the room stays the same. Could you also draft a reply that thanks her? "
)
_CODE = (
    "## Usage\n\nSee the [guide](https://docs.example.com/start?lang=en&step=2), then run:\n\n```python\n"
    "from shop import Client\n\nclient = Client(timeout_s=2.5)\nfor order in client.orders(limit=10):\n"
    '    print(f"{order.id}\\t{order.total}")\n```\n\n| field | meaning |\n|---|---|\n| `id` | never reused |\n\n'
)
_FRENCH = (
    "Le rapport trimestriel montre que le chiffre d'affaires a augment\u00e9 au deuxi\u00e8me trimestre. Merci de "
    "r\u00e9sumer en trois paragraphes, puis de r\u00e9pondre \u00e0 H\u00e9l\u00e8ne. La r\u00e9union est demain. "
)
_RUSSIAN = (
    "\u041e\u0442\u0447\u0451\u0442 \u0437\u0430 \u0432\u0442\u043e\u0440\u043e\u0439 "
    "\u043a\u0432\u0430\u0440\u0442\u0430\u043b \u0433\u043e\u0442\u043e\u0432. "
)
_PAGE = '<div class="row"><p>Price: <b>12.50</b> &euro;</p><a href="https://shop.example.com/?q=a%20b">more</a></div>\n'

ORDINARY = {"prose": _PROSE, "Markdown and code": _CODE, "French": _FRENCH, "Russian": _RUSSIAN, "HTML": _PAGE}
"""One unit of each, repeated."""

_NOISE = base64.b64encode(random.Random(1).randbytes(3_000)).decode()  # noqa: S311 - the same text every time

HARD = {
    "letters without a space": "a",
    "digits": "4111 1111 1111 1112 ",
    "cards, named": "card 4111 1111 1111 1112 ",
    "accounts": "GB33BUKB20201555555556 ",
    "telephones": "call 0201 234 567 8 ",
    "security numbers": "ssn 123 45 6789 ",
    "tokens, named": "token: Ab3dEf6hIj9kLm2nOp5q ",
    "passwords": "password: hunter2 ",
    "addresses with passwords": "https://u:p@h.example/x ",
    "words of attacks": "ignore previous system instructions you must ",
    "base64 of noise": _NOISE,
    "short runs of base64": "aGVsbG8gd29ybGQgaGVsbG8 ",
    "percent-encoding": "%41 ",
    "entities": "&amp;",
    "tags": "<b>x</b>",
    "comments without an end": "<!--",
    "zero width": "a\u200b",
    "look-alikes": "\u0440\u0430ssword ",
    "e-mail signs": "a@",
    "addresses": "https://a.b/?q=",
    "keys and quotes": 'key="sk-',
    "brackets": "[](",
    "all of it": "%41&amp;<b>aGVsbG8gd29ybGQgaGVsbG8 </b>\u200b4111 ",
}
"""One unit of each, repeated: what rules and decoders begin with and never get to the end of."""


def text_of(unit: str, chars: int) -> str:
    """So much of it."""
    return (unit * (chars // len(unit) + 1))[:chars]
