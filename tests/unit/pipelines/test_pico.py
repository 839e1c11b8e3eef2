"""Where Pico is found, and what is said where it is not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.loader import load_library, resolve
from pipelines.params import ModelParams
from pipelines.resources import Resources
from pipelines.services import espeak, pico
from pipelines.services.local import voice
from pipelines.spec import PipelineSpec
from pipelines.validate import validate

UNPACKED = "bookworm-libttspico0-0123/unpacked/usr"


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with espeak-ng and without Pico."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / espeak.PROGRAM
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.setattr(pico, "SYSTEM_LIBRARIES", (tmp_path / "lib",))
    monkeypatch.setattr(pico, "SYSTEM_LINGWARE", tmp_path / "share")
    return tmp_path


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """Pico's Debian packages, below a folder of their own."""
    folder = tmp_path / "data" / "pico"
    put(folder / UNPACKED / "lib/x86_64-linux-gnu/libttspico.so.0")
    put(folder / UNPACKED / "share/pico/lang/de-DE_ta.bin")
    return folder


@pytest.fixture
def resources(tmp_path: Path) -> Iterator[Resources]:
    resources = Resources(params=ModelParams(pico_dir=tmp_path / "data" / "pico"))
    yield resources
    resources.close()


def put(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def shipped(name: str) -> PipelineSpec:
    return resolve(load_library()[name]).spec


def hints(resources: Resources, spec: PipelineSpec) -> list[str]:
    found = validate(spec, resources=resources)
    return [str(finding) for finding in found if finding.severity == "hint"]


def test_is_found_where_its_packages_are_unpacked(unpacked: Path) -> None:
    assert pico.find(unpacked) == pico.Installation(
        unpacked / UNPACKED / "lib/x86_64-linux-gnu/libttspico.so.0",
        unpacked / UNPACKED / "share/pico/lang",
    )


def test_is_looked_for_in_the_system_first(machine: Path, unpacked: Path) -> None:
    put(machine / "lib" / "x86_64-linux-gnu" / "libttspico.so.0")
    put(machine / "share" / "de-DE_ta.bin")

    assert pico.find(unpacked) == pico.Installation(
        machine / "lib/x86_64-linux-gnu/libttspico.so.0", machine / "share"
    )


def test_a_library_without_its_languages_is_nothing(unpacked: Path) -> None:
    (unpacked / UNPACKED / "share/pico/lang/de-DE_ta.bin").unlink()

    assert pico.find(unpacked) is None


def test_a_folder_that_is_not_there_is_nothing(tmp_path: Path) -> None:
    assert pico.find(tmp_path / "data" / "pico") is None
    assert pico.find(None) is None


@pytest.mark.usefixtures("unpacked")
def test_german_is_spoken_by_pico_where_it_is(resources: Resources) -> None:
    spec = shipped("local-de")

    assert voice(resources, spec) is pico.PICO
    assert hints(resources, spec) == []


def test_german_without_pico_comes_with_a_hint(resources: Resources) -> None:
    spec = shipped("local-de")

    assert voice(resources, spec) is espeak.ESPEAK
    (hint,) = hints(resources, spec)
    assert "de-DE is spoken by espeak-ng, which sounds like a robot" in hint
    assert "make pico" in hint


@pytest.mark.parametrize("language", ["en-US", "pl-PL"])
def test_a_language_for_which_pico_is_not_the_voice_has_no_hint(
    resources: Resources, language: str
) -> None:
    spec = shipped("local-de").model_copy(update={"language": language})

    assert hints(resources, spec) == []


def test_a_missing_espeak_is_an_error_and_no_hint(
    machine: Path, monkeypatch: pytest.MonkeyPatch, resources: Resources
) -> None:
    monkeypatch.setenv("PATH", str(machine))
    spec = shipped("local-de")

    assert hints(resources, spec) == []
    assert "espeak-ng is not installed" in {
        finding.message for finding in validate(spec, resources=resources)
    }


def test_a_language_that_whisper_does_not_know_is_named(resources: Resources) -> None:
    spec = shipped("local-de").model_copy(update={"language": "xx-XX"})

    assert "Whisper does not know the language xx" in {
        finding.message for finding in validate(spec, resources=resources)
    }
