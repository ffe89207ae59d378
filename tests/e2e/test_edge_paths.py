"""Which requests the gateway serves: one spelling of a path, one method, its own hosts. Threats A03 to A06."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.exchange.paths import read_path
from extproc.model.refusals import Refusal
from tests.e2e.raw import CHAT, Answer, ask, http1, nothing_reaches_a_provider
from tests.e2e.rig import Rig, make_rig

pytestmark = pytest.mark.usefixtures("no_secret_is_written")

SAME = (
    "//v1/chat/completions",
    "/v1//chat/completions",
    "/v1/chat///completions",
    "/x/../v1/chat/completions",
    "/../v1/chat/completions",
    "/%2e%2e/v1/chat/completions",
    "/v1/./chat/completions",
    "/v1/%2e/chat/completions",
    "/v1/x/%2E%2E/chat/completions",
    "/%76%31/chat/completions",
    "/v1/chat/%63ompletions",
    "/v1\\chat\\completions",
    "/v1/chat/completions?",
    "/v1/chat/completions?a=b&a=%2f",
    "/v1/chat/completions?/../../x",
)
"""Other spellings of the same path: whatever is decided about one must be decided about all."""

MALFORMED = (
    "/v1%2fchat/completions",
    "/v1%2Fchat%2Fcompletions",
    "/v1%5cchat/completions",
    "/..%2fv1/chat/completions",
    "\\v1\\chat\\completions",
    "/v1/chat/completions%00",
    "/v1/chat/completions#frag",
    "/v1/chat/completions?a#frag",
    "/v1/chat/completions\x80",
    "/v1/chat/completions\xc3\xa9",
    "/v1/chat/completions\x01",
    "/v1/chat/completions\x7f",
    "/v1/chat /completions",
    "v1/chat/completions",
    "",
    "*",
    "http://gateway/v1/chat/completions",
    "https://evil.test/v1/chat/completions",
    "HTTP://evil.test/v1/chat/completions",
)

UNKNOWN = (
    "/",
    "/v1",
    "/V1/chat/completions",
    "/v1/Chat/completions",
    "/v1/chat/completions/",
    "/v1/chat/completions/.",
    "/v1/chat/completions/..",
    "/v1/chat/completions..",
    "/v1/chat/.../completions",
    "/v1/chat/completions;a=b",
    "/v1/chat;x/completions",
    "/v1/chat/completions%20",
    "/v1/chat/completions%0d%0a",
    "/v1/chat/completions%0d%0ahost:%20evil",
    "/v1/chat/completions%3fa=b",
    "/v1/chat/completions%23",
    "/v1/chat/completions%c0%af",
    "/v1/chat/completions%",
    "/v1/chat/completions%zz",
    "/%2576%2531/chat/completions",
    "//evil.test/v1/chat/completions",
    "/v1/completions",
    "/admin",
    "/stats",
    "/config_dump",
    "/quitquitquit",
    "/ready",
)

DECISIONS = {
    "a good request": (http1("POST", CHAT), (200, "")),
    "no key": (http1("POST", CHAT, key=None), (401, "missing_credentials")),
    "an unknown model": (http1("POST", CHAT, body=b'{"model":"other","messages":[{}]}'), (404, "model_not_found")),
    "another method": (http1("DELETE", CHAT), (405, "method_not_allowed")),
}


@pytest.mark.parametrize("name", DECISIONS)
async def test_every_accepted_spelling_of_a_path_gets_the_decision_of_the_plain_one(rig: Rig, name: str) -> None:
    request, decision = DECISIONS[name]
    for path in (CHAT, *SAME):
        answer = await ask(rig, request.replace(CHAT.encode(), path.encode(), 1))
        assert answer.verdict == decision, path


@pytest.mark.parametrize("path", MALFORMED)
async def test_a_path_that_servers_read_differently_is_400(rig: Rig, path: str) -> None:
    async with nothing_reaches_a_provider(rig):
        assert (await ask(rig, http1("POST", path))).verdict == (400, "invalid_request")


@pytest.mark.parametrize("path", UNKNOWN)
async def test_a_path_that_is_not_on_the_list_is_404(rig: Rig, path: str) -> None:
    async with nothing_reaches_a_provider(rig):
        assert (await ask(rig, http1("POST", path))).verdict == (404, "unknown_path")


async def test_a_path_that_is_too_long_is_431(rig: Rig) -> None:
    async with nothing_reaches_a_provider(rig):
        assert (await ask(rig, http1("POST", "/" + "a" * 70_000))).verdict == (431, "invalid_request")


@given(st.text(max_size=40) | st.sampled_from([*SAME, *MALFORMED, *UNKNOWN]), st.sampled_from(["GET", "POST"]))
def test_admission_by_itself_takes_the_exact_paths_only(path: str, method: str) -> None:
    route = path.partition("?")[0]
    try:
        read_path(method, path)
    except Refusal:
        return
    assert route in {CHAT, "/v1/embeddings", "/v1/models"} or route.startswith("/v1/models/")


NO_METHOD = ("post", "Post", "FOO", "PRI", "M-SEARCH", "P OST", "POST/x", "\x00POST")


@pytest.mark.parametrize(("path", "allowed"), [(CHAT, "POST"), ("/v1/embeddings", "POST"), ("/v1/models", "GET")])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "TRACE", "OPTIONS", "PATCH", "PUT", "DELETE", "PROPFIND"])
async def test_any_other_method_is_405_and_says_which_one_is_taken(
    rig: Rig, method: str, path: str, allowed: str
) -> None:
    if method == allowed:
        return
    async with nothing_reaches_a_provider(rig):
        answer = await ask(rig, http1(method, path))
    assert (answer.status, answer.headers["allow"]) == (405, allowed)
    if method != "HEAD":  # which has no body, by definition
        assert answer.code == "method_not_allowed"


@pytest.mark.parametrize("method", NO_METHOD)
async def test_what_is_no_method_is_400(rig: Rig, method: str) -> None:
    async with nothing_reaches_a_provider(rig):
        assert (await ask(rig, http1(method))).verdict == (400, "invalid_request")


@pytest.mark.parametrize(
    ("target", "verdict"),
    [
        (CHAT, (400, "invalid_request")),
        ("gateway:443", (403, "invalid_request")),
        ("evil.test:80", (403, "invalid_request")),
    ],
)
async def test_connect_opens_no_tunnel(rig: Rig, target: str, verdict: tuple[int, str]) -> None:
    async with nothing_reaches_a_provider(rig):
        assert (await ask(rig, http1("CONNECT", target))).verdict == verdict


async def test_a_tab_in_the_request_line_makes_no_other_request_of_it(rig: Rig) -> None:
    # Envoy takes any white space there and writes it anew: a DELETE stays one, and a POST is judged as a POST.
    async with nothing_reaches_a_provider(rig):
        assert (await ask(rig, http1("DELETE\t"))).verdict == (405, "method_not_allowed")
        assert (await ask(rig, http1("POST\t", key=None, body=b"{}"))).verdict == (401, "missing_credentials")
        assert (await ask(rig, http1("GET\tx"))).verdict == (400, "invalid_request")


@pytest.mark.parametrize(
    "name", ["x-http-method-override", "x-http-method", "x-method-override", "X-HTTP-Method-Override"]
)
async def test_a_method_override_changes_nothing(rig: Rig, name: str) -> None:
    async with nothing_reaches_a_provider(rig):
        answer = await ask(rig, http1("GET", CHAT, f"{name}: POST", body=b""))
        assert answer.verdict == (405, "method_not_allowed")
    assert (await ask(rig, http1("POST", CHAT, f"{name}: GET"))).status == 200
    assert name.lower() not in dict(rig.provider.requests[-1].headers)


@pytest.fixture(scope="module")
def hosted() -> Iterator[Rig]:
    """A gateway with an allow-list of hosts."""
    yield from make_rig({"workers": 1, "listener": {"hosts": ["gateway.example", "*.apps.example"]}})


OUR_HOSTS = ("gateway.example", "gateway.example:8443", "a.apps.example", "GATEWAY.example")
UNKNOWN_HOSTS = (
    "evil.test",
    "gateway.example.evil.test",
    "evilgateway.example",
    "apps.example",
    "gateway.example,evil.test",
    "evil.test@gateway.example",
    "gateway.example@evil.test",
    "gateway%2eexample",
    "127.0.0.1",
    "[::1]",
    "..",
    "",
)
NO_HOSTS = ("gateway.example/x", "gateway.example?x", "gateway.example#x", "gateway.example evil", "a\\b", "a\x01b")


async def _post(rig: Rig, *lines: str, host: str | None = "gateway.example", target: str = CHAT) -> Answer:
    return await ask(rig, http1("POST", target, *lines, host=host))


@pytest.mark.parametrize("host", OUR_HOSTS)
async def test_the_hosts_on_the_list_are_served(hosted: Rig, host: str) -> None:
    assert (await _post(hosted, host=host)).status == 200


async def _served(rig: Rig) -> int:
    assert (await _post(rig)).status == 200
    return len(rig.provider.requests)


@pytest.mark.parametrize("host", UNKNOWN_HOSTS)
async def test_any_other_host_is_421(hosted: Rig, host: str) -> None:
    before = await _served(hosted)
    assert (await _post(hosted, host=host)).verdict == (421, "unknown_host")
    assert await _served(hosted) == before + 1


@pytest.mark.parametrize("host", [*NO_HOSTS, None])
async def test_what_is_no_host_is_400(hosted: Rig, host: str | None) -> None:
    before = await _served(hosted)
    assert (await _post(hosted, host=host)).verdict == (400, "invalid_request")
    assert await _served(hosted) == before + 1


async def test_a_second_host_or_an_absolute_target_does_not_replace_the_one_that_was_checked(hosted: Rig) -> None:
    before = await _served(hosted)
    assert (await _post(hosted, "host: gateway.example")).verdict == (421, "unknown_host")
    assert (await _post(hosted, "host: evil.test")).verdict == (421, "unknown_host")
    for target in (f"http://gateway.example{CHAT}", f"http://evil.test{CHAT}", f"https://gateway.example:1{CHAT}"):
        assert (await _post(hosted, target=target)).verdict == (400, "invalid_request")
        assert (await _post(hosted, target=target, host="evil.test")).verdict == (400, "invalid_request")
    assert await _served(hosted) == before + 1


@pytest.mark.parametrize("name", ["x-forwarded-host", "x-host", "x-original-host", "forwarded"])
async def test_no_other_header_names_the_host(hosted: Rig, name: str) -> None:
    assert (await _post(hosted, f"{name}: evil.test")).status == 200
    assert (await _post(hosted, f"{name}: gateway.example", host="evil.test")).verdict == (421, "unknown_host")
    assert "evil.test" not in str(hosted.provider.requests[-1].headers)
