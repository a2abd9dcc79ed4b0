"""Settings: what is misspelt or wrong stops the start and is named."""

import threading
from pathlib import Path

import pytest

from app.config import BadSetting, Settings, load_settings


def read(**values: str) -> Settings:
    return load_settings({f"HUIYIN_{k.upper()}": v for k, v in values.items()}, dotenv=None)


def test_nothing_given_gives_the_defaults():
    assert read() == Settings()
    assert Settings().database.endswith("huiyin.sqlite3")
    assert Settings(base_url="https://desk.example/").site_url == "https://desk.example"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROT", "8000"),
        ("PORT", "eighty"),
        ("PORT", "0"),
        ("DEMO", "maybe"),
        ("DATABASE_URL", "mysql://x"),
        ("REDIS_URL", "http://x"),
        ("TIME_ZONE", "Mars/Base"),
        ("LANGUAGE", "fr"),
        ("SEARCH_URL", "http://x:9200"),
        ("SEARCH_URL", "opensearch://"),
        ("SEARCH_URL", "opensearch://x:99999"),
        ("SEARCH_URL", "opensearch://x/Desk"),
        ("SEARCH_URL", "opensearch://x?tls=yes"),
        ("FILES_URL", "s3://x"),
    ],
)
def test_a_wrong_setting_is_named(name, value):
    with pytest.raises(BadSetting) as problem:
        load_settings({f"HUIYIN_{name}": value}, dotenv=None)
    assert f"HUIYIN_{name}" in str(problem.value)


def test_a_misspelt_setting_is_answered_with_the_near_one():
    with pytest.raises(BadSetting, match=r"^HUIYIN_PROT: .* did you mean HUIYIN_PORT\?$"):
        load_settings({"HUIYIN_PROT": "8001"}, dotenv=None)
    with pytest.raises(BadSetting, match=r"^HUIYIN_PORT: 'abc' cannot be used: use a whole number from 1 to 65535$"):
        load_settings({"HUIYIN_PORT": "abc"}, dotenv=None)


def test_secrets_are_not_repeated_in_the_message():
    with pytest.raises(BadSetting) as problem:
        load_settings({"HUIYIN_DATABASE_URL": "mysql://me:hunter2@x"}, dotenv=None)
    assert "hunter2" not in str(problem.value)


def test_a_variable_wins_over_the_file(tmp_path: Path):
    (tmp_path / ".env").write_text("HUIYIN_PORT=9001\nHUIYIN_DEMO=1\nOTHER=x\n")
    found = load_settings({"HUIYIN_PORT": "9002"}, dotenv=tmp_path / ".env")
    assert (found.port, found.demo) == (9002, True)


def test_an_empty_value_means_the_default():
    assert read(port="", database_url="").port == 8000


def test_the_key_is_made_once_even_by_two_at_a_time(tmp_path: Path):
    settings = Settings(data_dir=tmp_path)
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(settings.signing_key())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1 and len(found[0]) == 64
    assert (tmp_path / "secret.key").stat().st_mode & 0o077 == 0
    assert [p.name for p in tmp_path.iterdir()] == ["secret.key"]
