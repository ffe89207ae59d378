import json

from hypothesis import given
from hypothesis import strategies as st

from extproc.guard.json_state import JsonState
from extproc.guard.json_stretches import scalars

VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, st.booleans(), st.integers(0, 200))
def test_the_rest_of_a_text_reads_alike_behind_its_opening(value: object, is_ascii: bool, cut: int) -> None:
    text = json.dumps(value, ensure_ascii=is_ascii)
    cut = min(cut, len(text))
    state = JsonState().after(text[:cut])
    shift = cut - len(state.opening)
    rest = [(max(each.start + shift, cut), each.end + shift) for each in scalars(state.opening + text[cut:])]
    whole = [(max(each.start, cut), each.end) for each in scalars(text) if each.end >= cut]
    assert [each for each in rest if each[0] < each[1]] == [each for each in whole if each[0] < each[1]]


@given(VALUES, st.lists(st.integers(0, 60), max_size=5))
def test_pieces_lead_to_where_the_whole_leads(value: object, cuts: list[int]) -> None:
    text = json.dumps(value)
    state, at = JsonState(), 0
    for cut in sorted({min(each, len(text)) for each in cuts}):
        state, at = state.after(text[at:cut]), cut
    assert state.after(text[at:]) == JsonState().after(text)
