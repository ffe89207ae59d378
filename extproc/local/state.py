"""What a stack keeps, and where: the state directory, its lock, and the record of what runs now.

The runtime directory is separate and short: a Unix socket's path may not exceed 107 bytes, and a state directory's may.
"""

import fcntl
import json
import os
import secrets
import shutil
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

from extproc.local.problems import AlreadyRunning
from extproc.local.processes import ProcessId
from extproc.model.ids import KeyId
from extproc.model.secret import Secret


@dataclass(frozen=True, slots=True)
class StateDir:
    """The directory that outlives a stack. Mode 0700; the files that hold secrets 0600."""

    root: Path

    @property
    def gateway_yaml(self) -> Path:
        """The policy file a person edits."""
        return self.root / "gateway.yaml"

    @property
    def virtual_key(self) -> Path:
        """The demo key and its id."""
        return self.root / "virtual_key.json"

    @property
    def vault_init(self) -> Path:
        """OpenBao's unseal key and root token. Local convenience: never do this with a vault that matters."""
        return self.root / "openbao.init.json"

    @property
    def vault_role_id(self) -> Path:
        """The workers' AppRole role id."""
        return self.root / "vault_role_id"

    @property
    def vault_secret_id(self) -> Path:
        """The workers' AppRole secret id."""
        return self.root / "vault_secret_id"

    @property
    def settings(self) -> Path:
        """What must stay the same between starts: the model's port and the provider that was added."""
        return self.root / "settings.json"

    @property
    def record(self) -> Path:
        """What runs now; see ``Record``."""
        return self.root / "stack.json"

    @property
    def logs(self) -> Path:
        """One file per part."""
        return self.root / "logs"

    @property
    def envoy(self) -> Path:
        """Envoy's configuration files."""
        return self.root / "envoy"

    def data(self, part: str) -> Path:
        """Where one part keeps its data."""
        return self.root / part

    def create(self) -> None:
        """Make the directory, private, and keep version control out of it."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.logs.mkdir(mode=0o700, exist_ok=True)
        ignore = self.root / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")


@dataclass(frozen=True, slots=True)
class Record:
    """What a running stack says of itself, for ``status``, ``down`` and the next start after a crash."""

    supervisor: ProcessId
    runtime_dir: Path
    base_url: str = ""
    admin_url: str = ""
    is_ready: bool = False
    parts: dict[str, ProcessId] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    """The EXTPROC_ variables that its workers have: addresses and paths, never a secret."""

    def write(self, path: Path) -> None:
        """Replace the record on disk."""
        document = asdict(self) | {"runtime_dir": str(self.runtime_dir)}
        write_private(path, json.dumps(document, indent=1))

    @staticmethod
    def read(path: Path) -> "Record | None":
        """The record on disk; None where there is none or it was cut off by a crash."""
        try:
            document = json.loads(path.read_text())
            return Record(
                supervisor=ProcessId(**document["supervisor"]),
                runtime_dir=Path(document["runtime_dir"]),
                base_url=document["base_url"],
                admin_url=document["admin_url"],
                is_ready=document["is_ready"],
                parts={name: ProcessId(**part) for name, part in document["parts"].items()},
                environment=document["environment"],
            )
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None


class StateLock:
    """The one supervisor's hold on a state directory. The kernel drops it when the process is gone, however it went."""

    def __init__(self, state: StateDir) -> None:
        self._path = state.root / "lock"
        self._file: int | None = None

    def acquire(self) -> None:
        """Take it.

        Raises:
            AlreadyRunning: another process has it.
        """
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise AlreadyRunning(
                f"a stack already runs in {self._path.parent}: stop it with extproc down, or choose another --state-dir"
            ) from None
        self._file = descriptor

    def release(self) -> None:
        """Give it back; nothing happens where it was not held."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def running(state: StateDir) -> Record | None:
    """The record of the stack that runs in this state directory now; None where none does."""
    record = Record.read(state.record)
    return record if record is not None and record.supervisor.is_alive() else None


def remembered_key(file: Path) -> tuple[KeyId, Secret] | None:
    """The demo key that a file remembers, live or not; None where it remembers none."""
    try:
        document = json.loads(file.read_text())
        return KeyId(document["id"]), Secret(document["key"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step; only its owner may read it, from its first byte on."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def make_runtime_dir() -> Path:
    """A new private directory with a path short enough for Unix sockets."""
    parent = tempfile.gettempdir()
    if len(os.fsencode(parent)) > _LONGEST_TEMP_BYTES:
        parent = "/tmp"  # noqa: S108 - mkdtemp makes a private directory in it
    return Path(tempfile.mkdtemp(prefix="extproc-", dir=parent))


_LONGEST_TEMP_BYTES = 60


def remove_runtime_dir(path: Path) -> None:
    """Remove a runtime directory that ``make_runtime_dir`` made; anything else is left alone."""
    if path.name.startswith("extproc-") and path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
