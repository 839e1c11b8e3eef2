"""``bench turn-model``: whether whole sentences are told from cut ones, and what a judgement costs.

Our turn model beside the file as Pipecat ships it, on the same recordings, in turns.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources as package_files
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from asterisk.unpack import PackagesUnavailable
from pipelines.smart_turn import (
    COMPLETE_PROBABILITY,
    MODEL_FILE,
    MODEL_PACKAGE,
    SmartTurnModel,
    TurnModel,
    features,
)
from voiceai.bench.errors import BenchUnavailable
from voiceai.bench.machine import describe_machine
from voiceai.bench.recordings import SAMPLE_RATE_HZ
from voiceai.bench.report import Budget, Chart, Machine, Measure, Report, Series
from voiceai.bench.roc import auc, auc_differences, roc
from voiceai.bench.turn_recordings import SPEAKERS, TurnRecording, turn_recordings

__all__ = [
    "DEFAULT_SPEAKERS",
    "Judged",
    "ShippedTurnModel",
    "judge_turns",
    "run_turn_model",
    "turn_model_report",
]

DEFAULT_SPEAKERS: Final = ("en", "de", "es", "fr")

SHIPPED: Final = "shipped"
OURS: Final = "ours"
THRESHOLDS: Final[Mapping[str, float]] = {SHIPPED: 0.5, OURS: COMPLETE_PROBABILITY}
"""A turn is complete above; Pipecat's own for the file that it ships."""

DRAWS: Final = 1000
SEED: Final = 1
NO_WORSE: Final = Budget("p95", 0.01)
"""Not met by a model that is worse, nor by too few recordings to tell."""

