from pathlib import Path

import pytest

from extproc.config.environment import VARIABLES, Environment, EnvironmentInvalid, read_environment


def test_every_field_has_a_variable_that_is_explained_and_there_are_no_others() -> None:
    assert set(VARIABLES) == {f"EXTPROC_{name.upper()}" for name in Environment.__dataclass_fields__}
    assert all(VARIABLES.values())


def test_nothing_set_is_all_defaults_and_other_programs_variables_are_not_ours() -> None:
    assert read_environment({}) == Environment()
    assert read_environment({"PATH": "/bin", "POSTGRES_DSN": "x", "extproc_config": "y"}) == Environment()


def test_each_variable_reaches_its_own_field_and_paths_are_paths() -> None:
    read = read_environment({name: f"/value/of/{name}" for name in VARIABLES})
    for name in Environment.__dataclass_fields__:
        value, default = getattr(read, name), getattr(Environment(), name)
        assert str(value) == f"/value/of/EXTPROC_{name.upper()}"
        assert isinstance(value, Path) == (name.endswith(("_file", "_dir")) or isinstance(default, Path))


def test_every_mistake_is_named_at_once_and_no_value_is_repeated() -> None:
    with pytest.raises(EnvironmentInvalid) as refused:
        read_environment({"EXTPROC_REDIS_PASSWORD": "hunter2", "EXTPROC_CONFIG": "", "EXTPROC_VAULT_ADDR": ""})
    said = str(refused.value)
    assert "EXTPROC_REDIS_PASSWORD is not known" in said
    assert "EXTPROC_REDIS_PASSWORD_FILE" in said
    assert f"EXTPROC_CONFIG is empty; set it to the {VARIABLES['EXTPROC_CONFIG']}" in said
    assert "EXTPROC_VAULT_ADDR is empty" in said
    assert "hunter2" not in said


def test_no_variable_is_for_a_secret_itself() -> None:
    """Other users can see the environment of a process they own, and it ends up in crash reports."""
    for name, what in VARIABLES.items():
        if any(word in name for word in ("PASSWORD", "SECRET", "ROLE_ID", "TOKEN")):
            assert name.endswith("_FILE")
            assert "file" in what
