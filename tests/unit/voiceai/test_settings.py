"""Settings from the environment and ``.env``, and what is said when they are wrong."""

from pathlib import Path

import pytest

from voiceai.errors import SettingsError
from voiceai.settings import EXAMPLES, LoadedSettings, Settings, load_settings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of this machine counts."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def load(monkeypatch: pytest.MonkeyPatch, **variables: str) -> LoadedSettings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return load_settings()


def test_nothing_needs_to_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch).settings

    assert settings.ari_url == "http://127.0.0.1:8088"
    assert (settings.rtp_port, settings.rtp_port_max) == (10000, 20000)
    assert not settings.has_database
    assert settings.default_pipeline() == "local-de"


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({"RTP_HOST": "pbx.example"}, "RTP_HOST"),
        ({"RTP_HOST": "0.0.0.0"}, "RTP_HOST"),  # noqa: S104
        ({"RTP_BIND": "eth0"}, "RTP_BIND"),
        ({"RTP_PORT": "80"}, "RTP_PORT"),
        ({"RTP_PORT": "ten"}, "RTP_PORT"),
        ({"RTP_PORT": "20000"}, "RTP_PORT_MAX"),
        ({"RTP_CODEC": "g729"}, "RTP_CODEC"),
        ({"RTP_CODEC": "slin16"}, "RTP_CODEC"),
        ({"RTP_RECEIVE": "opus"}, "RTP_RECEIVE"),
        ({"ARI_URL": "127.0.0.1:8088"}, "ARI_URL"),
        ({"DATABASE_URL": "mysql://x/y"}, "DATABASE_URL"),
        ({"DB_HOST": "db"}, "DB_USER"),
        ({"DB_HOST": "db", "DB_USER": "u"}, "DB_NAME"),
        ({"DB_USER": "u", "DB_NAME": "n"}, "DB_HOST"),
        ({"DB_PASSWORD": "p"}, "DB_HOST"),
        ({"VOICEAI_DEFAULT_LANGUAGE": "german!"}, "VOICEAI_DEFAULT_LANGUAGE"),
        ({"VOICEAI_PIPELINES": "/does/not/exist"}, "VOICEAI_PIPELINES"),
        ({"VOICEAI_MAX_CALLS": "0"}, "VOICEAI_MAX_CALLS"),
    ],
)
def test_a_wrong_value_is_named_with_an_example(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], name: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(monkeypatch, **variables)

    assert str(caught.value).startswith(name)
    assert "Example: " in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_secret_is_in_no_complaint(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError) as caught:
        load(monkeypatch, DATABASE_URL="mysql://user:geheim@db/x")

    assert "geheim" not in str(caught.value)


def test_the_environment_wins_over_the_file_and_both_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("ARI_USERNAME=file\nARI_PASSWORD=geheim\nRTP_CODEC=ulaw\n")

    rows = {row.name: row for row in load(monkeypatch, RTP_CODEC="alaw").describe()}

    assert (rows["ARI_USERNAME"].value, rows["ARI_USERNAME"].source) == ("file", ".env")
    assert (rows["RTP_CODEC"].value, rows["RTP_CODEC"].source) == ("alaw", "environment")
    assert (rows["ARI_PASSWORD"].value, rows["ARI_PASSWORD"].source) == ("********", ".env")
    assert (rows["HTTP_PORT"].value, rows["HTTP_PORT"].source) == ("8080", "default")


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load(monkeypatch, API_TOKEN="", DB_HOST="", RTP_PORT="")

    assert loaded.settings.api_token is None
    assert loaded.settings.rtp_port == 10000
    assert loaded.sources["RTP_PORT"] == "default"


def test_a_misspelt_variable_is_reported_with_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {"VOICEAI_DATADIR": "/x", "ARI_PASWORD": "y", "VOICEAI_SECRET_CRM": "z"}
    loaded = load(monkeypatch, **variables)

    assert loaded.warnings == (
        "ARI_PASWORD is not a setting; did you mean ARI_PASSWORD?",
        "VOICEAI_DATADIR is not a setting; did you mean VOICEAI_DATA_DIR?",
    )
    assert loaded.settings.tool_secrets["VOICEAI_SECRET_CRM"].get_secret_value() == "z"


@pytest.mark.parametrize(
    ("variables", "language", "expected"),
    [
        ({}, None, "local-de"),
        ({}, "en-US", "local-en"),
        ({"VOICEAI_DEFAULT_LANGUAGE": "en"}, None, "local-en"),
        ({"AZURE_SPEECH_KEY": "k", "AZURE_SPEECH_REGION": "r"}, None, "local-de"),
        (
            {"AZURE_SPEECH_KEY": "k", "AZURE_SPEECH_REGION": "r", "MISTRAL_API_KEY": "m"},
            "en",
            "azure-mistral-en",
        ),
        ({"VOICEAI_DEFAULT_PIPELINE": "mine-LANG"}, "en-GB", "mine-en"),
    ],
)
def test_the_default_pipeline_follows_keys_and_language(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], language: str | None, expected: str
) -> None:
    assert load(monkeypatch, **variables).settings.default_pipeline(language) == expected


def test_every_example_names_a_setting() -> None:
    assert {name.lower() for name in EXAMPLES} <= set(Settings.model_fields)
