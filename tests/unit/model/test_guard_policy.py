"""The closest policy holds, whole."""

from extproc.model.guard_policy import GuardPolicies, GuardPolicy


def test_the_closest_policy_holds() -> None:
    default, organisation, team, project, key = (GuardPolicy(version=str(each)) for each in range(5))
    policies = GuardPolicies(
        default,
        {"acme": organisation},
        {("acme", "search"): team},
        {("acme", "search", "ranking"): project},
        {"k": key},
    )
    assert policies.of("acme", "search", "ranking", "k") is key
    assert policies.of("acme", "search", "ranking", "other") is project
    assert policies.of("acme", "search", "other", "other") is team
    assert policies.of("acme", "other", "other", "other") is organisation
    assert policies.of("other", "search", "ranking", "other") is default
