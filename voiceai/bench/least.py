"""What a listening call costs at least on a machine, whatever program has it.

The kernel has to take its packets, voice activity detection to hear its speech, and the turn model
to judge its turns. Each is measured by itself, over and over in a tight loop with all caches warm:
in a call it costs more.
"""

import os
import socket
import time
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from pipelines.smart_turn import SmartTurnModel
from transports.rtp.events import FRAME_SAMPLES, SAMPLE_RATE
from transports.rtp.packet import HEADER_BYTES
from transports.silero import CONTEXT, WINDOW, SileroModel
from transports.silero_graph import STATE
from voiceai.bench.report import Budget, Measure

__all__ = ["least_cost"]

DATAGRAM: Final = bytes(HEADER_BYTES + FRAME_SAMPLES)
"""20 ms of G.711."""
PACKETS_PER_SECOND: Final = SAMPLE_RATE / FRAME_SAMPLES
WINDOWS_PER_SECOND: Final = SAMPLE_RATE / WINDOW
FULL_SCALE: Final = np.float32(32768)
ROUNDS: Final = 30
"""The middle one counts."""


def least_cost(
    calls: int, sentences: Sequence[bytes], turn_seconds: float, budget: Budget
) -> tuple[Measure, ...]:
    """Measure the parts, and return them with their sum; blocks for some two seconds.

    Args:
        calls: At once: so many sockets there are, and so many windows in a run of the network.
        sentences: What callers say, 16-bit mono at 8 kHz, one each turn.
        turn_seconds: From one turn to the next.
        budget: Of the sum.
    """
    spoken = np.mean([len(pcm) / 2 / SAMPLE_RATE for pcm in sentences])
    parts = {
        "the kernel, 50 packets each way": 1000 * PACKETS_PER_SECOND * _packet_seconds(calls),
        "Silero's network, while callers speak": (
            1000 * WINDOWS_PER_SECOND * _window_seconds(calls) * float(spoken) / turn_seconds
        ),
        "the turn model, a judgement a turn": 1000 * _judgement_seconds(sentences) / turn_seconds,
    }
    return (
        *(Measure(f"at least: {name}", "ms/s", (cost,)) for name, cost in parts.items()),
        Measure("at least: all three", "ms/s", (sum(parts.values()),), budget),
    )


def _packet_seconds(calls: int) -> float:
    """Return what the kernel takes for sending a packet, and for handing one over."""
    listening = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(calls)]
    speaking = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(calls)]
    try:
        for here, there in zip(listening, speaking, strict=True):
            here.bind(("127.0.0.1", 0))
            there.connect(here.getsockname())
        senders = [sock.fileno() for sock in speaking]
        receivers = [sock.fileno() for sock in listening]

        def one_each() -> None:
            for sender in senders:
                os.write(sender, DATAGRAM)
            for receiver in receivers:
                os.read(receiver, len(DATAGRAM))

        return _median_seconds(one_each) / calls
    finally:
        for sock in (*listening, *speaking):
            sock.close()


def _window_seconds(calls: int) -> float:
    """Return what the network takes for a window of each of so many calls, by the window."""
    model = SileroModel()
    noise = np.random.default_rng(1).normal(0, 0.1, (calls, CONTEXT + WINDOW)).astype(np.float32)
    state = np.zeros((2, calls, STATE), np.float32)
    return _median_seconds(lambda: model.run(noise, state)) / calls


def _judgement_seconds(sentences: Sequence[bytes]) -> float:
    """Return what the turn model takes to judge a sentence."""
    model = SmartTurnModel()
    heard = [np.frombuffer(pcm, "<i2").astype(np.float32) / FULL_SCALE for pcm in sentences]

    def judge_all() -> None:
        for samples in heard:
            model.probability(samples)

    return _median_seconds(judge_all) / len(heard)


def _median_seconds(act: Callable[[], object]) -> float:
    """Return the processor time of this thread that something takes, by the middle of its runs."""
    seconds = []
    for _ in range(ROUNDS):
        begun = time.thread_time()
        act()
        seconds.append(time.thread_time() - begun)
    return float(np.median(seconds))
