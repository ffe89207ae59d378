"""``extproc keys`` and ``extproc migrate`` as they are typed, against real Postgres and Valkey.

The vault is a scripted HTTP server that knows the two calls that are needed; ``contracts/test_vault`` has the real one.
"""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

from extproc.cli.main import main
from extproc.model.secret import Secret
from extproc.model.token import is_well_formed
from tests.samples import PEPPER, digest_of, make_token
from tests.servers import Valkey

MINT = ("keys", "mint", "--project", "acme/search/ranking", "--owner", "ada@acme.example", "--approval", "CHG-1")


class Vault(BaseHTTPRequestHandler):
    """AppRole login and one secret."""

    def do_POST(self) -> None:
        self.answer({"auth": {"client_token": "t", "lease_duration": 60}})

    def do_PUT(self) -> None:
        self.do_POST()

    def do_GET(self) -> None:
        is_pepper = self.path == "/v1/secret/data/gateway/pepper"
        self.answer({"data": {"data": {"value": PEPPER.reveal().replace(" ", "-")}}} if is_pepper else {})

    def answer(self, body: dict[str, object]) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture(scope="module")
def vault_url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Vault) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join(60)


@pytest.fixture
def variables(postgres_dsn: str, valkey_url: str, vault_url: str, tmp_path: Path) -> dict[str, str]:
    for name in ("role", "secret"):
        (tmp_path / name).write_text(f"{name}-id\n")
    return {
        "EXTPROC_POSTGRES_DSN": postgres_dsn,
        "EXTPROC_REDIS_URL": valkey_url,
        "EXTPROC_VAULT_ADDR": vault_url,
        "EXTPROC_VAULT_ROLE_ID_FILE": str(tmp_path / "role"),
        "EXTPROC_VAULT_SECRET_ID_FILE": str(tmp_path / "secret"),
    }


def run(variables: dict[str, str], *words: str) -> Result:
    return CliRunner(env=variables).invoke(main, words)


def mint(variables: dict[str, str], *more: str) -> dict[str, object]:
    result = run(variables, *MINT, "--create", "--json", *more)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def show(variables: dict[str, str], key: object) -> dict[str, object]:
    return json.loads(run(variables, "keys", "show", str(key), "--json").stdout)


def test_a_minted_key_is_alone_on_standard_output_and_nowhere_else(variables: dict[str, str]) -> None:
    result = run(variables, *MINT, "--create")
    assert result.exit_code == 0
    token = result.stdout.strip()
    assert is_well_formed(token)
    assert token not in result.stderr
    assert "only time" in result.stderr
    listed = run(variables, "keys", "list", "--json")
    (row,) = json.loads(listed.stdout)
    assert token not in listed.output + run(variables, "keys", "show", row["id"]).output
    with psycopg.connect(variables["EXTPROC_POSTGRES_DSN"]) as connection:
        (digest,) = connection.execute("select digest from virtual_keys").fetchone()
    assert len(digest) == 32
    assert digest != digest_of(Secret(token))  # the vault's pepper was used, and it is another one


def test_a_key_has_what_it_was_minted_with(variables: dict[str, str]) -> None:
    said = mint(
        variables,
        *("--environment", "staging", "--model", "small", "--model", "large", "--tag", "batch"),
        *("--expires", "2099-01-31", "--actor", "grace"),
    )
    assert {name: said[name] for name in ("organisation", "team", "project", "environment", "owner")} == {
        "organisation": "acme",
        "team": "search",
        "project": "ranking",
        "environment": "staging",
        "owner": "ada@acme.example",
    }
    assert (said["models"], said["tags"]) == (["large", "small"], ["batch"])
    assert said["expires_at"] == "2099-01-31T00:00:00Z"
    history = show(variables, said["id"])["history"]
    assert [(row["action"], row["actor"], row["approval"]) for row in history] == [("key.mint", "grace", "CHG-1")]


def test_an_unknown_project_is_an_error_that_says_how_to_make_it(variables: dict[str, str]) -> None:
    result = run(variables, *MINT)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "extproc keys: project acme/search/ranking does not exist; add --create to make it\n"


@pytest.mark.parametrize("words", [MINT[:-2], ("keys", "revoke", "key_x"), ("keys", "rotate", "key_x")])
def test_no_change_without_an_approval(variables: dict[str, str], words: tuple[str, ...]) -> None:
    result = run(variables, *words)
    assert result.exit_code == 2
    assert "--approval" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        (*MINT, "--project", "acme/search"),
        (*MINT, "--project", "acme//ranking"),
        (*MINT, "--project", "a/b/c/d"),
        (*MINT, "--expires", "tomorrow"),
        ("keys", "list", "--project", "/acme"),
        ("keys", "rotate", "key_x", "--approval", "C", "--grace", "5"),
        ("keys", "rotate", "key_x", "--approval", "C", "--expires", "never"),
    ],
)
def test_wrong_use_is_exit_code_2(variables: dict[str, str], words: tuple[str, ...]) -> None:
    assert run(variables, *words).exit_code == 2


