"""The part of the composition root that opens what the cache is made of.

    open_embedder(settings, vault)   text → vector, running until the end of the block
    cache_credentials(settings)      what the vault must keep for it
    open_memory(redis, clock)        Memory and CacheDesk over Redis, with this worker's index

Nothing of numpy, FAISS or a model is imported before something is opened: a gateway without a cache does not pay.
"""

import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import TYPE_CHECKING, assert_never

from redis.asyncio import Redis

from extproc.model.cache_embedders import (
    EmbedderLimits,
    EmbedderSettings,
    EndpointSettings,
    LocalSettings,
    MiniLmSettings,
    SentenceSettings,
)
from extproc.model.catalog import CredentialRef
from extproc.model.refusals import Unavailable
from extproc.model.secret import Secret
from extproc.policy.cache_ports import Embedder
from extproc.policy.ports import Clock, Vault

if TYPE_CHECKING:
    from extproc.adapters.embedder_onnx import Encoder
    from extproc.adapters.redis_cache import CacheCaps, RedisCache

MINILM_THRESHOLD = 0.86
"""Provisional, within the range of known paraphrases (0.78 to 0.94): not calibrated yet."""
_DEPENDENCY = "embedder"


def cache_credentials(settings: EmbedderSettings | None) -> tuple[CredentialRef, ...]:
    """What the vault must keep for the embedder."""
    if isinstance(settings, EndpointSettings) and settings.credential is not None:
        return (settings.credential,)
    return ()


@contextlib.asynccontextmanager
async def open_embedder(settings: EmbedderSettings, vault: Vault) -> AsyncIterator[Embedder]:
    """An embedder that has its model, until the end of the block.

    Raises:
        ValueError: there is no model that can be used, or it has no threshold; the message says why.
        OSError: a model's file cannot be read.
    """
    async with contextlib.AsyncExitStack() as stack:
        match settings:
            case EndpointSettings():
                yield _endpoint(settings, vault, stack)
            case MiniLmSettings() | LocalSettings() | SentenceSettings():
                from extproc.adapters.embedder_onnx import open_batching  # noqa: PLC0415 - see the module

                load, threshold, limits = _local(settings)
                yield await stack.enter_async_context(open_batching(load, threshold, limits))
            case _:
                assert_never(settings)


@contextlib.asynccontextmanager
async def open_memory(redis: Redis, clock: Clock, caps: "CacheCaps | None" = None) -> "AsyncIterator[RedisCache]":
    """What workers remember together, until the end of the block; near answers come once its index is built.

    Args:
        redis: best a client of its own: vectors must not take a connection from those who count money. Not closed.
        clock: for ends.
        caps: how much is kept.
    """
    from extproc.adapters.redis_cache import open_redis_cache  # noqa: PLC0415 - see the module

    async with open_redis_cache(redis, clock, caps) as cache:
        yield cache


def _local(
    settings: MiniLmSettings | LocalSettings | SentenceSettings,
) -> "tuple[Callable[[], Encoder], float, EmbedderLimits]":
    load: Callable[[], Encoder]
    match settings:
        case MiniLmSettings():
            from extproc.adapters.minilm import open_minilm  # noqa: PLC0415 - see the module

            load, threshold = partial(open_minilm, settings.threads), settings.threshold or MINILM_THRESHOLD
        case LocalSettings():
            from extproc.adapters.sentence_model import open_directory  # noqa: PLC0415 - see the module

            load = partial(open_directory, settings.directory, settings.file, settings.most_tokens, settings.threads)
            threshold = _threshold(settings)
        case SentenceSettings():
            from extproc.adapters.embedder_sentence import SentenceTransformersEncoder  # noqa: PLC0415 - see the module

            load = partial(SentenceTransformersEncoder, settings.directory, settings.threads)
            threshold = _threshold(settings)
    return load, threshold, settings.limits


def _threshold(settings: LocalSettings | SentenceSettings) -> float:
    from extproc.adapters.sentence_model import read_threshold  # noqa: PLC0415 - see the module

    found = settings.threshold or read_threshold(settings.directory)
    if found is None:
        raise ValueError(
            f"{settings.directory.name} has no threshold: set it, or put calibration.json beside the model"
        )
    return found


def _endpoint(settings: EndpointSettings, vault: Vault, stack: contextlib.AsyncExitStack) -> Embedder:
    from extproc.adapters.embedder_http import EndpointEmbedder  # noqa: PLC0415 - see the module
    from extproc.adapters.scanner_http import JsonPoster  # noqa: PLC0415 - same

    poster = JsonPoster(_DEPENDENCY, lambda: vault.rejected(cache_credentials(settings)))
    stack.callback(poster.close)

    def read_key() -> Secret | None:
        if settings.credential is None:
            return None
        secret = vault.credential(settings.credential)
        if not secret.reveal():
            raise Unavailable(_DEPENDENCY, "the vault has no credential for it")
        return secret

    return EndpointEmbedder(settings, poster, read_key)
