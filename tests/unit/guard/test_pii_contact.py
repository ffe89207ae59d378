"""E-mail addresses, phone numbers and IP addresses are told by their form."""

import pytest

from extproc.guard.pii_contact import addresses, emails, phones


def phone(text: str) -> list[str]:
    raw = text.encode()
    return [text[start:end] for start, end, _ in phones(raw, raw.lower())]


@pytest.mark.parametrize("text", ["jo@example.com", "jo.o+tag@mail.example.co.uk", "J_O-1@sub.example.org"])
def test_an_address_is_found_whole(text: str) -> None:
    for sentence in (text, f"<{text}>", f"Write to {text}."):
        assert [sentence[a:b] for a, b in emails(sentence.encode(), sentence)] == [text]


def test_letters_beyond_ascii_belong_to_an_address() -> None:
    text = "an jörg@example.de"
    shadow = b"an j?rg@example.de"
    assert [text[a:b] for a, b in emails(shadow, text)] == ["jörg@example.de"]


@pytest.mark.parametrize("text", ["a@b", "user@localhost", "@handle", "x @ y.z"])
def test_handles_and_hosts_are_no_addresses(text: str) -> None:
    assert list(emails(text.encode(), text)) == []


@pytest.mark.parametrize("text", ["+44 20 7946 0958", "+1 (415) 555-0132", "415-555-0132", "020 7946 0958"])
def test_a_phone_number_is_known_by_its_form(text: str) -> None:
    assert phone(f"it is {text}.") == [text]


def test_a_row_of_digits_needs_a_word() -> None:
    assert phone("my mobile is 98765 43210") == ["98765 43210"]
    assert phone("it is 98765 43210") == []


@pytest.mark.parametrize(
    "text",
    [
        "call on 12/11/2024",
        "9/25/1945",
        "phone 054-28-6917",
        "MA 02110-1301 USA",
        "x1-415-555-0132",
        "1234 020 7946 0958",
        "+1 for it",
    ],
)
def test_dates_identity_numbers_and_pieces_are_no_phone_numbers(text: str) -> None:
    assert phone(text) == []


def test_ip_addresses_of_both_versions_are_found() -> None:
    text = "from 192.0.2.17 and 2001:db8::8a2e:370:7334, not 1.2.3.400 or 1.2.3.4.5"
    assert [text[a:b] for a, b in addresses(text.encode())] == ["192.0.2.17", "2001:db8::8a2e:370:7334"]
