"""The notebooks run from top to bottom with the services of this machine, and show something."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from asterisk.unpack import ensure_packages
from pipelines.errors import ServiceUnavailable
from pipelines.loader import load_library, resolve
from pipelines.params import ModelParams
from pipelines.resources import Resources
from pipelines.validate import validate
from tests.support.availability import have_or_skip
from tests.support.cache import cache_folder
from tests.support.notebooks import run_notebook
from voiceai.lab import Condition, Say

NOTEBOOKS = Path(__file__).resolve().parents[4] / "examples/notebooks"


@pytest.fixture(autouse=True)
def local_services(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine listens and speaks English; no key is set."""
    monkeypatch.setenv("VOICEAI_DATA_DIR", str(cache_folder()))
    monkeypatch.delenv("MISTRAL_API_KEY", raising=False)

    def look() -> None:
        resources = Resources(params=ModelParams(cache_dir=cache_folder()))
        try:
            spec = resolve(load_library()["local-en"]).spec
            for found in validate(spec, resources=resources):
                if found.severity == "error":
                    raise ServiceUnavailable(found)
        finally:
            resources.close()

    have_or_skip(look)


@pytest.fixture
def german(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And German, with a voice that is understood."""

    def look() -> Path:
        names = ("libttspico0", "libttspico-data")
        return ensure_packages(cache_folder(), "bookworm", "non-free", names)

    (tmp_path / "pico").symlink_to(have_or_skip(look))
    models = cache_folder() / "models"
    models.mkdir(parents=True, exist_ok=True)  # on a new machine there are none yet
    (tmp_path / "models").symlink_to(models)
    monkeypatch.setenv("VOICEAI_DATA_DIR", str(tmp_path))


async def test_a_prompt_is_talked_to_in_text_and_by_voice(german: None) -> None:
    turns = [Say("Wo kann ich parken?", interrupts_after=0.8)]
    ran = await run_notebook(NOTEBOOKS / "prompt.ipynb", {"TURNS": turns})
    first, second, recording = (ran.names[name] for name in ("first", "second", "recording"))

    assert first.answers[1:] == [
        "Unsere Sprechzeiten sind montags bis freitags von acht bis zwölf Uhr.",
        "Das weiß ich leider nicht.",
        "Auf Wiederhören.",
    ]
    assert second.answers[2] == "Parken können Sie kostenlos im Hof, Lindenstraße zwölf."
    assert first.ending == second.ending == "hangup"
    assert second.usage.characters > first.usage.characters
    assert "parken" in recording.exchanges[0].understood
    greeting, _, parking = recording.transcript.turns
    assert greeting.interrupted
    assert parking.text == second.answers[2]
    assert any("<audio" in each for each in ran.pictures)
    (drawing,) = [each for each in ran.pictures if each.startswith("<svg")]
    root = ET.fromstring(drawing)  # noqa: S314 - our own
    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "Parken können Sie" in " ".join(filter(None, texts))


async def test_two_prompts_are_compared() -> None:
    ran = await run_notebook(NOTEBOOKS / "compare.ipynb", {"PATIENCE": 1.0})
    comparison = ran.names["comparison"]

    assert comparison.score("with emergencies") == 1.0
    assert {caller for _, caller, _ in comparison.failed()} == {"emergency", "parking"}
    assert set(comparison.not_run()) == {"worried caller", "in a hurry"}
    usage = [comparison.usage(name) for name in comparison.pipelines]
    assert 0 < usage[0].tokens.prompt < usage[1].tokens.prompt
    assert comparison.cost("short prompt") is None
    assert len(ran.pictures) == 2


async def test_a_conversation_is_held_over_several_networks() -> None:
    conditions = {
        "good": Condition(),
        "bad": Condition.both(loss=0.3, delay=0.04, jitter=0.03),
    }
    parameters = {"CONDITIONS": conditions, "AXES": {"Network": {"A": "good", "B": "bad"}}}
    lines = {"TURNS": ["When are you open?"], "SHOWN": "bad"}
    ran = await run_notebook(NOTEBOOKS / "bad_networks.ipynb", {**parameters, **lines})
    trials = ran.names["trials"]

    assert list(trials.recordings) == ["good", "bad"]
    assert trials.word_error_rate("good") < 0.5
    assert trials.hearing_error_rate("good") < 0.5
    assert trials.unanswered("good") == 0
    assert trials.concealed("good") < 0.1 < trials.concealed("bad")
    assert all("<svg" in each or "<table" in each for each in ran.pictures)
    assert len(ran.pictures) == 4
