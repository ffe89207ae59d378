from pathlib import Path

from extproc.local.settings import Settings


def test_settings_are_the_same_at_the_next_start(tmp_path: Path) -> None:
    first = Settings.read(tmp_path / "settings.json").with_provider("openai", "http://127.0.0.1:1/v1")
    first.write(tmp_path / "settings.json")
    assert Settings.read(tmp_path / "settings.json") == first


def test_unreadable_settings_start_anew(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    for text in ("", "[]", '{"unknown": 1}'):
        file.write_text(text)
        assert Settings.read(file).provider is None
