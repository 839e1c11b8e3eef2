"""Traces of the bench: the stated loss and jitter, and what is not lost comes out whole."""

import numpy as np
import pytest

from transports.audio.comfort_noise import ComfortNoise
from voiceai.bench.loss_traces import CONDITIONS, Condition, Trace, make_trace, sent_audio
from voiceai.bench.loss_ways import ENGINE, WAYS, play

SECONDS = 30
PACKETS = 400 + 50 * SECONDS + 25


def words(seconds: float = 1.0) -> bytes:
    """Return something with a shape, so that a shift or a hole would show."""
    samples = np.arange(int(8000 * seconds))
    sweep = 6000 * np.sin(samples * samples / 40000)
    return np.asarray(sweep, np.int16).tobytes()


def runs(trace: Trace, packets: int) -> list[int]:
    """Return the lengths of the bursts that were lost."""
    arrived = {number for _, number, _ in trace.arrivals}
    lost = "".join("." if number in arrived else "x" for number in range(packets))
    return [len(run) for run in lost.split(".") if run]


@pytest.mark.parametrize("text", ["", "random", "random:", "random:-1", "random:100", "gentle:3"])
def test_says_what_is_wrong_with_a_condition(text: str) -> None:
    with pytest.raises(ValueError, match="none of random, burst, jitter"):
        Condition.parse(text)


def test_every_condition_of_the_bench_can_be_asked_for() -> None:
    assert all(
        Condition.parse(f"{condition.kind}:{condition.amount}") == condition
        for condition in CONDITIONS
    )


@pytest.mark.parametrize(("kind", "mean"), [("random", 1.11), ("burst", 2.5)])
def test_the_stated_share_is_lost_in_bursts_of_the_stated_length(kind: str, mean: float) -> None:
    lost = [
        run
        for seed in range(5)
        for run in runs(make_trace(words(SECONDS), Condition(kind, 10), seed), PACKETS)
    ]

    assert sum(lost) / (5 * PACKETS) == pytest.approx(0.10, abs=0.015)
    assert sum(lost) / len(lost) == pytest.approx(mean, rel=0.15)


def test_jitter_is_to_either_side_and_keeps_the_order() -> None:
    trace = make_trace(words(SECONDS), Condition("jitter", 40), 1)

    delays = [at - 0.02 * number for at, number, _ in trace.arrivals]

    assert [number for _, number, _ in trace.arrivals] == list(range(PACKETS))
    assert 0.06 <= min(delays) < 0.08
    assert 0.13 < max(delays) <= 0.14


def test_a_seed_repeats_and_another_does_not() -> None:
    first, again, other = (make_trace(words(), Condition("random", 5), seed) for seed in (1, 1, 2))

    assert first == again
    assert first != other


@pytest.mark.parametrize("way", [way for way in WAYS if way != "aiortp"])
def test_what_is_not_lost_comes_out_as_it_was_sent(way: str) -> None:
    pcm = words()

    heard = play(way, make_trace(pcm, Condition("random", 0), 3))

    assert heard.pcm == sent_audio(pcm)
    assert 0.1 < heard.delay < 0.15


def test_aiortp_plays_what_is_not_lost() -> None:
    """It turns the sign of A-law, which no ear and no score notices."""
    pytest.importorskip("aiortp")
    pcm = words()

    heard = play("aiortp", make_trace(pcm, Condition("random", 0), 3))

    played, sent = (np.frombuffer(one, np.int16) for one in (heard.pcm, sent_audio(pcm)))
    assert np.array_equal(np.abs(played), np.abs(sent))


@pytest.mark.parametrize("way", [way for way in WAYS if way != "aiortp"])
def test_a_hole_keeps_its_place(way: str) -> None:
    pcm = words()
    trace = make_trace(pcm, Condition("random", 0), 3)
    arrivals = [arrival for arrival in trace.arrivals if arrival[1] != trace.first + 20]
    lossy = Trace(arrivals, trace.first, trace.packets, trace.tick)

    heard, sent = play(way, lossy).pcm, sent_audio(pcm)

    assert len(heard) == len(sent)
    assert heard[: 320 * 20] == sent[: 320 * 20]
    assert heard[320 * 20 : 320 * 21] != sent[320 * 20 : 320 * 21]
    assert heard[320 * 22 :] == sent[320 * 22 :]


def test_the_ways_fill_a_hole_each_in_its_own_manner() -> None:
    pcm = words()
    trace = make_trace(pcm, Condition("random", 0), 3)
    arrivals = [arrival for arrival in trace.arrivals if arrival[1] != trace.first + 20]
    lossy = Trace(arrivals, trace.first, trace.packets, trace.tick)
    hole = slice(320 * 20, 320 * 21)
    sent = sent_audio(pcm)

    fillings = {way: play(way, lossy).pcm[hole] for way in (ENGINE, "silence", "repetition")}

    assert fillings["silence"] == bytes(320)
    assert fillings["repetition"] == sent[320 * 19 : 320 * 20]
    assert len({*fillings.values(), ComfortNoise().take(160)}) == 4
