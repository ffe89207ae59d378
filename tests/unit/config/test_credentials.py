import pytest

from extproc.config.credentials import check_credential
from extproc.config.document import read
from extproc.config.gateway import GatewayInvalid, parse
from extproc.model.catalog import CredentialRef
from extproc.model.credentials import Engine, EntraMint, GoogleMint
from extproc.model.ids import DeploymentName

GOOGLE = GoogleMint("https://oauth2.googleapis.com/token", "https://www.googleapis.com/auth/cloud-platform")
VERTEX = "dialect: vertex, options: {project: p, location: global}"
BEDROCK = "dialect: bedrock, options: {region: eu-west-1}"
AZURE = "dialect: azure, options: {api_version: v, auth: entra}"


def text(dialect: str, credential: str) -> str:
    return (
        f"deployments: [{{name: a, base_url: 'https://a.example/v1', upstream_model: m, {dialect}, "
        f"credential: {credential}}}]\nmodels: [{{name: m, deployments: [a]}}]"
    )


@pytest.mark.parametrize(
    ("dialect", "credential", "meaning"),
    [
        ("dialect: openai", "{path: p/x}", CredentialRef("p/x", "api_key")),
        ("dialect: openai", "{path: p/x, field: k}", CredentialRef("p/x", "k")),
        (BEDROCK, "{lease: aws/sts/b}", CredentialRef("aws/sts/b", "token", Engine.LEASE)),
        (VERTEX, "{lease: gcp/roleset/v/token}", CredentialRef("gcp/roleset/v/token", "token", Engine.LEASE)),
        (VERTEX, "{path: p/v, google: {}}", CredentialRef("p/v", "access_token", Engine.KV, GOOGLE)),
        (
            VERTEX,
            "{lease: gcp/roleset/v/key, google: {token_url: 'http://127.0.0.1:1/t', scope: a b}}",
            CredentialRef("gcp/roleset/v/key", "access_token", Engine.LEASE, GoogleMint("http://127.0.0.1:1/t", "a b")),
        ),
        (
            AZURE,
            "{lease: azure/creds/o, entra: {tenant: contoso.example}}",
            CredentialRef(
                "azure/creds/o",
                "access_token",
                Engine.LEASE,
                EntraMint(
                    "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token",
                    "https://cognitiveservices.azure.com/.default",
                ),
            ),
        ),
        (
            "dialect: openai",
            "{path: p/e, entra: {tenant: t, token_url: 'https://login.example/t', scope: s}}",
            CredentialRef("p/e", "access_token", Engine.KV, EntraMint("https://login.example/t", "s")),
        ),
    ],
)
def test_each_kind_of_source_is_written_in_one_line(dialect: str, credential: str, meaning: CredentialRef) -> None:
    catalog = parse(text(dialect, credential), "x").catalog
    assert catalog.deployments[DeploymentName("a")].credential == meaning


@pytest.mark.parametrize(
    ("dialect", "credential", "place"),
    [
        ("dialect: openai", "{}", ""),
        ("dialect: openai", "{path: p, lease: aws/sts/b}", ""),
        ("dialect: openai", "{lease: sys/health}", ".lease"),
        ("dialect: openai", "{lease: auth/token/create}", ".lease"),
        ("dialect: openai", "{path: p, google: {}, entra: {tenant: t}}", ".entra"),
        (VERTEX, "{path: p, field: f, google: {}}", ".field"),
        (BEDROCK, "{path: p, google: {}}", ".google"),
        ("dialect: azure, options: {api_version: v}", "{path: p, entra: {tenant: t}}", ".entra"),
        (VERTEX, "{path: p, google: {token_url: 'http://login.example/t'}}", ".google.token_url"),
        (VERTEX, "{path: p, google: {token_url: 'http://10.0.0.1/t'}}", ".google.token_url"),
        (VERTEX, "{path: p, google: {token_url: 'https://u:p@login.example/t'}}", ".google.token_url"),
        (AZURE, "{path: p, entra: {tenant: a/b}}", ".entra.tenant"),
        (AZURE, "{path: p, entra: {}}", ".entra.tenant"),
        (VERTEX, "{lease: ../x, google: {}}", ".lease"),
    ],
)
def test_what_cannot_be_meant_is_told_where_it_stands(dialect: str, credential: str, place: str) -> None:
    with pytest.raises(GatewayInvalid) as invalid:
        parse(text(dialect, credential), "x")
    assert [problem.path for problem in invalid.value.problems] == [f"deployments[0].credential{place}"]


@pytest.mark.parametrize("tree", ["x", "[]", "{path: 7, google: 3, entra: []}", "{lease: [], google: {token_url: 5}}"])
def test_a_section_of_any_shape_is_looked_at_without_falling_over(tree: str) -> None:
    document = read(f"deployments: [{{credential: {tree}, options: 3, dialect: []}}]")
    assert isinstance(document.tree, dict)
    deployments = document.tree["deployments"]
    assert isinstance(deployments, list)
    assert isinstance(deployments[0], dict)
    check_credential(document, ("deployments", 0), deployments[0])
