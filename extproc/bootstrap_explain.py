"""The part of the composition root for a request that is only explained: everything is in memory, nobody is asked."""

import secrets
from collections import defaultdict

from extproc.adapters.memory import MemoryHealth, MemoryKeys, MemoryVault
from extproc.adapters.memory_guard import MemoryRuleRunner, MemoryScanner
from extproc.bootstrap import SystemClock
from extproc.exchange.admission import AdmissionDesk
from extproc.model.catalog import Catalog
from extproc.model.dialects import credential_refs
from extproc.model.guard_policy import GuardPolicies
from extproc.model.identity import VirtualKey
from extproc.model.secret import Secret
from extproc.model.token import digest_token
from extproc.policy.guard import GuardDesk


def explain_desk(
    catalog: Catalog, token: Secret | None, key: VirtualKey | None, policies: GuardPolicies | None = None
) -> AdmissionDesk:
    """What admission asks when a request is only explained: nothing real, and every provider credential present.

    The directory has the key under the token's digest, or is empty where either is None. Rules of the firewall are run;
    its other scanners find nothing.
    """
    pepper = Secret(secrets.token_hex())
    directory = MemoryKeys()
    if token is not None and key is not None:
        directory.put(key, digest_token(token, pepper))
    references = {reference for each in catalog.deployments.values() for reference in credential_refs(each)}
    vault = MemoryVault({each: Secret("assumed") for each in references if not each.is_optional})
    found = policies or GuardPolicies()
    guard = GuardDesk(lambda: found, MemoryRuleRunner(), lambda: defaultdict(MemoryScanner))
    return AdmissionDesk(lambda: catalog, directory, vault, SystemClock(), MemoryHealth(), lambda: pepper, guard=guard)
