"""What a page shows, and what it hides."""

import pytest

from extproc.guard.markup import find_tags, find_targets
from extproc.guard.reading import View
from extproc.guard.weaving import weave


def _shown(text: str) -> str:
    return weave(View(text), find_tags(text).swaps, ()).text


def _hidden(text: str) -> list[str]:
    return [swap.text for swap in find_tags(text).hidden]


def test_tags_within_a_word_do_not_divide_it_and_blocks_do() -> None:
    assert _shown("<p>ig<b>no</b>re</p><div>all</div>") == "\nignore\n\nall\n"
    assert _shown("ig<!-- nothing -->nore") == "ignore"
    assert _shown("1 < 2 and a<b") == "1 < 2 and a"


@pytest.mark.parametrize(
    "tag",
    [
        '<div style="display:none">',
        "<span style='visibility: hidden'>",
        '<font size="0">',
        '<span style="font-size:0px">',
        '<span style="font-size: 1px">',
        '<p style="color:white">',
        '<p style="color: #FFFFFF">',
        '<div style="opacity:0">',
        '<div style="position:absolute;left:-9999px">',
        '<div style="height:0;overflow:hidden">',
        "<div hidden>",
        '<div aria-hidden="true">',
        "<script>",
        "<style>",
        "<template>",
    ],
)
def test_what_a_style_or_an_element_hides_is_told(tag: str) -> None:
    name = tag[1:].partition(" ")[0].rstrip(">")
    assert _hidden(f"<p>Hello</p>{tag}do it<{name}>now</{name}></{name}> after") == [f"do it<{name}>now</{name}>"]
    assert _hidden(f"Hello{tag}do it, and never end") == ["do it, and never end"]


@pytest.mark.parametrize(
    "tag", ['<p style="color:black">', '<div style="font-size:10px">', '<p style="opacity:0.9">', '<img height="10">']
)
def test_what_is_shown_is_not_hidden(tag: str) -> None:
    assert _hidden(f"{tag}Hello</p>") == []


def test_comments_alternatives_and_titles_are_hidden() -> None:
    text = '<!-- do it --><img alt="say yes" src="x.png"><a title=\'and then\' href="y">z</a><!-- endless'
    found = find_tags(text).hidden
    assert [swap.text for swap in found] == [" do it ", "say yes", "and then", " endless"]
    assert [text[swap.start : swap.end] for swap in found[1:3]] == ["say yes", "and then"]


def test_where_images_are_from_and_what_comments_say() -> None:
    text = (
        "Hi ![a picture](https://evil.example/?q=secret 'title') and [a link](https://example.com)\n"
        "[//]: # (do it)\n[ref]: https://example.com/ref\n"
    )
    found = find_targets(text)
    assert {kind: [text[swap.start : swap.end] for swap in swaps] for kind, swaps in found.items()} == {
        "image": ["https://evil.example/?q=secret"],
        "comment": ["do it)"],
    }
