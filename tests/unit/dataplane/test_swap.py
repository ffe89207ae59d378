"""All at once or not at all, and nothing that is still in use taken away."""

import json
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.dataplane import swap
from extproc.dataplane.render import render
from extproc.dataplane.swap import publish, read_published
from tests.unit.dataplane.samples import TARGET, gateway


def _files(*names: str, more: str = "") -> dict[str, str]:
    return render(gateway(*names, more=more), TARGET)


def _clusters(directory: Path) -> set[str]:
    resources = json.loads((directory / "cds.json").read_text())["resources"]
    names = {cluster["name"] for cluster in resources}
    assert len(names) == len(resources)
    return {name.removeprefix("deployment.") for name in names if name.startswith("deployment.")}


def _generations(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("..gen-*"))


def test_every_file_is_where_envoy_opens_it(tmp_path: Path) -> None:
    files = _files("a")
    published = publish(files, tmp_path / "xds")
    assert published.is_new
    for name, text in files.items():
        path = tmp_path / "xds" / name
        assert path.read_text() == text
        assert path.readlink() == Path("..data", name)
    assert read_published(tmp_path / "xds") == files


def test_the_same_files_are_not_published_again(tmp_path: Path) -> None:
    first = publish(_files("a"), tmp_path)
    second = publish(_files("a"), tmp_path)
    assert (second.is_new, second.generation) == (False, first.generation)
    assert _generations(tmp_path) == [first.generation.name]


def test_a_removed_cluster_stays_for_one_generation(tmp_path: Path) -> None:
    publish(_files("a", "b"), tmp_path)
    published = publish(_files("a"), tmp_path)
    assert published.retained == ("deployment.b",)
    assert _clusters(tmp_path) == {"a", "b"}
    assert publish(_files("a"), tmp_path).retained == ("deployment.b",)
    assert _clusters(tmp_path) == {"a", "b"}  # nothing new was published
    assert publish(_files("a", "c"), tmp_path).retained == ()
    assert _clusters(tmp_path) == {"a", "c"}


def test_a_cluster_that_comes_back_is_the_new_one(tmp_path: Path) -> None:
    publish(_files("a", "b"), tmp_path)
    publish(_files("a"), tmp_path)
    published = publish(_files("a", "b"), tmp_path)
    assert published.retained == ()
    assert read_published(tmp_path) == _files("a", "b")


def test_a_kept_cluster_makes_a_new_version(tmp_path: Path) -> None:
    publish(_files("a", "b"), tmp_path)
    publish(_files("a"), tmp_path)
    rendered = json.loads(_files("a")["cds.json"])["version_info"]
    assert json.loads((tmp_path / "cds.json").read_text())["version_info"] != rendered


def test_a_file_that_is_no_longer_rendered_is_gone(tmp_path: Path) -> None:
    publish(_files("a", more="listener: {tls: {cert_file: /c, key_file: /k}}"), tmp_path)
    assert (tmp_path / "sds.json").exists()
    publish(_files("a"), tmp_path)
    assert not (tmp_path / "sds.json").is_symlink()


def test_two_generations_are_on_disk_and_no_more(tmp_path: Path) -> None:
    for workers in range(1, 6):
        publish(_files("a", more=f"workers: {workers}"), tmp_path)
        assert len(_generations(tmp_path)) <= 2
    assert _generations(tmp_path) == ["..gen-000004", "..gen-000005"]


def test_a_crash_before_the_swap_leaves_the_old_generation_and_is_cleaned_up(tmp_path: Path) -> None:
    publish(_files("a"), tmp_path)
    abandoned = swap._stage(_files("b"), {}, tmp_path)
    (tmp_path / "..data_tmp").symlink_to(abandoned.name)
    assert _clusters(tmp_path) == {"a"}
    publish(_files("a", "c"), tmp_path)
    assert _clusters(tmp_path) == {"a", "c"}
    assert not abandoned.exists()


def test_a_disk_that_fails_half_way_leaves_the_old_generation(tmp_path: Path) -> None:
    publish(_files("a"), tmp_path)
    # A name that cannot be written comes after files that can.
    with pytest.raises(OSError, match="lds"):
        publish({**_files("b"), "missing/lds.json": "{}"}, tmp_path)
    assert read_published(tmp_path) == _files("a")


def test_a_reader_never_sees_a_mixture(tmp_path: Path) -> None:
    """Through one resolved generation all files belong together, whenever they are read."""
    versions = [_files("a", more=f"limits: {{max_body_bytes: {size}}}") for size in (10_000, 20_000)]
    publish(versions[0], tmp_path)
    stop = threading.Event()
    torn: list[str] = []

    def read() -> None:
        while not stop.is_set():
            try:
                seen = read_published(tmp_path)
            except FileNotFoundError:
                continue  # pruned meanwhile: two swaps ago
            if seen not in versions:
                torn.append("torn")

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(60):
        publish(versions[number % 2], tmp_path)
    stop.set()
    reader.join(10)
    assert torn == []


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sets(st.sampled_from("abcd"), min_size=1), min_size=1, max_size=6))
def test_whatever_the_history_a_cluster_is_there_while_wanted_and_one_generation_longer(
    tmp_path_factory: pytest.TempPathFactory, history: list[set[str]]
) -> None:
    directory = tmp_path_factory.mktemp("xds")
    before: set[str] = set()
    for wanted in history:
        publish(_files(*sorted(wanted)), directory)
        if wanted != before:
            assert _clusters(directory) == wanted | before
        before = wanted
