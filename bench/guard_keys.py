"""Made-up credentials for the cases in tests/cases/guard/secrets.jsonl, drawn when they are needed.

None is written down anywhere, so that no file of this repository holds what a search for leaked keys would find.
"""

import base64
import random
import string

from extproc.model.ids import OrganisationId
from extproc.model.token import mint_token

_ALNUM = string.ascii_letters + string.digits
_HEX = "0123456789abcdef"
_BASE32 = string.ascii_uppercase + "234567"
_URL = _ALNUM + "-_"

# What each is made of: text as it is, or (how many, of which characters).
_Shape = tuple[str | tuple[int, str], ...]
_SHAPES: dict[str, _Shape] = {
    "anthropic_key": ("sk-ant-", "api03-", (93, _URL), "AA"),
    "openai_key": ("sk-", "proj-", (74, _URL)),
    "openrouter_key": ("sk-", "or-v1-", (64, _HEX)),
    "google_api_key": ("AI", "za", (35, _URL)),
    "huggingface_token": ("h", "f_", (34, string.ascii_letters)),
    "groq_key": ("gs", "k_", (52, _ALNUM)),
    "aws_access_key": ("AK", "IA", (16, _BASE32)),
    "azure_storage_key": ("Account", "Key=", (86, _ALNUM + "+/"), "=="),
    "azure_client_secret": ((3, _ALNUM), "8", "Q~", (34, _ALNUM)),
    "digitalocean_token": ("do", "p_v1_", (64, _HEX)),
    "databricks_token": ("da", "pi", (32, _HEX)),
    "github_token": ("gh", "p_", (36, _ALNUM)),
    "gitlab_token": ("gl", "pat-", (20, _ALNUM)),
    "npm_token": ("np", "m_", (36, _ALNUM)),
    "pypi_token": ("py", "pi-AgE", "IcHlwaS5vcmc", (70, _URL)),
    "slack_token": ("xo", "xb-", (11, string.digits), "-", (11, string.digits), "-", (24, _ALNUM)),
    "stripe_key": ("sk", "_live_", (24, _ALNUM)),
    "twilio_key": ("S", "K", (32, _HEX)),
    "sendgrid_key": ("S", "G.", (22, _ALNUM), ".", (43, _ALNUM)),
    "telegram_token": ((9, "123456789"), ":", "AA", (33, _ALNUM)),
    "vault_token": ("hv", "s.", (90, _ALNUM)),
    "shopify_token": ("sh", "pat_", (32, _HEX)),
    "square_token": ("sq", "0atp-", (22, _ALNUM)),
    "new_relic_key": ("NR", "AK-", (27, string.ascii_uppercase + string.digits)),
    "grafana_token": ("gl", "sa_", (32, _ALNUM), "_", (8, _HEX)),
    "linear_key": ("lin", "_api_", (40, _ALNUM)),
    "notion_token": ("nt", "n_", (46, _ALNUM)),
    "docker_token": ("dck", "r_pat_", (27, _ALNUM)),
    "random_32": ((32, _HEX),),
    "random_40": ((40, _ALNUM),),
    "password": ((5, string.ascii_letters), "-", (4, string.digits), "!", (3, string.ascii_letters)),
}
COUNT = 5
"""How many of each kind are drawn."""


def made_up(kind: str, seed: int) -> str:
    """A credential of a kind; the same for the same seed."""
    draw = random.Random(f"{kind} {seed}")  # noqa: S311 - made-up keys that stay the same
    if kind == "gateway_key":
        return mint_token(OrganisationId("acme"), draw.randrange).reveal()
    if kind == "jwt":
        parts = (b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"%d"}' % seed, draw.randbytes(32))
        return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    if kind == "private_key":
        lines = [base64.b64encode(draw.randbytes(48)).decode() for _ in range(12)]
        return "\n".join(("-----BEGIN RSA " + "PRIVATE KEY-----", *lines, "-----END RSA " + "PRIVATE KEY-----"))
    return "".join(
        each if isinstance(each, str) else "".join(draw.choice(each[1]) for _ in range(each[0]))
        for each in _SHAPES[kind]
    )
