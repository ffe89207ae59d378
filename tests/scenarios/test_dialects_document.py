"""docs/dialects.md says what the dialects do: its tables are made by asking them."""

import re
from pathlib import Path

import pytest

from extproc.model.degradation import DEGRADABLE
from tests.dialect_goldens import GOLDENS
from tests.dialect_matrix import DEGRADABLE_400, REFUSED, REQUESTS, TABLES, request_cell

TEXT = (Path(__file__).parents[2] / "docs" / "dialects.md").read_text()


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_the_document_is_what_the_dialects_say(name: str) -> None:
    lines = TABLES[name]()
    found = TEXT.partition(f"<!-- {name} -->\n\n")[2].partition("\n\n")[0].rstrip("\n")
    assert found == "\n".join(lines), "python -m tests.dialect_matrix prints the tables as they must be"


def test_the_table_tells_what_can_be_left_out_from_what_cannot() -> None:
    assert request_cell("anthropic", REQUESTS["`seed`"]) == DEGRADABLE_400
    assert request_cell("anthropic", REQUESTS["audio"]) == REFUSED
    assert all("seed" in names for names in DEGRADABLE.values())


def test_a_recording_names_a_page() -> None:
    sources = [golden["source"] for goldens in GOLDENS.values() for golden in goldens.values() if "source" in golden]
    assert len(sources) > 15
    assert all(re.match(r"https://[a-z.-]+/", source) for source in sources)
