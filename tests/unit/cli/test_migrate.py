import json

import psycopg

from tests.unit.cli.scripted_admin import typed


def test_it_says_what_it_applied_and_the_second_time_that_there_was_nothing_to_do(empty_postgres_dsn: str) -> None:
    first = typed("migrate", EXTPROC_POSTGRES_DSN=empty_postgres_dsn)
    again = typed("migrate", EXTPROC_POSTGRES_DSN=empty_postgres_dsn)
    assert (first.exit_code, again.exit_code) == (0, 0)
    assert all(line.startswith("applied ") and line.endswith(".sql") for line in first.stdout.splitlines())
    assert again.stdout == "The schema is up to date.\n"


def test_a_script_gets_the_files_in_the_order_they_were_applied(empty_postgres_dsn: str) -> None:
    applied = json.loads(typed("migrate", "--json", EXTPROC_POSTGRES_DSN=empty_postgres_dsn).stdout)["applied"]
    assert applied
    assert applied == sorted(applied)
    assert json.loads(typed("migrate", "--json", EXTPROC_POSTGRES_DSN=empty_postgres_dsn).stdout) == {"applied": []}


def test_a_schema_of_a_newer_version_is_left_alone_and_is_exit_code_1(postgres_dsn: str) -> None:
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute(
            "insert into schema_migrations (number, name, checksum) values (9999, '9999_future.sql', 'x')"
        )
    result = typed("migrate", EXTPROC_POSTGRES_DSN=postgres_dsn)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("extproc migrate: ")
    assert "9999_future.sql" in result.stderr


def test_a_variable_that_is_not_known_is_exit_code_2_before_any_database_is_touched(empty_postgres_dsn: str) -> None:
    result = typed("migrate", EXTPROC_POSTGRES_DSN=empty_postgres_dsn, EXTPROC_POSTGRES="x")
    assert result.exit_code == 2
    with psycopg.connect(empty_postgres_dsn) as connection:
        assert connection.execute("select to_regclass('virtual_keys')").fetchone() == (None,)


def test_a_postgres_that_cannot_be_reached_is_exit_code_3() -> None:
    result = typed("migrate", EXTPROC_POSTGRES_DSN="postgresql:///x?host=/nowhere")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith("extproc migrate: postgres unavailable")
