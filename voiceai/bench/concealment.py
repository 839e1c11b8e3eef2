"""``bench concealment``: how lost packets sound and what they cost recognition, beside others.

Recorded sentences go as packets over an emulated network, through the whole receiver and through
each other way, on one clock; PLCMOS judges what comes out, and the local recogniser writes it down.
"""

import multiprocessing
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Final

import numpy as np
import soxr

from asterisk.unpack import PackagesUnavailable
from pipelines.errors import ServiceUnavailable
from pipelines.services.moonshine import Moonshine
from voiceai.bench.errors import BenchUnavailable
from voiceai.bench.loss_traces import CONDITIONS, Condition, make_trace, sent_audio
from voiceai.bench.loss_ways import ENGINE, WAYS, play
from voiceai.bench.machine import describe_machine
from voiceai.bench.plcmos import Plcmos
from voiceai.bench.recordings import (
    SAMPLE_RATE_HZ,
    Recording,
    english_recordings,
    german_recordings,
)
from voiceai.bench.report import Budget, Chart, Measure, Report, Series
from voiceai.bench.word_errors import word_errors

__all__ = ["run_concealment"]

MODEL_RATE_HZ: Final = 16_000

DROP_BUDGETS: Final[Mapping[int, float]] = {3: 0.10, 5: 0.17, 10: 0.34}
"""By per cent of random loss: what ITU-T G.711 Appendix I drops."""

NOTHING_LOST: Final = Condition("random", 0)
SEEDS_PER_RECORDING: Final = 1000
NO_WORSE: Final = Budget("p50", 0)
WORD_ERROR_BUDGET: Final = {3: Budget("p50", 1)}

NOTES: Final = (
    "drop: mean over the recordings of (PLCMOS of what was sent - PLCMOS of what came out)",
    "each sample is one seed: the same losses for every way; word errors are of all English words",
    (
        "engine: the whole receiver at its default playout delay; silence and repetition: the same "
        "receiver with another filling; aiortp: its jitter buffer, adaptive playout and concealment"
    ),
    (
        "jitter: each packet up to so much earlier or later than the mean, in order; bursts: "
        "2.5 packets on average (Gilbert-Elliott)"
    ),
    "word errors: the recogniser writes the same samples differently after others, by a word",
    "recordings: voiceai/bench/recordings.py names them with their words and licences",
)


@dataclass(frozen=True, slots=True)
class _Result:
    """One recording over one network, one way."""

    way: str
    condition: Condition
    seed: int
    drop: float
    errors: int
    words: int
    delay: float


@dataclass(frozen=True, slots=True)
class _Work:
    """What is to be done with one recording."""

    recording: Recording
    place: int
    conditions: tuple[Condition, ...]
    seeds: int
    ways: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Judged:
    """The results of one recording, and its word errors when nothing is lost."""

    results: tuple[_Result, ...]
    clean_errors: tuple[int, ...]
    """By seed: of what the engine plays when nothing is lost."""
    words: int


