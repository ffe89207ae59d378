"""That each thing is looked for wherever it must be. ``test_lint`` breaks each rule in a whole configuration."""

from typing import Any

import pytest

from extproc.dataplane.lint_required import _REQUIRED, check_required
from extproc.dataplane.tree import places, snake
from tests.unit.dataplane.samples import built, cluster, http_options, manager


def broken(files: dict[str, Any]) -> list[str]:
    everywhere = [place for name, tree in files.items() for place in places(name, snake(tree))]
    return [f"{violation.path}: {violation.rule}" for violation in check_required(everywhere)]


def test_what_we_render_has_all_of_it() -> None:
    assert broken(built("a", "b", more="listener: {hosts: [a.example]}")) == []


@pytest.mark.parametrize("index", range(len(_REQUIRED)), ids=lambda index: _REQUIRED[index].__name__.strip("_"))
def test_each_rule_finds_what_is_missing_by_itself_and_nothing_where_there_is_nothing(index: int) -> None:
    assert list(_REQUIRED[index]([])) == []
    files = built()
    files["bootstrap.json"]["layered_runtime"] = {}
    cluster(files, "extproc").pop("lb_policy")
    cluster(files, "deployment.a")["load_assignment"] = {}
    cluster(files, "deny")["load_assignment"] = {"endpoints": []}
    manager(files)["http_filters"] = []
    files["lds.json"]["resources"][0].pop("per_connection_buffer_limit_bytes")
    for each in files["rds.json"]["resources"][0]["virtual_hosts"][0]["routes"]:
        if "route" in each:
            each["route"].pop("timeout")
    everywhere = [place for name, tree in files.items() for place in places(name, snake(tree))]
    assert list(_REQUIRED[index](everywhere))


def test_each_deployment_is_judged_and_the_one_that_lacks_something_is_named() -> None:
    files = built("a", "b")
    http_options(cluster(files, "deployment.b"))["http_filters"].reverse()
    (violation,) = broken(files)
    assert violation.startswith("cds.json.resources[4]: ")
    assert files["cds.json"]["resources"][4]["name"] == "deployment.b"


def test_both_of_the_workers_clusters_are_judged() -> None:
    files = built()
    for name in ("extproc", "extproc_journal"):
        cluster(files, name).pop("common_lb_config")
    assert len(broken(files)) == 2


def test_protobufs_other_spelling_is_the_same_thing() -> None:
    files = built()
    found = cluster(files, "extproc")
    found["lbPolicy"] = found.pop("lb_policy")
    found["perConnectionBufferLimitBytes"] = found.pop("per_connection_buffer_limit_bytes")
    assert broken(files) == []
