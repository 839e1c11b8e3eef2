"""The ears of all calls: windows of 32 ms out of whatever arrives, scored together."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from transports.audio.endpointing import EndpointingParams, Hearing, Verdict
from transports.rtp.events import ArrivedAudio
from transports.vad import VoiceActivity, VoiceDetector

FRAME = (np.ones(160) * 3000).astype("<i2").tobytes()
LOUD_WINDOW = (np.ones(256) * 3000).astype("<i2").tobytes()
PARAMS = EndpointingParams(start_seconds=0.096, stop_seconds=0.192)


class Scripted:
    """A scorer that was told what each call says: `#` for a window of speech, `.` for quiet."""

    def __init__(self, *calls: str) -> None:
        self.batches: list[int] = []
        self.open_rows: set[int] = set()
        self._calls = [iter(windows) for windows in calls]

    def open(self, params: EndpointingParams) -> int:
        row = next(row for row in range(99) if row not in self.open_rows)
        self.open_rows.add(row)
        return row

    def close(self, row: int) -> None:
        self.open_rows.remove(row)

    def score(
        self,
        rows: Sequence[int],
        speaking: Sequence[bool],
        samples: NDArray[np.float32],
        levels: Sequence[float],
    ) -> list[float]:
        assert len(set(rows)) == len(rows) == len(speaking) == len(samples) == len(levels)
        self.batches.append(len(rows))
        return [0.9 if next(self._calls[row], ".") == "#" else 0.1 for row in rows]


def open_ear(
    activity: VoiceActivity, params: EndpointingParams = PARAMS
) -> tuple[VoiceDetector, list[Hearing]]:
    heard: list[Hearing] = []
    detector = activity.open(params, model="script")
    detector.on_hearing = heard.append
    return detector, heard


def tick(activity: VoiceActivity, at: float, *detectors: VoiceDetector) -> None:
    for detector in detectors:
        detector.put(ArrivedAudio(FRAME, at))
    activity.run()


def verdicts(heard: Sequence[Hearing]) -> list[Verdict]:
    return [each.verdict for each in heard if each.verdict is not Verdict.NOTHING]


def test_a_verdict_comes_in_the_tick_that_fills_its_window_with_the_time_of_its_packet() -> None:
    activity = VoiceActivity({"script": lambda: Scripted("###")})
    detector, heard = open_ear(activity)

    told = []
    for number in range(5):
        tick(activity, 10.0 + number, detector)
        told.append([hearing.verdict for hearing in heard])
        heard.clear()

    assert told == [[], [Verdict.SUSPECTED], [], [Verdict.NOTHING], [Verdict.STARTED]]
    assert detector.speaking


def test_what_is_heard_tells_level_and_arrival() -> None:
    activity = VoiceActivity({"script": lambda: Scripted("#")})
    detector, heard = open_ear(activity)

    detector.put(ArrivedAudio(FRAME, 10.0))
    detector.put(ArrivedAudio(FRAME, None))  # a hole that was filled
    activity.run()

    (hearing,) = heard
    assert hearing.level == pytest.approx(20 * np.log10(3000 / 32768))
    assert hearing.arrived_at == 10.0
    assert hearing.voiced
    assert not hearing.speaking


def test_quiet_is_told_until_it_is_sure_that_nobody_speaks() -> None:
    activity = VoiceActivity({"script": lambda: Scripted("..#..###......#")})
    detector, heard = open_ear(activity)

    for number in range(15):
        detector.put(ArrivedAudio(LOUD_WINDOW, float(number)))
        activity.run()

    assert [(each.arrived_at, each.voiced) for each in heard] == [
        (2.0, True),
        (3.0, False),
        *((float(number), True) for number in range(5, 8)),
        *((float(number), False) for number in range(8, 14)),
        (14.0, True),
    ]


def test_all_calls_are_scored_together_and_each_hears_its_own() -> None:
    scorer = Scripted("....", "###.", ".###")
    activity = VoiceActivity({"script": lambda: scorer})
    ears = [open_ear(activity) for _ in range(3)]

    for number in range(7):
        tick(activity, float(number), *(detector for detector, _ in ears))

    assert scorer.batches == [3, 3, 1, 2, 1, 2], "who may speak for certain waits for nobody"
    assert [verdicts(heard) for _, heard in ears] == [
        [],
        [Verdict.SUSPECTED, Verdict.STARTED],
        [Verdict.SUSPECTED, Verdict.STARTED],
    ]


def test_a_hold_waits_for_nobody_and_a_duck_for_no_one_who_speaks_already() -> None:
    activity = VoiceActivity({"script": lambda: Scripted("######", "...###", "..####")})
    judged: list[tuple[int, Verdict]] = []
    ears = [open_ear(activity)[0] for _ in range(3)]

    def note(number: int, hearing: Hearing) -> None:
        judged.append((number, hearing.verdict))

    for number, detector in enumerate(ears):
        detector.on_hearing = functools.partial(note, number)

    orders = []
    for at in range(6):
        for detector in ears:
            detector.put(ArrivedAudio(LOUD_WINDOW, float(at)))
        activity.run()
        orders.append(judged.copy())
        judged.clear()

    nothing, suspected, started = Verdict.NOTHING, Verdict.SUSPECTED, Verdict.STARTED
    assert orders[3] == [(1, suspected), (2, nothing), (0, nothing)]
    assert orders[4] == [(2, started), (1, nothing), (0, nothing)]
    assert orders[5] == [(1, started), (0, nothing), (2, nothing)]


def test_a_call_may_be_closed_by_what_another_hears_before_it_is_scored() -> None:
    activity = VoiceActivity({"script": lambda: Scripted("###", "#.#")})
    (first, _), (second, heard) = open_ear(activity), open_ear(activity)
    for detector in (first, second):
        detector.put(ArrivedAudio(2 * LOUD_WINDOW, 1.0))
    activity.run()
    first.on_hearing = lambda _: second.close()

    for detector in (first, second):
        detector.put(ArrivedAudio(LOUD_WINDOW, 2.0))
    activity.run()

    assert len(heard) == 2
    assert first.speaking


def test_several_windows_of_a_call_are_judged_in_their_order() -> None:
    scorer = Scripted("#" * 3 + "." * 6, "#")
    activity = VoiceActivity({"script": lambda: scorer})
    (first, heard), (second, _) = open_ear(activity), open_ear(activity)

    first.put(ArrivedAudio(9 * LOUD_WINDOW, 1.0))
    second.put(ArrivedAudio(LOUD_WINDOW, 1.0))
    activity.run()

    assert scorer.batches == [2, *[1] * 8]
    assert verdicts(heard) == [
        Verdict.SUSPECTED,
        Verdict.STARTED,
        Verdict.PAUSED,
        Verdict.STOPPED,
    ]


def test_a_caller_whose_packets_end_in_speech_has_stopped_all_the_same() -> None:
    activity = VoiceActivity({"script": lambda: Scripted("###")})
    detector, heard = open_ear(activity)
    for number in range(5):
        tick(activity, float(number), detector)

    for _ in range(20):
        activity.run()

    assert verdicts(heard)[-2:] == [Verdict.PAUSED, Verdict.STOPPED]


def test_silence_is_not_made_up_for_a_caller_who_does_not_speak() -> None:
    scorer = Scripted("..")
    activity = VoiceActivity({"script": lambda: scorer})
    detector, _ = open_ear(activity)
    for number in range(4):
        tick(activity, float(number), detector)

    for _ in range(50):
        activity.run()

    assert len(scorer.batches) == 2


def test_a_call_that_breaks_at_a_verdict_fails_itself_and_no_other() -> None:
    activity = VoiceActivity({"script": lambda: Scripted("###", "###")})
    (broken, _), (other, heard) = open_ear(activity), open_ear(activity)

    def fail(hearing: Hearing) -> None:
        raise ZeroDivisionError

    broken.on_hearing = fail
    tick(activity, 1.0, broken, other)
    tick(activity, 2.0, broken, other)

    with pytest.raises(ZeroDivisionError):
        broken.put(ArrivedAudio(FRAME, 3.0))
    for number in range(3):
        tick(activity, 4.0 + number, other)
    assert verdicts(heard) == [Verdict.SUSPECTED, Verdict.STARTED]


def test_a_scorer_that_fails_once_loses_windows_but_leaves_nobody_deaf() -> None:
    """An ear whose window it had not judged yet was never judged again."""

    class FailsOnce(Scripted):
        def score(self, *given: Any) -> list[float]:
            if not self.batches:
                self.batches.append(0)
                raise MemoryError
            return super().score(*given)

    activity = VoiceActivity({"script": lambda: FailsOnce("####")})
    detector, heard = open_ear(activity)
    detector.put(ArrivedAudio(2 * LOUD_WINDOW, 1.0))

    with pytest.raises(MemoryError):
        activity.run()
    detector.put(ArrivedAudio(2 * LOUD_WINDOW, 2.0))
    activity.run()

    assert verdicts(heard) == [Verdict.SUSPECTED, Verdict.STARTED]


def test_a_closed_ear_hears_nothing_and_its_row_is_free() -> None:
    scorer = Scripted("####")
    activity = VoiceActivity({"script": lambda: scorer})
    detector, heard = open_ear(activity)
    detector.put(ArrivedAudio(bytes(512), 1.0))

    detector.close()
    detector.close()
    activity.run()

    assert (heard, scorer.open_rows, scorer.batches) == ([], set(), [])


def test_a_caller_whose_ear_is_closed_is_not_heard_in_the_row_that_the_next_call_got() -> None:
    """Audio that came between the ends of ear and stream was scored as the next call's."""
    activity = VoiceActivity({"script": lambda: Scripted("##")})
    closed, heard = open_ear(activity)
    closed.close()
    following, heard_by_following = open_ear(activity)

    for detector in (closed, following):
        detector.put(ArrivedAudio(LOUD_WINDOW, 1.0))
    activity.run()

    assert heard == []
    assert [hearing.voiced for hearing in heard_by_following] == [True]