NOTES: Final = (
    (
        "AUC: how often a whole sentence is given a higher probability of being complete than one "
        "that was cut off, whatever the threshold; 0.5 is chance"
    ),
    (
        "shipped - ours: of the recordings drawn anew 1000 times (bootstrap); within its budget it "
        "is 95 % sure that ours loses no more than 0.01"
    ),
    (
        "a judgement: features and model on one thread, its processor time; in turns, the other "
        "first each time. The features are ours in both: Pipecat's own take a second thread"
    ),
    (
        "cut: at 35 to 75 % of the sentence, at random; half a second of quiet before, 0.2 s after."
        " Some prompts are no whole sentence and some cuts leave one: no model can reach 1"
    ),
    "recordings: voiceai/bench/turn_recordings.py names them with their licences",
)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a system said of one recording.

    Attributes:
        speaker: A key of `SPEAKERS`.
        whole: How probable it is that the whole sentence is complete.
        cut: Likewise, of the one that was cut off.
        milliseconds: Processor time of the two judgements.
    """

    speaker: str
    whole: float
    cut: float
    milliseconds: tuple[float, float]


class ShippedTurnModel:
    """The file as Pipecat ships it, on one thread."""

    def __init__(self) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        model = package_files.files(MODEL_PACKAGE).joinpath(MODEL_FILE).read_bytes()
        self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def probability(self, samples: NDArray[np.float32]) -> float:
        """Judge; see :class:`TurnModel`."""
        heard = features(samples, SAMPLE_RATE_HZ)[np.newaxis]
        return float(self._session.run(None, {"input_features": heard})[0][0].item())


def run_turn_model(
    cache: Path, *, recordings_per_speaker: int = 40, speakers: Sequence[str] = DEFAULT_SPEAKERS
) -> Report:
    """Let both systems judge sentences of some speakers.

    Args:
        cache: Folder that the recordings are unpacked below, the first time.
        recordings_per_speaker: At most.
        speakers: Keys of `SPEAKERS`.

    Raises:
        BenchUnavailable: The recordings are not to be had.
    """
    machine = describe_machine()
    try:
        recordings = [
            recording
            for speaker in speakers
            for recording in turn_recordings(cache, speaker, recordings_per_speaker)
        ]
    except PackagesUnavailable as error:
        raise BenchUnavailable(f"no recordings: {error}") from error
    models: dict[str, TurnModel] = {SHIPPED: ShippedTurnModel(), OURS: SmartTurnModel()}
    return turn_model_report(machine, judge_turns(recordings, models))


def judge_turns(
    recordings: Sequence[TurnRecording], models: Mapping[str, TurnModel]
) -> dict[str, list[Judged]]:
    """Return what each model says of each recording, by the model's name. Blocks.

    Every other recording the last model is the first to judge.
    """
    silence = np.zeros(SAMPLE_RATE_HZ, np.float32)
    for model in models.values():
        model.probability(silence)  # the first takes three times as long
    judged: dict[str, list[Judged]] = {name: [] for name in models}
    order = list(models)
    for recording in recordings:
        for name in order:
            whole, whole_time = _timed(models[name], recording.whole)
            cut, cut_time = _timed(models[name], recording.cut)
            judged[name].append(Judged(recording.speaker, whole, cut, (whole_time, cut_time)))
        order.reverse()
    return judged


def _timed(model: TurnModel, samples: NDArray[np.float32]) -> tuple[float, float]:
    began = time.thread_time()
    probability = model.probability(samples)
    return probability, 1000 * (time.thread_time() - began)


def turn_model_report(machine: Machine, judged: Mapping[str, Sequence[Judged]]) -> Report:
    """Return the report of what was judged.

    Args:
        machine: Where.
        judged: By system, of the same recordings in the same order, not empty.
    """
    speakers = tuple(dict.fromkeys(one.speaker for one in judged[OURS]))
    count = {name: sum(one.speaker == name for one in judged[OURS]) for name in speakers}
    thresholds = ", ".join(f"{name} {threshold:g}" for name, threshold in THRESHOLDS.items())
    return Report(
        bench="turn-model",
        machine=machine,
        parameters={"speakers": " ".join(speakers), "recordings": len(judged[OURS])},
        measures=tuple(_measures(judged, speakers)),
        notes=(
            *NOTES,
            "speakers: " + "; ".join(f"{n} {SPEAKERS[n].who} ({count[n]})" for n in speakers),
            f"complete: a probability above: {thresholds}",
        ),
        charts=(_chart(judged),),
    )


def _measures(judged: Mapping[str, Sequence[Judged]], speakers: Sequence[str]) -> Iterator[Measure]:
    times = {name: [ms for one in of for ms in one.milliseconds] for name, of in judged.items()}
    for name, samples in times.items():
        yield Measure(f"a judgement, {name}", "ms", tuple(samples))
    pairs = zip(times[OURS], times[SHIPPED], strict=True)
    yield Measure("a judgement, ours of shipped", "%", tuple(100 * a / b for a, b in pairs))
    for name, of in judged.items():
        yield Measure(f"AUC, {name}", "AUC", (auc(*_scores(of)),))
    lost = auc_differences(_scores(judged[SHIPPED]), _scores(judged[OURS]), draws=DRAWS, seed=SEED)
    yield Measure("AUC, shipped - ours", "AUC", lost, NO_WORSE)
    for speaker in speakers:
        for name, of in judged.items():
            own = _scores([one for one in of if one.speaker == speaker])
            yield Measure(f"AUC, {speaker}, {name}", "AUC", (auc(*own),))
    for place, kind in enumerate(("whole", "cut")):
        for name, of in judged.items():
            share = 100 * float((_scores(of)[place] > THRESHOLDS[name]).mean())
            yield Measure(f"{kind} judged complete, {name}", "%", (share,))
    verdicts = [np.array(_scores(of)) > THRESHOLDS[name] for name, of in judged.items()]
    different = 100 * float((verdicts[0] != verdicts[1]).mean())
    yield Measure("verdicts that are different", "%", (different,))


def _scores(judged: Sequence[Judged]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the probabilities of the whole and of the cut sentences."""
    return np.array([one.whole for one in judged]), np.array([one.cut for one in judged])


def _chart(judged: Mapping[str, Sequence[Judged]]) -> Chart:
    return Chart(
        "judged complete, by threshold",
        "of the cut, %",
        "of the whole, %",
        tuple(
            Series(name, tuple((100 * x, 100 * y) for x, y in roc(*_scores(of))))
            for name, of in judged.items()
        ),
    )
