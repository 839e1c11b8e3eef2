"""Echo cancellation on noise and on recorded speech, over a line with a hybrid at its end."""

import time
from functools import cache
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.availability import have_or_skip
from tests.support.speech import english_prompts, german_prompts
from transports.audio.audio_filter import BLOCK_BYTES
from transports.caller_filters import CallerFilters
from transports.filters.speex_echo import SpeexEchoCanceller
from transports.media import MediaStream
from transports.rtp.events import ArrivedAudio, PlayedFrame

pytest.importorskip("pyaec", reason="the extra audio-filters is not installed")

RATE = 8000
TICK = 160
LOSS_DB = 12

Samples = NDArray[np.float64]


@cache
def speech(language: str) -> Samples:
    prompts = have_or_skip(english_prompts if language == "en" else german_prompts)
    said = np.concatenate([np.frombuffer(each.pcm, "<i2") for each in prompts])
    return np.resize(said.astype(float), 12 * RATE)


def echo_of(sent: Samples, delay_ms: int) -> Samples:
    """Return what a hybrid behind so long a way returns: 8 ms long, and 12 dB lower."""
    response = np.exp(-np.arange(64) / 12) * np.random.default_rng(5).standard_normal(64)
    response *= 10 ** (-LOSS_DB / 20) / np.linalg.norm(response)
    late = np.concatenate([np.zeros(delay_ms * RATE // 1000), sent])
    return np.convolve(late, response)[: len(sent)]


def cancelled(heard: Samples, sent: Samples) -> Samples:
    canceller = SpeexEchoCanceller()
    mic, reference = (bytes(each.clip(-32768, 32767).astype("<i2")) for each in (heard, sent))
    starts = range(0, len(mic), BLOCK_BYTES)
    ends = [(start, start + BLOCK_BYTES) for start in starts]
    pcm = b"".join(canceller.process(mic[a:b], reference[a:b]) for a, b in ends)
    canceller.close()
    canceller.close()
    return np.frombuffer(pcm, "<i2").astype(float)


def decibels(first: Samples, second: Samples) -> float:
    return float(10 * np.log10(np.sum(first**2) / np.sum(second**2)))


@pytest.mark.parametrize("delay_ms", [20, 60, 120, 200])
@pytest.mark.parametrize("kind", ["noise", "en", "de"])
def test_an_echo_is_lowered_once_it_is_learned(kind: str, delay_ms: int) -> None:
    if kind == "noise":
        sent = np.random.default_rng(2).standard_normal(12 * RATE) * 2000
    else:
        sent = speech(kind)
    echo = echo_of(sent, delay_ms)
    hiss = np.random.default_rng(3).standard_normal(len(echo)) * 5

    left = cancelled(echo + hiss, sent)

    after = slice(8 * RATE, None)
    enhancement = decibels(echo[after], left[after])
    print(f"{kind} {delay_ms} ms: echo return loss enhancement {enhancement:.1f} dB after 8 s")  # noqa: T201 - shown by -s
    assert enhancement > 12


def test_a_caller_is_heard_above_the_echo_at_once() -> None:
    """Nothing is muted while both speak: the caller keeps his level within 2 dB, in time."""
    caller, sent = speech("de"), speech("en")
    caller = np.where(np.arange(len(caller)) > 6 * RATE, caller, 0)

    left = cancelled(caller + echo_of(sent, 60), sent)

    both = slice(6 * RATE + 1, None)
    assert abs(decibels(caller[both], left[both])) < 2
    lags = range(-80, 81)
    likeness = [float(np.dot(caller[both], np.roll(left, -lag)[both])) for lag in lags]
    assert abs(lags[int(np.argmax(likeness))]) <= 8  # its notch at 0 Hz turns low tones a little


def test_silence_of_ours_leaves_the_caller_alone() -> None:
    caller = speech("de")

    left = cancelled(caller, np.zeros_like(caller))

    bins = slice(300 * len(caller) // RATE, None)  # below it removes what no telephone carries
    voice, kept = (np.abs(np.fft.rfft(each))[bins] for each in (caller, left))
    assert abs(decibels(voice, kept)) < 1


def test_what_is_no_block_is_refused() -> None:
    canceller = SpeexEchoCanceller()

    with pytest.raises(ValueError, match="not 10 ms: 158 and 160 bytes"):
        canceller.process(bytes(158), bytes(160))
    canceller.close()


def test_it_keeps_up_many_times_over() -> None:
    canceller = SpeexEchoCanceller()
    block = bytes(speech("de")[:80].astype("<i2"))
    started = time.thread_time()
    for _ in range(1000):
        canceller.process(block, block)
    micros = (time.thread_time() - started) * 1e6 / 500
    canceller.close()

    print(f"echo cancellation: {micros:.0f} us of CPU per 20 ms and line, no delay")  # noqa: T201 - shown by -s
    assert micros < 5000


class Line:
    """A stream that plays 20 ms of what was written in every tick."""

    def __init__(self) -> None:
        self.played_samples = 0


def test_an_echo_is_lowered_on_both_lines_of_a_call_though_packets_come_unevenly() -> None:
    sent = speech("en")[: len(speech("en")) // TICK * TICK]
    echo = np.rint(echo_of(sent, 60)).astype("<i2")
    late = np.concatenate([np.zeros(4 * TICK, "<i2"), echo])[: len(echo)]
    line = Line()
    filters = CallerFilters(cast("MediaStream", line), [SpeexEchoCanceller])
    arrived, played, come = bytearray(), bytearray(), 0
    random = np.random.default_rng(4)
    for tick in range(len(sent) // TICK):
        filters.write(sent[tick * TICK : (tick + 1) * TICK].astype("<i2").tobytes())
        line.played_samples += TICK
        while come <= tick and (random.random() < 0.7 or tick - come > 2):
            piece = echo[come * TICK : (come + 1) * TICK].tobytes()
            arrived += filters.arrived(ArrivedAudio(piece, None)).pcm
            come += 1
        piece = late[tick * TICK : (tick + 1) * TICK].tobytes()
        played += filters.played(PlayedFrame(piece, None, "audio"))
    filters.close()

    for before, after in ((echo, arrived), (late, played)):
        left = np.frombuffer(after, "<i2").astype(float)
        end = slice(8 * RATE, min(len(left), len(before)))
        assert decibels(before[end].astype(float), left[end]) > 12