def run_concealment(
    cache: Path,
    *,
    recordings: int = 46,
    seeds: int = 5,
    conditions: Sequence[Condition] = CONDITIONS,
    processes: int | None = None,
) -> Report:
    """Judge every way over every network.

    Args:
        cache: Folder that the recordings are unpacked below, the first time.
        recordings: How many at most, half of them German as far as there are so many.
        seeds: Losses of each recording over each network.
        conditions: The networks.
        processes: How many work at a time; one for each core unless given.

    Raises:
        BenchUnavailable: A package of the extra ``bench``, the recogniser or the recordings are
            not to be had.
    """
    judges = Plcmos(), _recogniser()  # says at once what is missing
    del judges
    machine = describe_machine()
    try:
        german = german_recordings(cache)[: recordings // 2]
        english = english_recordings(cache, more=True)[: recordings - len(german)]
    except PackagesUnavailable as error:
        raise BenchUnavailable(f"no recordings: {error}") from error
    work = [
        _Work(recording, place, tuple(conditions), seeds, tuple(WAYS))
        for place, recording in enumerate([*english, *german])
    ]
    with ProcessPoolExecutor(
        processes or os.cpu_count(), multiprocessing.get_context("spawn"), initializer=_prepare
    ) as pool:
        judged = list(pool.map(_judge, work))
    return Report(
        bench="concealment",
        machine=machine,
        parameters={"recordings": len(work), "seeds": seeds, "conditions": len(conditions)},
        measures=tuple(_measures(judged, conditions, seeds)),
        notes=NOTES,
        charts=tuple(_charts(judged, conditions, seeds)),
    )


_judges: list[tuple[Plcmos, Moonshine]] = []
"""Of this process of the pool."""


def _prepare() -> None:
    """Load the models, once per process."""
    _judges.append((Plcmos(), _recogniser()))


def _recogniser() -> Moonshine:
    try:
        return Moonshine()
    except ServiceUnavailable as error:
        raise BenchUnavailable(f"no local English recogniser: {error}") from error


def _judge(work: _Work) -> _Judged:
    """Send one recording over all networks."""
    plcmos, recogniser = _judges[0]
    recording = work.recording
    sent = sent_audio(recording.pcm)
    clean = plcmos.score(sent, SAMPLE_RATE_HZ)
    lossless = [
        make_trace(recording.pcm, NOTHING_LOST, _seed(work, seed)) for seed in range(work.seeds)
    ]
    written = [_word_errors(recogniser, recording, play(ENGINE, one).pcm) for one in lossless]
    words = written[0][1]
    results = []
    for condition in work.conditions:
        for seed in range(work.seeds):
            trace = make_trace(recording.pcm, condition, _seed(work, seed))
            for way in work.ways:
                heard = play(way, trace)
                drop = clean - plcmos.score(heard.pcm, SAMPLE_RATE_HZ)
                errors, _ = _word_errors(recogniser, recording, heard.pcm)
                results.append(_Result(way, condition, seed, drop, errors, words, heard.delay))
    return _Judged(tuple(results), tuple(errors for errors, _ in written), words)


def _seed(work: _Work, seed: int) -> int:
    return SEEDS_PER_RECORDING * work.place + seed


def _word_errors(recogniser: Moonshine, recording: Recording, pcm: bytes) -> tuple[int, int]:
    """Return errors and words; none of either for another language than the recogniser's."""
    if recording.language != "en":
        return 0, 0
    samples = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768
    resampled = np.asarray(soxr.resample(samples, SAMPLE_RATE_HZ, MODEL_RATE_HZ), np.float32)
    return word_errors(recording.text, recogniser.recognise(resampled))


@dataclass(frozen=True, slots=True)
class _Figures:
    """One way over one network, by seed."""

    drops: tuple[float, ...]
    word_error_points: tuple[float, ...]
    delays_ms: tuple[float, ...]


def _figures(judged: Sequence[_Judged], way: str, condition: Condition, seeds: int) -> _Figures:
    words = max(sum(one.words for one in judged), 1)
    clean = [sum(one.clean_errors[seed] for one in judged) for seed in range(seeds)]
    found = [
        [r for one in judged for r in one.results if (r.way, r.condition, r.seed) == key]
        for key in ((way, condition, seed) for seed in range(seeds))
    ]
    return _Figures(
        tuple(mean(r.drop for r in results) for results in found),
        tuple(
            100 * (sum(r.errors for r in results) - errors) / words
            for results, errors in zip(found, clean, strict=True)
        ),
        tuple(1000 * r.delay for results in found for r in results),
    )


def _measures(
    judged: Sequence[_Judged], conditions: Sequence[Condition], seeds: int
) -> list[Measure]:
    measures = []
    words = max(sum(one.words for one in judged), 1)
    clean = tuple(
        100 * sum(one.clean_errors[seed] for one in judged) / words for seed in range(seeds)
    )
    measures.append(Measure("nothing lost, engine: word error rate", "%", clean))
    for condition in conditions:
        of = {way: _figures(judged, way, condition, seeds) for way in WAYS}
        random = condition.kind == "random"
        budget = DROP_BUDGETS.get(condition.amount) if random else None
        for way, figures in of.items():
            limit = Budget("p50", budget) if budget and way == ENGINE else None
            measures.append(Measure(f"{condition.name}, {way}: drop", "MOS", figures.drops, limit))
        if condition.kind != "jitter" and condition.amount:
            best = zip(*(of[way].drops for way in ("silence", "aiortp")), strict=True)
            worse = tuple(o - min(b) for o, b in zip(of[ENGINE].drops, best, strict=True))
            name = f"{condition.name}, engine: drop beyond the better of silence and aiortp"
            measures.append(Measure(name, "MOS", worse, NO_WORSE))
        for way, figures in of.items():
            errors = WORD_ERROR_BUDGET.get(condition.amount) if random and way == ENGINE else None
            name = f"{condition.name}, {way}: word errors above clean"
            measures.append(Measure(name, "points", figures.word_error_points, errors))
        for way in (ENGINE, "aiortp"):
            name = f"{condition.name}, {way}: delay, path of 100 ms included"
            measures.append(Measure(name, "ms", of[way].delays_ms))
    return measures


def _charts(judged: Sequence[_Judged], conditions: Sequence[Condition], seeds: int) -> list[Chart]:
    charts = []
    for kind, x in (
        ("random", "random loss, %"),
        ("burst", "loss in bursts, %"),
        ("jitter", "jitter, ms to either side"),
    ):
        chosen = [c for c in conditions if c.kind == kind or not c.amount]
        if len(chosen) < 2:
            continue
        of = {way: [(c.amount, _figures(judged, way, c, seeds)) for c in chosen] for way in WAYS}
        charts += [
            Chart(
                f"PLCMOS drop, {kind}",
                x,
                "MOS",
                tuple(
                    Series(way, tuple((float(a), median(f.drops)) for a, f in points))
                    for way, points in of.items()
                ),
            ),
            Chart(
                f"word errors above clean, {kind}",
                x,
                "points",
                tuple(
                    Series(way, tuple((float(a), median(f.word_error_points)) for a, f in points))
                    for way, points in of.items()
                ),
            ),
        ]
    return charts
