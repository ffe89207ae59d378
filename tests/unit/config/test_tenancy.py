"""Whose policy is whose; test_guard has what is said of mistakes in a file."""

from extproc.config.document import Document
from extproc.config.tenancy import AssignmentSection, assign, check_default, check_names, check_tenants
from tests.samples import make_key

KEY = make_key()


def test_each_level_is_assigned_its_own() -> None:
    sections = [
        AssignmentSection(policy="a", organisation=KEY.organisation),
        AssignmentSection(policy="b", organisation=KEY.organisation, team=KEY.team),
        AssignmentSection(policy="c", organisation=KEY.organisation, team=KEY.team, project=KEY.project),
        AssignmentSection(policy="d", key=KEY.id),
    ]
    compiled = {"a": 1, "b": 2, "c": 3, "d": 4}
    for count, expected in enumerate((0, 1, 2, 3, 4)):
        assert assign(sections[:count], None, compiled, 0).of_key(KEY) == expected
    assert assign([], "a", compiled, 0).of_key(KEY) == 1


def test_nothing_wrong_is_nothing_said() -> None:
    document = Document()
    names = check_names(document, [(("p", 0), {"name": "a"}), (("p", 1), {})])
    check_default(document, ("x",), {"default": "a"}, names)
    check_tenants(document, [(("t", 0), {"policy": "a", "organisation": "acme"})], names)
    assert (names, document.problems) == (frozenset({"a"}), [])


def test_everything_wrong_is_said_whatever_the_shape() -> None:
    document = Document()
    check_tenants(document, [(("t", 0), {"policy": 1}), (("t", 1), {"policy": "b", "key": 5, "team": 3})], frozenset())
    assert [each.message for each in document.problems] == [
        "it says for nobody",
        "there is no policy 'b'",
        "a key says by itself whose it is",
    ]
