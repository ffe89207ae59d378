"""What the cache is made of is opened from its settings, and costs nothing until then."""

import subprocess
import sys
from pathlib import Path

import pytest

from extproc.adapters.memory import MemoryClock, MemoryVault
from extproc.adapters.redis_client import open_redis
from extproc.bootstrap_cache_parts import MINILM_THRESHOLD, cache_credentials, open_embedder, open_memory
from extproc.model.cache_embedders import EndpointSettings, LocalSettings, MiniLmSettings, SentenceSettings
from extproc.model.catalog import CredentialRef
from extproc.model.refusals import Unavailable
from tests.cache_entries import PARTITION, make_entry
from tests.servers import eventually
from tests.tiny_classifier import write_classifier

REF = CredentialRef("embedders/x", "key")
ENDPOINT = EndpointSettings("http://127.0.0.1:9/v1/embeddings", "m", 2, 0.8, credential=REF)


async def test_the_gateways_own_model_has_its_threshold_or_the_one_that_is_set() -> None:
    async with open_embedder(MiniLmSettings(), MemoryVault()) as embedder:
        assert (len(await embedder.embed("a")), embedder.threshold) == (4 * embedder.dimensions, MINILM_THRESHOLD)
    async with open_embedder(MiniLmSettings(threshold=0.5), MemoryVault()) as embedder:
        assert embedder.threshold == 0.5


async def test_a_directory_needs_a_threshold_beside_the_model_or_in_its_settings(tmp_path: Path) -> None:
    write_classifier(tmp_path, {"cat": (1.0, 0.0)}, ("a", "b"))
    with pytest.raises(ValueError, match="no threshold"):
        async with open_embedder(LocalSettings(tmp_path), MemoryVault()):
            pass
    (tmp_path / "calibration.json").write_text('{"threshold": 0.7}')
    async with open_embedder(LocalSettings(tmp_path), MemoryVault()) as embedder:
        assert (embedder.threshold, len(await embedder.embed("cat"))) == (0.7, 8)
    async with open_embedder(LocalSettings(tmp_path, threshold=0.9), MemoryVault()) as embedder:
        assert embedder.threshold == 0.9


async def test_without_the_extra_the_message_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="sentence-transformers"):
        async with open_embedder(SentenceSettings(tmp_path, threshold=0.9), MemoryVault()):
            pass


async def test_an_endpoints_credential_is_read_at_each_question() -> None:
    assert cache_credentials(ENDPOINT) == (REF,)
    assert cache_credentials(MiniLmSettings()) == cache_credentials(None) == ()
    async with open_embedder(ENDPOINT, MemoryVault()) as embedder:
        with pytest.raises(Unavailable, match="vault"):
            await embedder.embed("a")


async def test_a_memory_is_opened_over_redis(valkey_url: str) -> None:
    entry = make_entry("a")
    async with open_redis(valkey_url) as redis, open_memory(redis, MemoryClock()) as memory:
        await memory.put(entry, max_entries=1)
        assert await memory.get(PARTITION, entry.id) == entry
        await eventually(lambda: len(memory.nearest(PARTITION, entry.vector, 1)) == 1, "its index")


def test_a_gateway_without_a_cache_does_not_load_what_it_needs() -> None:
    said = "import sys, extproc.bootstrap_cache_parts; print(*(sys.modules.keys() & {'numpy', 'faiss', 'onnxruntime'}))"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, check=True, timeout=60)
    assert done.stdout.strip() == b""
