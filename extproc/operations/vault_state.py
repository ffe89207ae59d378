"""What the workers say of their credentials, in a file each: written by them, read by ``extproc vault check``.

The files lie in the run directory, one for each worker, and hold no value: paths, moments and reasons. A worker that is
gone leaves its file behind, so each says when it was written.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog

from extproc.model.credentials import Engine, EntraMint, GoogleMint, Mint, Source
from extproc.model.vault_state import LoginState, SourceState, VaultState

EVERY_S = 5.0
STALE_S = 30.0
"""A file that is older was left behind."""
_NAME = "vault-{index}.json"
_MINTS: dict[str, type[GoogleMint] | type[EntraMint]] = {"google": GoogleMint, "entra": EntraMint}

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerState:
    """What one worker says."""

    index: int
    state: VaultState


def kind_of(source: Source) -> str:
    """How the source is made into a credential, in a word or two."""
    minted = "" if source.mint is None else f" → {_mint_name(source.mint)} token"
    return f"{source.engine.value}{minted}"


def write_state(run_dir: Path, index: int, state: VaultState) -> None:
    """Replace the worker's file, in one step.

    Raises:
        OSError: it cannot be written.
    """
    file = run_dir / _NAME.format(index=index)
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(_plain(state)))
    fresh.chmod(0o600)
    fresh.replace(file)


def read_states(run_dir: Path, now_s: float) -> tuple[WorkerState, ...]:
    """What the workers that are running said last, in their order. Files that are not ours are passed over."""
    found = []
    for file in sorted(run_dir.glob(_NAME.format(index="*"))):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            index = int(file.stem.partition("-")[2])
            state = _state(json.loads(file.read_text()))
            if now_s - state.at_s < STALE_S:
                found.append(WorkerState(index, state))
    return tuple(sorted(found, key=lambda each: each.index))


async def tell_states(run_dir: Path, index: int, state: Callable[[], VaultState]) -> None:
    """Write the worker's file again and again until cancelled. A disk that is full is told once, and harms nothing."""
    is_told = False
    while True:
        try:
            write_state(run_dir, index, state())
        except OSError as error:
            if not is_told:
                _log.warning("vault_state_unwritten", reason=error.strerror)
            is_told = True
        else:
            is_told = False
        await asyncio.sleep(EVERY_S)


def _plain(state: VaultState) -> dict[str, object]:
    return {
        "at_s": state.at_s,
        "out_since_s": state.out_since_s,
        "login": None if state.login is None else asdict(state.login),
        "sources": [{**asdict(each), "source": _plain_source(each.source)} for each in state.sources],
    }


def _plain_source(source: Source) -> dict[str, object]:
    mint = None if source.mint is None else {"name": _mint_name(source.mint), **asdict(source.mint)}
    return {"path": source.path, "engine": source.engine.value, "mint": mint}


def _mint_name(mint: Mint) -> str:
    return next(name for name, kind in _MINTS.items() if isinstance(mint, kind))


def _state(plain: dict[str, object]) -> VaultState:
    login, sources = plain["login"], plain["sources"]
    if not isinstance(sources, list) or not isinstance(login, dict | None):
        raise TypeError
    return VaultState(
        at_s=_number(plain["at_s"]),
        out_since_s=_maybe(plain["out_since_s"]),
        login=None if login is None else LoginState(**{**login, "policies": tuple(login["policies"])}),
        sources=tuple(SourceState(**{**each, "source": _source(each["source"])}) for each in sources),
    )


def _source(plain: dict[str, object]) -> Source:
    mint = plain["mint"]
    how = None
    if isinstance(mint, dict):
        how = _MINTS[str(mint["name"])](str(mint["token_url"]), str(mint["scope"]))
    return Source(str(plain["path"]), Engine(str(plain["engine"])), how)


def _number(value: object) -> float:
    if not isinstance(value, int | float):
        raise TypeError
    return float(value)


def _maybe(value: object) -> float | None:
    return None if value is None else _number(value)