def test_a_call_may_be_closed_by_what_it_hears() -> None:
    scorer = Scripted("####", "####")
    activity = VoiceActivity({"script": lambda: scorer})
    (first, _), (second, heard) = open_ear(activity), open_ear(activity)
    first.on_hearing = lambda _: first.close()

    for detector in (first, second):
        detector.put(ArrivedAudio(bytes(4 * 512), 1.0))
    activity.run()

    assert scorer.open_rows == {1}
    assert len(heard) == 4


def test_after_a_long_stall_the_latest_two_seconds_are_judged() -> None:
    scorer = Scripted("#" * 200)
    activity = VoiceActivity({"script": lambda: scorer})
    detector, heard = open_ear(activity)

    for number in range(200):
        detector.put(ArrivedAudio(bytes(512), float(number)))
    activity.run()

    assert detector.dropped == 136
    assert [hearing.arrived_at for hearing in heard] == [float(n) for n in range(136, 200)]


def test_a_call_that_broke_is_told_nothing_more() -> None:
    activity = VoiceActivity({"script": lambda: Scripted("####")})
    detector, _ = open_ear(activity)
    told: list[Hearing] = []

    def fail(hearing: Hearing) -> None:
        told.append(hearing)
        raise ZeroDivisionError

    detector.on_hearing = fail
    detector.put(ArrivedAudio(4 * LOUD_WINDOW, 1.0))
    activity.run()

    assert len(told) == 1
