"""Text stays text."""

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from extproc.cli.report_elements import Html, element, joined


class Reader(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text(st.characters(exclude_characters="\0\r")), st.text(st.characters(exclude_characters="\0\r")))
def test_whatever_text_is_it_makes_no_markup_and_reads_back(text: str, attribute: str) -> None:
    found = Reader(element("td", text, class_="name", title=attribute))
    assert found.tags == [("td", {"class": "name", "title": attribute})]
    assert found.text == text


def test_markup_within_markup_is_not_escaped_again() -> None:
    inner = element("b", "a & b")
    assert inner == "<b>a &amp; b</b>"
    assert element("p", inner, "<i>") == "<p><b>a &amp; b</b>&lt;i&gt;</p>"
    assert joined("<", inner) == "&lt;<b>a &amp; b</b>"
    assert isinstance(joined(), Html)


def test_joining_markup_with_text_by_plus_is_text_again() -> None:
    assert not isinstance(element("b") + "<i>", Html)


def test_elements_without_an_end_have_none() -> None:
    assert element("meta", charset="utf-8", http_equiv="x") == '<meta charset="utf-8" http-equiv="x">'
    assert element("rect", x=1) == '<rect x="1"/>'
