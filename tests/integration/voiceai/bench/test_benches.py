"""One tiny run of each bench: that it measures, stops by itself and says what it did."""

import asyncio
import contextlib
import json
import subprocess
import sys
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import pytest_asyncio

from pipelines.registry import REGISTRY
from pipelines.resources import Resources
from pipelines.spec import PipelineSpec
from tests.integration.voiceai.conftest import forget_database
from tests.support.availability import have_or_skip
from tests.support.speech import english_prompts
from voiceai.bench import capacity, place
from voiceai.bench.cpu import run_cpu
from voiceai.bench.errors import BenchUnavailable
from voiceai.bench.jitter import LOADS, WAYS
from voiceai.bench.report import Measure, Report
from voiceai.bench.setup import run_setup
from voiceai.bench.speech import recorded_sentences
from voiceai.bench.store import run_store
from voiceai.bench.turns import run_turns
from voiceai.demo.stage import Stage, simulator_stage
from voiceai.settings import Settings


@contextlib.asynccontextmanager
async def simulated(_cache: Path) -> AsyncIterator[tuple[Stage, str]]:
    async with simulator_stage() as stage:
        yield stage, "a test"


@pytest.fixture
def settings(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A data folder of the test's own; calls go through the simulator."""
    monkeypatch.setattr(place, "best_stage", simulated)
    return Settings(_env_file=None, voiceai_data_dir=data_dir)


@pytest.fixture(scope="session")
def _voice() -> None:
    def check() -> None:
        entry = REGISTRY["tts"]["local"]
        spec = PipelineSpec(name="caller", language="en-US")
        for kind in ("stt", "tts"):
            entry = REGISTRY[kind]["local"]
            if finding := entry.check(Resources(), entry.params(), spec):
                raise BenchUnavailable(str(finding))

    have_or_skip(check)


def named(report: Report) -> dict[str, Measure]:
    return {measure.name: measure for measure in report.measures}


def least_of(report: Report) -> list[Measure]:
    return [measure for measure in report.measures if measure.name.startswith("at least: ")]


async def test_store_measures_changes_told_and_asked_and_look_ups(settings: Settings) -> None:
    report = await run_store(settings, changes=1, numbers=3)

    assert [measure.name for measure in report.measures] == [
        "changed row -> answers a call, told",
        "changed row -> found without a call, told",
        "changed row -> answers a call, asked",
        "changed row -> found without a call, asked",
        "look-up of a number",
        "look-up of nobody's number",
    ]
    assert all(measure.samples for measure in report.measures)


@pytest.mark.usefixtures("_voice")
async def test_cpu_measures_every_phase(settings: Settings) -> None:
    report = await run_cpu(settings, calls=2, seconds=1)

    found = named(report)
    for phase in ("listening", "conversing", "talking"):
        cost = found[f"{phase}: cpu per call"].samples
        assert len(cost) == 1
        assert min(cost) > 0
        assert 0 < found[f"{phase}:   of it voice activity"].samples[0] < min(cost)
        assert found[f"{phase}:   of it the kernel"].samples[0] >= 0
    *parts, whole = [measure.samples[0] for measure in least_of(report)]
    assert min(parts) > 0
    assert whole == pytest.approx(sum(parts))
    assert "memory per call, just opened" in found
    assert found["talking: packets with the assistant's speech"].samples[0] > 25
    assert found["talking: turns per call"].samples == (0,)
    assert found["listening: packets with the assistant's speech"].samples == (0,)


@dataclass(frozen=True, slots=True)
class Reports:
    """What was found by benches that mostly wait, all at once."""

    setup: Report
    turns: Report
    capacity: Report


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def reports(_voice: None, tmp_path_factory: pytest.TempPathFactory) -> Reports:
    """Telephones ring, and both systems are asked how many calls they carry."""
    have_or_skip(english_prompts)
    folder = tmp_path_factory.mktemp("reports")
    recordings = folder / "recordings"
    recordings.mkdir()
    for prompt in english_prompts()[:2]:
        with wave.open(str(recordings / f"{prompt.name}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(prompt.pcm)
    with pytest.MonkeyPatch.context() as monkeypatch:
        forget_database(monkeypatch)
        monkeypatch.setattr(place, "best_stage", simulated)
        monkeypatch.setattr(capacity, "TURN_SECONDS", 5.0)
        monkeypatch.setattr(capacity, "SETTLE_SECONDS", 1.0)
        monkeypatch.setattr(capacity, "TRIES", 1)
        setup, turns, many = (
            Settings(_env_file=None, voiceai_data_dir=folder / name)
            for name in ("setup", "turns", "capacity")
        )
        return Reports(
            *await asyncio.gather(
                run_setup(setup, calls=2),
                run_turns(turns, turns=1),
                capacity.run_capacity(many, seconds=8, calls=(2,), recordings=recordings),
            )
        )


@pytest.mark.timeout(150)
def test_capacity_has_turns_answered_by_both_systems_in_one_run(reports: Reports) -> None:
    report = reports.capacity

    found = named(report)
    for system in ("voiceai", "stock Pipecat"):
        label = f"{system}, 2 calls"
        assert len(found[f"{label}: own share of a turn's wait"].samples) >= 2
        assert len(found[f"{label}: gap"].samples) >= 2 * 50
        assert min(found[f"{label}: cpu per call, all"].samples) > 0
    assert len(report.charts) == 4


@pytest.mark.timeout(150)
def test_setup_lists_the_first_call_apart(reports: Reports) -> None:
    report = reports.setup

    found = named(report)
    assert len(found["entry -> first packet of greeting"].samples) == 2
    assert len(found["first call: entry -> first packet of greeting"].samples) == 1
    for measure in report.measures:
        assert min(measure.samples) >= 0
    assert report.notes[0].startswith("through the simulator")


@pytest.mark.timeout(150)
def test_turns_measures_both_ends_of_the_wire(reports: Reports) -> None:
    report = reports.turns

    found = named(report)
    assert "1 of 1 sentences were answered, 0 of them taken for two" in report.notes
    parts = ("endpointing", "stt", "turn", "llm", "tts", "queue")
    for turn, total in enumerate(found["wire: total"].samples):
        assert sum(found[f"wire:   {part}"].samples[turn] for part in parts) == pytest.approx(total)
        heard = found["caller: last speech said -> first heard"].samples[turn]
        between = (
            "caller:   said -> speech last noticed",
            "caller:   answer's first packet -> heard",
        )
        assert heard == pytest.approx(total + sum(found[name].samples[turn] for name in between))


def test_a_folder_without_recordings_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BenchUnavailable, match=str(tmp_path)):
        recorded_sentences(tmp_path)
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    with pytest.raises(BenchUnavailable, match=r"broken\.wav"):
        recorded_sentences(tmp_path)


@pytest.fixture(scope="module")
def jitter_command(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """What a short `voiceai bench jitter` wrote: JSON, and a picture in a new folder."""
    picture = tmp_path_factory.mktemp("jitter") / "new" / "jitter.svg"
    arguments = f"voiceai bench jitter --streams 2 --seconds 1 --json --plot {picture}"
    command = (
        f"import sys; sys.path[:] = {sys.path!r}; sys.argv = {arguments.split()!r}; "
        "from voiceai.cli.main import run; run()"
    )

    done = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, check=True, timeout=50
    )

    return json.loads(done.stdout), picture


def test_jitter_measures_every_way_under_every_load_in_one_run(
    jitter_command: tuple[dict[str, Any], Path],
) -> None:
    document, _ = jitter_command
    found = {measure["name"]: measure["n"] for measure in document["measures"]}

    assert set(found) == {
        f"2 streams, {load}, {way}: {what}"
        for load in LOADS
        for way in WAYS
        for what in ("|interval - 20|", "|drift|")
    }
    for load in LOADS:
        for way in WAYS:
            label = f"2 streams, {load}, {way}"
            assert found[f"{label}: |drift|"] == 2
            assert 2 * 25 <= found[f"{label}: |interval - 20|"] <= 2 * 100
    assert [len(chart["series"]) for chart in document["charts"]] == [len(WAYS)] * len(LOADS)


def test_jitter_judges_no_bare_timer_but_tells_how_it_is_ranked(
    jitter_command: tuple[dict[str, Any], Path],
) -> None:
    document, _ = jitter_command
    bare = [measure for measure in document["measures"] if ", bare:" in measure["name"]]

    assert not any("budget" in measure for measure in bare)
    ranked = dict(each.split(": ") for each in document["machine"]["scheduling"].split(", "))
    assert ranked["bare"] == ranked["process"]


def test_the_command_writes_json_and_a_picture_beside_the_same_json(
    jitter_command: tuple[dict[str, Any], Path],
) -> None:
    document, picture = jitter_command

    assert document["bench"] == "jitter"
    assert document["machine"]["cores"] >= 1
    assert set(document["measures"][0]["budget"]) == {"p99", "met"}
    assert json.loads(picture.with_suffix(".json").read_text()) == document
    drawn = ET.fromstring(picture.read_text())  # noqa: S314 - ours
    assert drawn.tag == "{http://www.w3.org/2000/svg}svg"