def test_a_revoked_key_says_so_and_is_revoked_once(variables: dict[str, str]) -> None:
    key = str(mint(variables)["id"])
    assert "is revoked" in run(variables, "keys", "revoke", key, "--approval", "INC-7").stdout
    assert show(variables, key)["state"] == "revoked"
    again = run(variables, "keys", "revoke", key, "--approval", "INC-8")
    assert (again.exit_code, again.stderr) == (1, f"extproc keys: key {key} is already revoked\n")
    assert json.loads(run(variables, "keys", "list", "--live", "--json").stdout) == []


def test_a_rotated_key_works_for_the_grace_period_and_has_a_successor(variables: dict[str, str]) -> None:
    old = mint(variables, "--model", "small")
    result = run(variables, "keys", "rotate", str(old["id"]), "--grace", "1h", "--approval", "CHG-2", "--json")
    new = json.loads(result.stdout)
    assert is_well_formed(new["key"])
    assert (new["models"], new["is_announced"]) == (["small"], True)
    assert show(variables, old["id"])["state"] == "rotated, still works"
    assert show(variables, new["id"])["history"][0]["detail"]["rotated_from"] == old["id"]


def test_tables_hold_whole_ids_and_take_no_markup_from_what_was_typed(variables: dict[str, str]) -> None:
    said = mint(variables, "--owner", "[red]ada[/red]")
    for words in (("list",), ("list", "--project", "acme/search"), ("show", str(said["id"]))):
        output = run(variables, "keys", *words).stdout
        assert str(said["id"]) in output
        assert "[red]ada[/red]" in output
    assert "No keys" in run(variables, "keys", "list", "--project", "globex").stdout


def test_the_text_of_a_key_given_for_an_id_is_not_repeated(variables: dict[str, str]) -> None:
    token = make_token().reveal()
    result = run(variables, "keys", "revoke", token, "--approval", "INC-7")
    assert result.exit_code == 1
    assert token not in result.output


@pytest.mark.parametrize(
    ("changes", "words", "says"),
    [
        ({"EXTPROC_POSTGRES_DSN": "postgresql:///x?host=/nowhere"}, ("keys", "list"), "postgres unavailable"),
        ({"EXTPROC_POSTGRES_DSN": "postgresql:///x?host=/nowhere"}, ("migrate",), "postgres unavailable"),
        ({"EXTPROC_POSTGRES_DSN": "postgresql://u:hunter2@["}, ("keys", "list"), "postgres unavailable"),
        ({"EXTPROC_VAULT_ADDR": "http://127.0.0.1:1"}, (*MINT, "--create"), "vault unavailable"),
    ],
)
def test_what_cannot_be_reached_is_one_line_and_exit_code_3(
    variables: dict[str, str], changes: dict[str, str], words: tuple[str, ...], says: str
) -> None:
    result = run(variables | changes, *words)
    assert (result.exit_code, result.stdout) == (3, "")
    assert says in result.stderr
    assert result.stderr.count("\n") == 1
    assert "hunter2" not in result.stderr


def test_a_database_without_the_schema_says_what_to_run(variables: dict[str, str], empty_postgres_dsn: str) -> None:
    fresh = variables | {"EXTPROC_POSTGRES_DSN": empty_postgres_dsn}
    result = run(fresh, "keys", "list")
    assert result.exit_code == 3
    assert "extproc migrate" in result.stderr
    assert "applied 0001_keys.sql" in run(fresh, "migrate").stdout
    assert run(fresh, "migrate").stdout == "The schema is up to date.\n"
    assert json.loads(run(fresh, "migrate", "--json").stdout) == {"applied": []}
    assert run(fresh, "keys", "list").exit_code == 0


def test_a_schema_that_was_tampered_with_is_exit_code_1(variables: dict[str, str]) -> None:
    with psycopg.connect(variables["EXTPROC_POSTGRES_DSN"]) as connection:
        connection.execute("update schema_migrations set checksum = 'x'")
    result = run(variables, "migrate")
    assert result.exit_code == 1
    assert "was changed after it was applied" in result.stderr


def test_revoking_needs_neither_vault_nor_redis_and_says_what_was_missing(
    variables: dict[str, str], own_valkey: Valkey
) -> None:
    key = str(mint(variables)["id"])
    own_valkey.kill()
    away = variables | {"EXTPROC_REDIS_URL": own_valkey.url, "EXTPROC_VAULT_ADDR": "http://127.0.0.1:1"}
    result = run(away, "keys", "revoke", key, "--approval", "INC-7")
    assert result.exit_code == 0
    assert "Redis could not be told" in result.stderr
    assert show(variables, key)["state"] == "revoked"


def test_a_variable_that_is_missing_or_unknown_is_exit_code_2(variables: dict[str, str]) -> None:
    missing = {name: value for name, value in variables.items() if "ROLE" not in name}
    assert run(missing, *MINT, "--create").exit_code == 2
    assert run(variables | {"EXTPROC_POSTGRESS_DSN": "x"}, "keys", "list").exit_code == 2


def test_every_command_shows_an_example() -> None:
    for words in ((), ("mint",), ("list",), ("show",), ("rotate",), ("revoke",)):
        result = CliRunner().invoke(main, ["keys", *words, "--help"])
        assert result.exit_code == 0
        assert "Example: extproc keys" in " ".join(result.output.split())
