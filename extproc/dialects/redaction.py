"""A provider's words about a request, without what they tell of us: hosts, keys, accounts, names of resources.

    redact("The model 'gpt-4-prod' at https://acme.openai.azure.com is busy")  →  "The model *** at *** is busy"

By form, not by meaning: whatever looks like one of these is struck out, in a caller's own words as well if the provider
repeats them. What has no such form, such as a resource's name without quotes, is passed as ``names``.
"""

import re
from collections.abc import Iterable

HIDDEN = "***"

_LIKE_A_SECRET = (
    r"\bBearer\s+\S+",
    # Keys of OpenAI and its like, of AWS, of Google; tokens of Google and of any OpenID provider.
    r"\b(?:sk|pk|rk|gk|xai|gsk|hf|r8|nvapi|pplx)[-_][\w*-]{4,}",
    r"\b(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA)[A-Z0-9]{8,}\b",
    r"\bAIza[\w-]{10,}",
    r"\bya29\.[\w.-]+",
    r"\beyJ[\w-]{5,}(?:\.[\w-]*){0,2}",
)
_LIKE_A_PLACE = (
    r"\b[a-z][a-z0-9+.-]*://[^\s\"'`<>]+",
    r"\barn:[\w-]*:[^\s\"'`,;]+",
    r"(?:\b(?:projects|subscriptions|resourceGroups|publishers|organizations|accounts)/[^\s\"'`,;)]+)",
    r"\b(?:[a-z0-9_-]+\.)+(?:com|net|org|io|ai|dev|cloud|app|local|localdomain|internal|lan|corp|svc)\b(?::\d+)?",
    r"\blocalhost\b(?::\d+)?",
    r"\b\d{1,3}(?:\.\d{1,3}){3}\b(?::\d+)?",
    r"\[[0-9a-f]*:[0-9a-f:.]+\](?::\d+)?",
)
_LIKE_AN_ID = (
    # Of an organisation, a project, a workspace, a request: a prefix and at least one digit.
    r"\b(?:org|proj|project|wrkspc|acct|req|request|asst|file|tenant)[-_](?=[\w-]*\d)[\w-]{6,}",
    # Accounts of AWS have twelve digits, projects of Google as many; no count of tokens has ten.
    r"\b\d{10,}\b",
    r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b",
    r"(?<![\w/+])(?=[\w/+-]*\d)[\w/+-]{40,}={0,2}",
)
_NAMED = re.compile(
    r"\b(models?|deployments?|resources?|engines?|endpoints?|projects?|accounts?|organi[sz]ations?|workspaces?|regions?)"
    r"([ :=]+)(?:named |id |called )?(?:'[^'\n]{1,200}'|\"[^\"\n]{1,200}\"|`[^`\n]{1,200}`)",
    re.IGNORECASE,
)
_FORMS = re.compile("|".join((*_LIKE_A_PLACE, *_LIKE_A_SECRET, *_LIKE_AN_ID)), re.IGNORECASE)


def redact(text: str, names: Iterable[str] = ()) -> str:
    """The text with ``***`` for everything that is the operator's or the provider's own.

    Args:
        text: a provider's words, of bounded length.
        names: what is to be struck out besides, such as the model's name at the provider.
    """
    for name in names:
        if name:
            text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", HIDDEN, text)
    return _FORMS.sub(HIDDEN, _NAMED.sub(rf"\1\2{HIDDEN}", text))
