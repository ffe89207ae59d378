from extproc.model.ids import OrganisationId, ProjectId, TeamId
from extproc.model.keys import KeyFilter, describe_project


def test_a_project_is_named_from_the_outside_in() -> None:
    assert describe_project(OrganisationId("acme"), TeamId("search"), ProjectId("ranking")) == "acme/search/ranking"


def test_a_filter_that_says_nothing_narrows_nothing() -> None:
    assert {getattr(KeyFilter(), name) for name in KeyFilter.__dataclass_fields__} == {None}
