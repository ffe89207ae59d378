import json
from pathlib import Path

from extproc.local.settings import Settings


def test_settings_are_the_same_at_the_next_start(tmp_path: Path) -> None:
    first = Settings.read(tmp_path / "settings.json").with_models(2).with_provider("openai", "http://127.0.0.1:1/v1")
    first.write(tmp_path / "settings.json")
    assert Settings.read(tmp_path / "settings.json") == first


def test_unreadable_settings_start_anew(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    for text in ("", "[]", '{"unknown": 1}', '{"model_ports": 1}', '{"model_ports": [], "unknown": 1}'):
        file.write_text(text)
        assert Settings.read(file).provider is None


def test_a_model_keeps_its_port_whether_there_are_more_or_fewer_beside_it() -> None:
    two = Settings().with_models(2)
    three = two.with_models(3)
    assert len(set(three.model_ports)) == 3
    assert three.model_ports[:2] == two.model_ports
    assert three.with_models(1).model_ports == two.model_ports[:1]


def test_a_state_directory_of_a_single_model_keeps_its_port(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"model_port": 4123, "provider": "openai", "provider_url": None}))
    settings = Settings.read(file)
    assert (settings.model_ports, settings.provider) == ((4123,), "openai")
