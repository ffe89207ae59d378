import pytest

from extproc.config.problems import GatewayInvalid, Problem, spell


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ((), ""),
        (("workers",), "workers"),
        (("models", 0, "name"), "models[0].name"),
        (("models", 0, "deployments", 2), "models[0].deployments[2]"),
        ((3,), "[3]"),
    ],
)
def test_a_place_is_spelt_as_a_person_would_write_it(location: tuple[str | int, ...], text: str) -> None:
    assert spell(location) == text


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (
            Problem("workers", "0 cannot be used here", "Write 1.", 7),
            "workers (line 7): 0 cannot be used here. Write 1.",
        ),
        (Problem("workers", "is required", "Add it."), "workers: is required. Add it."),
        (Problem("", "it is not UTF-8 text", "Save it as UTF-8."), "the file: it is not UTF-8 text. Save it as UTF-8."),
    ],
)
def test_a_problem_says_where_what_and_what_to_do(problem: Problem, text: str) -> None:
    assert str(problem) == text


def test_an_invalid_file_names_itself_and_every_problem_in_order() -> None:
    invalid = GatewayInvalid("gateway.yaml", (Problem("b", "x", "y"), Problem("a", "x", "y")))
    assert str(invalid).splitlines() == ["gateway.yaml has 2 problem(s):", "  b: x. y", "  a: x. y"]
