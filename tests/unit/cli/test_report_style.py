"""The look of the page: nothing is fetched, paper is light, and the policy allows this style only."""

from base64 import b64encode
from hashlib import sha256

from extproc.cli.report_style import POLICY, STYLE


def test_the_style_fetches_nothing_and_cannot_end_its_element() -> None:
    assert not [word for word in ("url(", "@import", "http", "<", "\n") if word in STYLE]


def test_paper_is_light_whatever_the_screen_is() -> None:
    dark, paper = STYLE.index("prefers-color-scheme:dark"), STYLE.index("@media print")
    assert dark < paper
    assert "--ground:#fff" in STYLE[paper:]


def test_the_policy_allows_this_style_and_no_script() -> None:
    assert b64encode(sha256(STYLE.encode()).digest()).decode() in POLICY
    assert POLICY.startswith("default-src 'none'; ")
    assert "script-src" not in POLICY
    assert "unsafe" not in POLICY


def test_every_brace_is_closed() -> None:
    assert STYLE.count("{") == STYLE.count("}")
