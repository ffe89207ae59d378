import pytest

from extproc.adapters.vault_answers import Lease, check_fit, name_of, pick, read_fields, read_lease, read_login
from extproc.model.catalog import CredentialRef
from extproc.model.credentials import Engine, Source
from extproc.model.refusals import Unavailable
from extproc.model.secret import Secret

REF = CredentialRef("providers/openai", "api_key")
AWS = Source("aws/sts/bedrock", Engine.LEASE)


def kv(**fields: object) -> object:
    return {"data": {"data": fields, "metadata": {}}}


def leased(**fields: object) -> dict[str, object]:
    return {"lease_id": "aws/sts/bedrock/abc", "lease_duration": 900, "renewable": True, "data": fields}


def test_a_secret_is_called_by_its_path_and_its_fields() -> None:
    assert name_of(REF.source) == "providers/openai"
    assert name_of(REF.source, (REF, CredentialRef("providers/openai", "x", is_optional=True))) == f"{REF.path}#api_key"


def test_a_bare_key_is_taken() -> None:
    fields, lease = read_fields(REF.source, "x", kv(api_key="sk-!~aZ09", other=7))
    assert lease is None
    assert pick(fields, (REF,)) == {"api_key": Secret("sk-!~aZ09")}


@pytest.mark.parametrize(
    "value", [None, 1, True, "", ["sk-a"], "sk a", "sk-a\t", "sk\r\n", "sk\0", "sk-\x7f", "sk-ключ", "s" * 20_000]
)
def test_anything_else_is_refused_by_name_and_without_the_value(value: object) -> None:
    fields, _ = read_fields(REF.source, "x", kv(api_key=value))
    with pytest.raises(Unavailable) as refused:
        pick(fields, (REF,))
    assert refused.value.reason.startswith("providers/openai#api_key")
    assert "sk" not in refused.value.reason
    with pytest.raises(Unavailable):
        check_fit(fields["api_key"], "x")


def test_a_missing_field_is_refused_unless_it_is_optional() -> None:
    absent = CredentialRef("providers/openai", "session_token", is_optional=True)
    assert pick({"api_key": Secret("k")}, (REF, absent)) == {"api_key": Secret("k")}
    with pytest.raises(Unavailable, match=r"providers/openai#api_key: the secret has no such field"):
        pick({}, (REF,))
    with pytest.raises(Unavailable, match="line ends"):
        pick({"api_key": Secret("k"), "session_token": Secret("a\nb")}, (REF, absent))


@pytest.mark.parametrize("document", [None, {}, {"data": None}, {"data": {"data": "x"}}, [], "x"])
def test_an_answer_of_another_shape_is_refused(document: object) -> None:
    with pytest.raises(Unavailable, match="not a KV v2 secret"):
        read_fields(REF.source, "x", document)


@pytest.mark.parametrize("document", [None, {}, {"data": None}, [], "x"])
def test_a_lease_of_another_shape_is_refused(document: object) -> None:
    with pytest.raises(Unavailable, match="not of a dynamic engine"):
        read_fields(AWS, "x", document)


def test_awss_engine_speaks_of_the_fields_that_the_signature_asks_for() -> None:
    fields, lease = read_fields(
        AWS, "x", leased(access_key="AKIA", secret_key="s/+", security_token="t", session_token=None, arn="arn:…")
    )
    assert {name: fields[name] for name in ("access_key_id", "secret_access_key", "session_token")} == {
        "access_key_id": Secret("AKIA"),
        "secret_access_key": Secret("s/+"),
        "session_token": Secret("t"),
    }
    assert lease == Lease("aws/sts/bedrock/abc", 900, is_renewable=True)


def test_a_users_key_has_no_session_token() -> None:
    fields, _ = read_fields(AWS, "x", leased(access_key="AKIA", secret_key="s", security_token=None))
    assert "session_token" not in fields


def test_googles_access_token_has_an_end_and_no_lease() -> None:
    answer = {"lease_id": "", "lease_duration": 0, "data": {"token": "ya29.x", "token_ttl": 3599}}
    fields, lease = read_fields(Source("gcp/roleset/v/token", Engine.LEASE), "x", answer)
    assert fields["token"] == Secret("ya29.x")
    assert lease == Lease("", 3599, is_renewable=False)


def test_an_answer_of_an_engine_without_any_end_is_refused() -> None:
    with pytest.raises(Unavailable, match="neither a lease nor an end"):
        read_fields(AWS, "x", {"lease_id": "", "lease_duration": 2764800, "data": {"token": "x"}})


def test_a_renewal_says_the_new_life() -> None:
    assert read_lease({"lease_id": "a", "lease_duration": 30, "renewable": False}) == Lease("a", 30, is_renewable=False)
    assert read_lease({"lease_id": "a", "lease_duration": 0}) is None
    assert read_lease("x") is None


def test_a_login_says_who_we_are_and_for_how_long() -> None:
    auth = {"client_token": "t", "lease_duration": 60, "renewable": True, "policies": ["default", "w"]}
    login = read_login({"auth": auth})
    assert login is not None
    assert (login.token, login.life_s, login.is_renewable, login.policies) == (
        Secret("t"),
        60,
        True,
        ("default", "w"),
    )
    endless = read_login({"auth": {**auth, "lease_duration": 0}})
    assert endless is not None
    assert endless.life_s == float("inf")
    assert read_login({"auth": None}) is None
    assert read_login({"auth": {**auth, "client_token": ""}}) is None
