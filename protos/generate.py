"""Regenerate ``extproc/wire/gen`` from the ``.proto`` files beside this script; ``--check`` only compares.

Needs grpcio-tools (extra ``dev``). Its version is pinned, so the same protos always give the same bytes. Messages and
their type stubs only: the doors register their methods by hand, so there are no service stubs to generate.
"""  # noqa: INP001 - a script beside the files it reads

import argparse
import sys
import tempfile
from importlib.resources import as_file, files
from pathlib import Path

from grpc_tools import protoc

PROTOS = Path(__file__).resolve().parent
GENERATED = PROTOS.parent / "extproc" / "wire" / "gen"
_PATTERNS = ("*_pb2.py", "*_pb2.pyi")


def generate(into: Path) -> None:
    """Write the messages of every ``.proto`` below ``PROTOS`` under ``into``.

    Raises:
        SystemExit: protoc refused a file; its own message is on stderr.
    """
    sources = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    with as_file(files("grpc_tools") / "_proto") as well_known:
        status = protoc.main(
            ["protoc", f"-I{PROTOS}", f"-I{well_known}", f"--python_out={into}", f"--pyi_out={into}", *sources]
        )
    if status != 0:
        raise SystemExit(f"protoc failed with status {status}")


def read_tree(root: Path) -> dict[str, bytes]:
    """The generated files below ``root``, by relative path; hand-kept ``__init__.py`` files are not among them."""
    return {str(path.relative_to(root)): path.read_bytes() for pattern in _PATTERNS for path in root.rglob(pattern)}


def find_differences(fresh: dict[str, bytes], checked_in: dict[str, bytes]) -> list[str]:
    """One line per file that is missing, stale or left over; empty when the checked-in code is current."""
    lines = []
    for name in sorted(fresh.keys() | checked_in.keys()):
        if name not in checked_in:
            lines.append(f"missing: {name}")
        elif name not in fresh:
            lines.append(f"left over, its .proto is gone: {name}")
        elif fresh[name] != checked_in[name]:
            lines.append(f"stale: {name}")
    return lines


def main(arguments: list[str]) -> int:
    """Regenerate, or with ``--check`` say what regenerating would change. Gives the exit code."""
    parser = argparse.ArgumentParser(description="Regenerate extproc/wire/gen from protos/.")
    parser.add_argument("--check", action="store_true", help="change nothing; fail if the checked-in code differs")
    is_check = parser.parse_args(arguments).check

    with tempfile.TemporaryDirectory() as scratch:
        generate(Path(scratch))
        fresh = read_tree(Path(scratch))
    checked_in = read_tree(GENERATED)
    differences = find_differences(fresh, checked_in)
    if is_check:
        if differences:
            report = "\n".join(f"  {line}" for line in differences)
            sys.stderr.write(f"extproc/wire/gen does not match protos/; run `make protos`:\n{report}\n")
        return 1 if differences else 0

    for name in checked_in.keys() - fresh.keys():
        (GENERATED / name).unlink()
    for name, content in fresh.items():
        target = GENERATED / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
