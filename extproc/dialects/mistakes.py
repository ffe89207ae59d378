"""What a provider's 400 is about: whose fault it is decides whether another deployment is asked, and what is told.

    REQUEST    what the caller wrote: every deployment would say the same
    TOO_LONG   the input does not fit this model: a larger one may take it
    FILTERED   the provider's content filter stopped the prompt: the caller is told so, and nobody else is tried
    ACCOUNT    who pays, which key, which region: ours to mend; another deployment may do, and the words stay here

Providers have codes for few of these, so their phrases are known here, each by a recorded example in the tests. A
caller who gets a provider to repeat such a phrase gains a second opinion, which is all that a failover is.

Source: the providers' pages on errors, and the servers' own sources (vLLM, llama.cpp, TGI), read 2026-11.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto

from extproc.dialects.redaction import redact


class About(Enum):
    """Whose a mistake is."""

    REQUEST = auto()
    TOO_LONG = auto()
    FILTERED = auto()
    ACCOUNT = auto()


@dataclass(frozen=True, slots=True)
class Mistake:
    """A 400, 413 or 422 of a provider, judged."""

    message: str | None = None
    """The provider's words, not yet redacted; None: there are none that a caller may read."""
    param: str | None = None
    about: About = About.REQUEST


_TOO_LONG_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error", "request_too_large"})
_FILTERED_CODES = frozenset(
    {"content_filter", "content_policy_violation", "invalid_prompt", "ResponsibleAIPolicyViolation"}
)
_ACCOUNT_CODES = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "account_deactivated", "billing_error"}
    | {"invalid_api_key", "invalid_organization", "organization_restricted", "permission_error", "authentication_error"}
)

_TOO_LONG = re.compile(
    r"maximum (?:context|prompt|model) length"
    r"|(?:prompt|input|request) is too (?:long|large)\b"
    r"|too many (?:input )?tokens"
    r"|exceeds? (?:the )?(?:model(?:'s)? )?(?:maximum )?(?:available )?context (?:length|window|size|limit)"
    r"|input token count\b.{0,60}(?:exceeds|only supports)"
    r"|`inputs` (?:must have less than \d+ tokens|tokens \+ `max_new_tokens` must be)",
    re.IGNORECASE | re.DOTALL,
)
_FILTERED = re.compile(
    r"content management policy|content filter(?:ing)? policy|flagged as potentially violating", re.IGNORECASE
)
# Whole phrases: a caller's tools may well be called billing, account or credit.
_ACCOUNT = re.compile(
    r"credit balance|api usage limits?|spend(?:ing)? limits?\b|your (?:subscription|organi[sz]ation)\b"
    r"|(?:your|enable|plans?) (?:& |and )?billing|billing (?:details|hard limit|information|or payment|to be)"
    r"|(?:current|exceeded your|insufficient) quota|quota (?:exceeded|has been)"
    r"|(?:invalid|incorrect|missing|your) api key|api key (?:is|not|was|provided)",
    re.IGNORECASE,
)
_PARAM = re.compile(r"[A-Za-z0-9_$.\[\]-]{1,200}", re.ASCII)


def judge(message: str | None, param: str | None, *codes: str | None, ours: re.Pattern[str] | None = None) -> Mistake:
    """What a mistake is about.

    Args:
        message: the provider's words; None where there are none.
        param: what the provider calls the culprit; kept only where it looks like a place in a request.
        codes: every code or type that the error names.
        ours: phrases that mean our account in this provider's words, beside those that mean it in everyone's.
    """
    words = message or ""
    if _TOO_LONG_CODES.intersection(codes):
        about = About.TOO_LONG
    elif _FILTERED_CODES.intersection(codes):
        about = About.FILTERED
    elif _ACCOUNT_CODES.intersection(codes):
        about = About.ACCOUNT
    elif _TOO_LONG.search(words):
        about = About.TOO_LONG
    elif _FILTERED.search(words):
        about = About.FILTERED
    elif _ACCOUNT.search(words) or (ours is not None and ours.search(words)):
        about = About.ACCOUNT
    else:
        about = About.REQUEST
    if about is About.ACCOUNT:
        return Mistake(about=about)
    is_place = param is not None and _PARAM.fullmatch(param) and redact(param) == param
    return Mistake(message, param if is_place else None, about)
