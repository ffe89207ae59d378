"""What the schema refuses whoever asks, its owner included."""

from collections.abc import Iterator

import psycopg
import pytest

KEY = "key_" + "a" * 22
OTHER = "key_" + "b" * 22


def insert_key(connection: psycopg.Connection, **changes: object) -> None:
    row = {
        "id": KEY,
        "digest": b"d" * 32,
        "organisation": "acme",
        "team": "search",
        "project": "ranking",
        "environment": "prod",
        "owner": "ada",
        "created_at": "2026-01-01",
        "hint": "gk_acme_…abcd",
    } | changes
    columns = ", ".join(row)
    values = ", ".join(f"%({name})s" for name in row)
    connection.execute(f"insert into virtual_keys ({columns}) values ({values})".encode(), row)  # noqa: S608 - a test


def log(connection: psycopg.Connection) -> int:
    query = "insert into admin_log (actor, action, subject, approval) values ('a', 'key.mint', 's', 'c') returning seq"
    return connection.execute(query).fetchone()[0]


@pytest.fixture
def owner(postgres_dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        for organisation in ("acme", "globex"):
            connection.execute("insert into organisations (id) values (%s)", (organisation,))
        connection.execute("insert into teams (organisation, id) values ('acme', 'search'), ('globex', 'ads')")
        connection.execute("insert into projects (organisation, team, id) values ('acme', 'search', 'ranking')")
        insert_key(connection)
        log(connection)
        yield connection


@pytest.mark.parametrize(
    "statement",
    [
        "update admin_log set actor = 'nobody'",
        "update admin_log set actor = actor where false",
        "delete from admin_log",
        "truncate admin_log",
        (
            "insert into admin_log (seq, actor, action, subject, approval) values (1, 'a', 'key.mint', 's', 'c')"
            " on conflict (seq) do update set actor = 'nobody'"
        ),
    ],
)
@pytest.mark.parametrize("role", ["origin", "replica"])
def test_the_admin_log_is_append_only(owner: psycopg.Connection, statement: str, role: str) -> None:
    owner.execute(f"set session_replication_role = {role}".encode())
    before = owner.execute("select * from admin_log").fetchall()
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        owner.execute(statement.encode())
    assert owner.execute("select * from admin_log").fetchall() == before


def test_the_log_numbers_itself_and_dates_itself(owner: psycopg.Connection) -> None:
    owner.execute(
        "insert into admin_log (seq, at, actor, action, subject, approval)"
        " values (77, '1999-01-01', 'a', 'key.mint', 's', 'c')"
    )
    assert owner.execute("select seq, at > '2026-01-01' from admin_log order by seq").fetchall()[-1] == (2, True)


def test_a_rolled_back_row_leaves_no_gap(owner: psycopg.Connection) -> None:
    with owner.transaction(force_rollback=True):
        assert log(owner) == 2
    assert log(owner) == 2


def test_a_later_number_is_never_visible_before_an_earlier_one(owner: psycopg.Connection, postgres_dsn: str) -> None:
    with psycopg.connect(postgres_dsn) as slow, psycopg.connect(postgres_dsn, autocommit=True) as quick:
        assert log(slow) == 2
        quick.execute("set statement_timeout = '200ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            log(quick)  # it waits: nobody gets number 3 while 2 is undecided
        slow.commit()
        assert log(quick) == 3


@pytest.mark.parametrize("approval", ["", "   ", "CHG\n1", "c" * 201])
def test_a_row_without_a_readable_approval_is_refused(owner: psycopg.Connection, approval: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        owner.execute(
            "insert into admin_log (actor, action, subject, approval) values ('a', 'key.mint', 's', %s)", (approval,)
        )


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("delete from virtual_keys", "never removed"),
        ("truncate virtual_keys", "never removed"),
        ("update virtual_keys set digest = sha256('x')", "does not change"),
        ("update virtual_keys set team = 'ads', organisation = 'globex'", "does not change"),
        ("update virtual_keys set revoked_at = null", "never undone"),
        ("update virtual_keys set revoked_at = revoked_at + interval '1 second'", "never undone"),
    ],
)
def test_a_key_is_what_it_was_minted_as_and_a_revocation_is_final(
    owner: psycopg.Connection, statement: str, says: str
) -> None:
    owner.execute("update virtual_keys set revoked_at = '2026-06-01'")
    with pytest.raises(psycopg.errors.RaiseException, match=says):
        owner.execute(statement.encode())


def test_a_project_cannot_belong_to_another_organisations_team(owner: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        owner.execute("insert into projects (organisation, team, id) values ('acme', 'ads', 'ranking')")
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        insert_key(owner, id=OTHER, digest=b"e" * 32, organisation="globex")


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"digest": b"d" * 32}, psycopg.errors.UniqueViolation),
        ({"digest": b"e" * 31}, psycopg.errors.CheckViolation),
        ({"id": "key_short"}, psycopg.errors.CheckViolation),
        ({"environment": "Prod"}, psycopg.errors.CheckViolation),
        ({"owner": "a\nb"}, psycopg.errors.CheckViolation),
        ({"expires_at": "2025-01-01"}, psycopg.errors.CheckViolation),
        ({"rotated_from": "key_" + "c" * 22}, psycopg.errors.ForeignKeyViolation),
    ],
)
def test_a_malformed_key_is_refused(
    owner: psycopg.Connection, changes: dict[str, object], refusal: type[psycopg.Error]
) -> None:
    with pytest.raises(refusal):
        insert_key(owner, **({"id": OTHER, "digest": b"e" * 32} | changes))
