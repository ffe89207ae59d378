"""The part of the composition root that opens a scanner from its settings, ready to be asked.

open_scanner(name, settings, vault, clock) → the scanner behind its deadline, its breaker and its bulkhead
"""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import assert_never

from extproc.adapters.guarded_scanner import GuardedScanner
from extproc.adapters.scanner_azure_shields import AzureShieldsScanner
from extproc.adapters.scanner_bedrock import BedrockScanner, Signer
from extproc.adapters.scanner_grounded import GroundedScanner
from extproc.adapters.scanner_http import JsonPoster
from extproc.adapters.scanner_lakera import LakeraScanner
from extproc.dialects.sigv4 import AwsKeys, Scope, Unsigned, sign
from extproc.model.catalog import CredentialRef
from extproc.model.guard_scanners import (
    AzureShieldsSettings,
    BedrockSettings,
    EntailedSettings,
    GroundedSettings,
    LakeraSettings,
    OnnxSettings,
    ScannerLimits,
    ScannerSettings,
    ServiceSettings,
    credentials_of,
)
from extproc.model.refusals import Unavailable
from extproc.model.secret import Secret
from extproc.policy.breaker import BreakerPolicy
from extproc.policy.bulkhead import BulkheadPolicy
from extproc.policy.guard_ports import Scanner
from extproc.policy.ports import Clock, Vault
from extproc.wire.scanner_client import open_scanner_client

_AWS_SERVICE = "bedrock"


@contextlib.asynccontextmanager
async def open_scanner(name: str, settings: ScannerSettings, vault: Vault, clock: Clock) -> AsyncIterator[Scanner]:
    """A scanner, until the end of the block.

    Its credentials must be among those that the vault keeps (``credentials_of``); they are read at each question. One
    that is somebody's service need not be there when it is opened.

    Args:
        name: as it was declared; its findings' kinds begin with it.
        settings: of its kind.
        vault: where its credentials are.
        clock: for signatures.

    Raises:
        ValueError: a model's directory cannot be used; the message says why.
        OSError: a CA's file cannot be read.
    """
    async with contextlib.AsyncExitStack() as stack:
        poster = JsonPoster(name, lambda: vault.rejected(credentials_of(settings)))
        stack.callback(poster.close)
        inner: Scanner
        match settings:
            case OnnxSettings():
                # The runtime is 30 MB and half a second in each worker: for whoever uses it.
                from extproc.adapters.scanner_onnx import open_onnx_scanner  # noqa: PLC0415

                inner = await stack.enter_async_context(open_onnx_scanner(name, settings))
            case ServiceSettings():
                inner = await stack.enter_async_context(open_scanner_client(name, settings))
            case LakeraSettings():
                inner = LakeraScanner(name, settings, lambda: _secret(name, vault, settings.credential), poster)
            case AzureShieldsSettings():
                inner = AzureShieldsScanner(name, settings, lambda: _secret(name, vault, settings.credential), poster)
            case BedrockSettings():
                inner = BedrockScanner(name, settings, _signer(name, settings, vault, clock), poster)
            case GroundedSettings():
                inner = GroundedScanner(name, settings)
            case EntailedSettings():
                from extproc.adapters.scanner_entailed import open_entailed_scanner  # noqa: PLC0415 - same

                inner = await stack.enter_async_context(open_entailed_scanner(name, settings))
            case _:
                assert_never(settings)
        reads_context = isinstance(settings, GroundedSettings | EntailedSettings)
        limits = settings.limits
        yield GuardedScanner(name, inner, _breaker(limits), _bulkhead(limits), reads_context=reads_context)


def _signer(name: str, settings: BedrockSettings, vault: Vault, clock: Clock) -> Signer:
    def headers(host: str, path: str, body: bytes) -> Mapping[str, str]:
        token = None if settings.session_token is None else vault.credential(settings.session_token)
        keys = AwsKeys(
            _secret(name, vault, settings.access_key_id),
            _secret(name, vault, settings.secret_access_key),
            token if token is not None and token.reveal() else None,
        )
        unsigned = Unsigned("POST", host, path, (("content-type", "application/json"),), body)
        plain, proofs = sign(unsigned, keys, Scope(settings.region, _AWS_SERVICE), clock.now_s())
        return {**dict(plain), **{proof.name: proof.value.reveal() for proof in proofs}}

    return headers


def _secret(name: str, vault: Vault, ref: CredentialRef) -> Secret:
    secret = vault.credential(ref)
    if not secret.reveal():
        raise Unavailable(name, "the vault has no credential for it")
    return secret


def _breaker(limits: ScannerLimits) -> BreakerPolicy:
    return BreakerPolicy(limits.failures, limits.rest_s, limits.most_rest_s)


def _bulkhead(limits: ScannerLimits) -> BulkheadPolicy:
    return BulkheadPolicy(limits.most_running, limits.most_waiting)
