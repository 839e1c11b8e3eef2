"""``make pico``: fetched once, below the data folder, and found there."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from asterisk.unpack import PackagesUnavailable
from pipelines.services import pico as service
from voiceai import pico
from voiceai.app import make_resources
from voiceai.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A machine without Pico, and a data folder without anything."""
    monkeypatch.setenv("VOICEAI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(service, "SYSTEM_LIBRARIES", ())
    monkeypatch.setattr(service, "SYSTEM_LINGWARE", tmp_path / "nowhere")
    monkeypatch.chdir(tmp_path)
    return load_settings().settings


class Mirror:
    """Debian packages, unpacked as asked; counts how often."""

    def __init__(self, *files: str) -> None:
        self.files = files
        self.asked: list[tuple[str, str, tuple[str, ...]]] = []

    def __call__(self, cache: Path, suite: str, component: str, names: Sequence[str]) -> Path:
        self.asked.append((suite, component, tuple(names)))
        for file in self.files:
            path = cache / "some-package" / "root" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return cache / "some-package" / "root"


FILES = ("usr/lib/x86_64-linux-gnu/libttspico.so.0", "usr/share/pico/lang/de-DE_ta.bin")


def test_is_fetched_once_and_found_by_what_takes_calls(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mirror = Mirror(*FILES)
    monkeypatch.setattr(pico, "ensure_packages", mirror)

    assert (pico.main(), pico.main()) == (0, 0)

    assert mirror.asked == [("bookworm", "non-free", ("libttspico0", "libttspico-data"))]
    resources = make_resources(settings)
    found = service.installed(resources)
    resources.close()
    assert found is not None
    assert found.library == tmp_path / "data" / "pico" / "some-package" / "root" / FILES[0]


def test_models_are_joined_in_one_folder_below_the_data(settings: Settings, tmp_path: Path) -> None:
    resources = make_resources(settings)
    resources.close()

    assert resources.params.cache_dir == tmp_path / "data"


@pytest.mark.usefixtures("settings")
def test_packages_that_cannot_be_had_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unavailable(*_: object) -> Path:
        raise PackagesUnavailable("no mirror")

    monkeypatch.setattr(pico, "ensure_packages", unavailable)

    assert pico.main() == 1
    assert "error: no mirror" in capsys.readouterr().err


@pytest.mark.usefixtures("settings")
def test_packages_without_the_voice_are_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pico, "ensure_packages", Mirror(FILES[0]))

    assert pico.main() == 1
    assert "do not hold what they should" in capsys.readouterr().err


@pytest.mark.usefixtures("settings")
def test_a_wrong_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RTP_PORT", "80")

    assert pico.main() == 2
    assert "RTP_PORT" in capsys.readouterr().err
