"""How credentials look, by who issues them. Facts only; ``secrets`` looks for them.

Each format is a google-re2 pattern over ASCII bytes that begins at a word's border and captures nothing, so that all of
them are one pass of one automaton. (Without the border every letter would begin a count of its own, and the automaton
would outgrow its memory.) A key without a marker of its issuer (Datadog, Mistral) is found by the name that it is
assigned to, in ``secret_assigned``. Sources: the forms that issuers give in their own manuals, as known in November
2026; keys of theirs in another form are not found.
"""

from typing import NamedTuple


class Format(NamedTuple):
    """One kind of credential."""

    kind: str
    pattern: str
    is_random: bool = True
    """Whether what follows the marker is random, so that a word or a row of one letter is a placeholder."""


_B64URL = "[A-Za-z0-9_-]"
_ALNUM = "[A-Za-z0-9]"
_HEX = "[0-9a-f]"

FORMATS: tuple[Format, ...] = (
    # Model providers.
    Format("anthropic_key", rf"sk-ant-[a-z0-9]{{2,12}}-{_B64URL}{{20,}}"),
    Format("openrouter_key", r"sk-or-v1-[0-9a-f]{32,}"),
    Format("openai_key", rf"sk-(?:proj-|svcacct-|admin-|None-)?{_B64URL}{{20,}}"),
    Format("google_api_key", rf"AIza{_B64URL}{{35}}"),
    Format("google_oauth", rf"GOCSPX-{_B64URL}{{24,}}|ya29\.{_B64URL}{{20,}}|1//0{_B64URL}{{30,}}"),
    Format("huggingface_token", r"(?:hf|api_org)_[A-Za-z]{30,}"),
    Format("groq_key", rf"gsk_{_ALNUM}{{40,}}"),
    Format("xai_key", rf"xai-{_ALNUM}{{40,}}"),
    Format("perplexity_key", rf"pplx-{_ALNUM}{{40,}}"),
    Format("replicate_token", rf"r8_{_ALNUM}{{36,}}"),
    Format("nvidia_key", rf"nvapi-{_B64URL}{{40,}}"),
    Format("langsmith_key", r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}"),
    Format("azure_key", rf"{_ALNUM}{{40,60}}JQQJ99{_ALNUM}{{16,32}}"),
    # Clouds.
    Format("aws_access_key", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}"),
    Format("azure_storage_key", r"AccountKey=[A-Za-z0-9+/]{86}==", is_random=False),
    Format("azure_client_secret", r"[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}"),
    Format("azure_sas", r"sig=[A-Za-z0-9%/+]{40,}(?:=|%3D)?", is_random=False),
    Format("digitalocean_token", r"do[opr]_v1_[0-9a-f]{64}"),
    Format("alibaba_key", rf"LTAI{_ALNUM}{{16,24}}"),
    Format("databricks_token", r"dapi[0-9a-f]{32}(?:-[0-9])?"),
    Format("vault_token", rf"hv[sbr]\.{_B64URL}{{24,}}"),
    Format("terraform_token", rf"{_ALNUM}{{14}}\.atlasv1\.{_B64URL}{{50,}}"),
    Format("cloudflare_token", r"v1\.0-[0-9a-f]{24}-[0-9a-f]{100,}"),
    Format("planetscale_token", rf"pscale_(?:tkn|pw|oauth)_{_B64URL}{{30,}}"),
    Format("supabase_key", r"sbp_[0-9a-f]{40}|sb_secret_[A-Za-z0-9_-]{20,}"),
    Format("pulumi_token", r"pul-[0-9a-f]{40}"),
    Format("doppler_token", rf"dp\.(?:pt|st|sa|ct|scim|audit)\.(?:[a-z0-9_-]{{1,35}}\.)?{_ALNUM}{{40,44}}"),
    # Code and packages.
    Format("github_token", rf"gh[pousr]_{_ALNUM}{{36,}}|github_pat_{_ALNUM}{{22}}_{_ALNUM}{{59}}"),
    Format("gitlab_token", rf"gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent|imt|ffct)-{_B64URL}{{20,}}"),
    Format("npm_token", rf"npm_{_ALNUM}{{36}}"),
    Format("pypi_token", r"pypi-AgE[A-Za-z0-9_-]{50,}"),
    Format("rubygems_key", r"rubygems_[0-9a-f]{48}"),
    Format("docker_token", rf"dckr_(?:pat|oat)_{_B64URL}{{27,}}"),
    Format("atlassian_token", r"AT(?:ATT|CTT|BB)3?[A-Za-z0-9_=-]{24,}"),
    Format("linear_key", rf"lin_(?:api|oauth)_{_ALNUM}{{32,}}"),
    Format("sentry_token", r"sntry[su]_[A-Za-z0-9+/=_-]{40,}"),
    Format("postman_key", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    Format("artifact_key", rf"AKCp{_ALNUM}{{60,}}"),
    # Services.
    Format("slack_token", r"xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-[0-9]-[A-Za-z0-9-]{20,}"),
    Format("slack_webhook", r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{30,}"),
    Format("discord_webhook", rf"discord(?:app)?\.com/api/webhooks/[0-9]{{16,20}}/{_B64URL}{{40,}}"),
    Format("discord_token", rf"[MNO]{_B64URL}{{23,27}}\.{_B64URL}{{6}}\.{_B64URL}{{27,}}"),
    Format("telegram_token", rf"[0-9]{{8,10}}:AA{_B64URL}{{33}}"),
    Format("stripe_key", rf"[rs]k_(?:live|test)_{_ALNUM}{{16,}}|whsec_[A-Za-z0-9+/=]{{24,}}"),
    Format("square_token", rf"sq0(?:atp|csp|idp)-{_B64URL}{{22,}}|EAAA[A-Za-z0-9_-]{{60}}"),
    Format("shopify_token", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    Format("twilio_key", r"SK[0-9a-f]{32}"),
    Format("sendgrid_key", rf"SG\.{_B64URL}{{20,24}}\.{_B64URL}{{39,50}}"),
    Format("mailgun_key", r"key-[0-9a-f]{32}"),
    Format("mailchimp_key", r"[0-9a-f]{32}-us[0-9]{1,2}"),
    Format("new_relic_key", r"NR(?:AK|JS|II)-[A-Za-z0-9_-]{19,42}"),
    Format("grafana_token", rf"gl(?:sa_{_ALNUM}{{32}}_[0-9a-f]{{8}}|c_[A-Za-z0-9+/=]{{32,}})"),
    Format("dynatrace_token", r"dt0[a-z][0-9]{2}\.[A-Z2-7]{24}\.[A-Z2-7]{64}"),
    Format("notion_token", rf"ntn_{_ALNUM}{{40,}}|secret_{_ALNUM}{{43}}"),
    Format("airtable_token", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
    Format("figma_token", rf"fig[dour]_{_B64URL}{{40,}}"),
    Format("heroku_key", rf"HRKU-{_B64URL}{{36,}}"),
    Format("facebook_token", r"EAA(?:CEdEose0cBA|[A-Z]{2}[A-Za-z0-9]{90})[A-Za-z0-9]*"),
    Format("dropbox_token", rf"sl\.(?:u\.)?{_B64URL}{{100,}}"),
    Format("age_key", r"AGE-SECRET-KEY-1[A-Z0-9]{58}"),
    # Ours, with its checksum, and what anybody issues.
    Format("gateway_key", rf"gk_[a-z0-9][a-z0-9-]{{0,30}}[a-z0-9]_{_ALNUM}{{38}}", is_random=False),
    Format("jwt", rf"eyJ{_B64URL}{{8,}}\.eyJ{_B64URL}{{8,}}\.{_B64URL}*", is_random=False),
)

_BREAK = r"(?:\\+[nrt]|\s)*"
_LINES = rf"(?:{_BREAK}[A-Za-z0-9-]+: [^\n\\]{{1,120}})*(?:{_BREAK}[A-Za-z0-9+/]{{16,}}={{0,2}})*"
PRIVATE_KEY = (
    rf"-----BEGIN (?:[A-Z0-9]+ ){{0,3}}PRIVATE KEY(?: BLOCK)?-----{_LINES}"
    rf"(?:(?:{_BREAK}[A-Za-z0-9+/=]{{1,15}})?{_BREAK}-----END (?:[A-Z0-9]+ ){{0,3}}PRIVATE KEY(?: BLOCK)?-----)?"
)
"""The whole block as far as it goes: a stream cut short, or a file pasted without its end, is a key all the same."""

URL_CREDENTIALS = r"://[^\s:/@\"'<>?#]{0,100}:[^\s/@\"'<>]{1,200}@[A-Za-z0-9\[_-]"
"""Within ``scheme://user:password@host``: a connection string or a URL with basic authentication."""
