"""Recorded people on bad lines: verdicts ahead of playout, and the audio that recognition gets."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from tests.support.speech import english_prompts, german_prompts
from transports.audio.codec import Codec
from transports.audio.comfort_noise import ComfortNoise
from transports.audio.endpointing import EndpointingParams, Hearing, Verdict
from transports.audio.speech_order import SpeechOrder
from transports.netem import GilbertElliott, Impairments, Network
from transports.rtp.packet import RtpPacket
from transports.rtp.receiver import Receiver
from transports.rtp.spread import PlayoutRange
from transports.silero import SileroModel, SileroScorer
from transports.vad import VoiceActivity

PEER = ("192.0.2.1", 20002)
TICK = 0.02
BEGIN = 1000.0
QUIET_SECONDS = 1.2

CLEAN = Impairments()
NETWORKS = {
    "clean": CLEAN,
    "jitter": Impairments(delay=0.06, jitter=0.04, keeps_order=True),
    "loss": Impairments(loss=0.05),
    "bursts": Impairments(bursts=GilbertElliott(enter=0.02, leave=0.4)),
    "all": Impairments(
        loss=0.03, delay=0.06, jitter=0.04, reorder=0.01, reorder_delay=0.03, duplicate=0.01
    ),
}


@dataclass
class Heard:
    """What became of a call, in seconds since its begin.

    Attributes:
        verdicts: When each was made.
        told: The same as recognition was told, each with the seconds of audio it had by then.
        played: All that recognition got.
        lag: How much later each STOPPED was told than made.
    """

    verdicts: list[tuple[Verdict, float]] = field(default_factory=list)
    told: list[tuple[Verdict, float]] = field(default_factory=list)
    played: bytearray = field(default_factory=bytearray)
    lag: list[float] = field(default_factory=list)

    def take(self, order: SpeechOrder, now: float) -> None:
        """Be recognition, and take what is due."""
        while (item := order.take()) is not None:
            if isinstance(item, bytes):
                self.played += item
            elif item is not Verdict.PAUSED:
                self.told.append((item, len(self.played) / 16_000))
                if item is Verdict.STOPPED:
                    self.lag.append(now - self.verdicts[-1][1])


def listen(pcm: bytes, network: Network, model: SileroModel) -> Heard:
    """Send a call through a network, and hear it as a stream and an input do."""
    heard = Heard()
    receiver = Receiver(delay=PlayoutRange(0.02, 0.08), noise=ComfortNoise())
    receiver.expect(PEER)
    activity = VoiceActivity({"silero": lambda: SileroScorer(model)})
    ear = activity.open(EndpointingParams())
    order = SpeechOrder(10_000)
    now = BEGIN

    def note(hearing: Hearing) -> None:
        if hearing.verdict in (Verdict.STARTED, Verdict.STOPPED):
            heard.verdicts.append((hearing.verdict, now - BEGIN))
        order.decide(hearing.verdict, hearing.arrived_at)

    ear.on_hearing = note
    encoded = Codec.ALAW.encoder().encode(pcm)
    for tick in range(len(pcm) // 320 + 10):
        now = BEGIN + (tick + 1) * TICK
        if payload := encoded[160 * tick : 160 * (tick + 1)]:
            packet = RtpPacket(8, tick & 0xFFFF, 160 * tick, 7, payload)
            network.send(packet.serialize(), now - 0.007)
        for arrived_at, datagram in network.receive(now):
            receiver.receive(datagram, PEER, arrived_at)
        for audio in receiver.arrived(now):
            ear.put(audio)
        frame = receiver.frame(now)
        order.play(frame.pcm, frame.arrived_at)
        activity.run()
        heard.take(order, now - BEGIN)
    return heard


@pytest.fixture(scope="module")
def model() -> SileroModel:
    return SileroModel()


@pytest.fixture(scope="module")
def call() -> Callable[[float], tuple[bytes, list[float]]]:
    """Make a call at a level in dBFS: sentences with pauses, and when the sentences end."""

    def make(level: float) -> tuple[bytes, list[float]]:
        generator = np.random.default_rng(9)
        pieces, ends, length = [], [], 0
        for prompt in [*english_prompts()[1:6], *german_prompts()[1:6]]:
            speech = np.frombuffer(prompt.pcm, "<i2") * 10 ** ((level + 20) / 20)
            pieces += [speech, np.zeros(int(QUIET_SECONDS * 8000))]
            length += len(speech)
            ends.append(length / 8000)
            length += len(pieces[-1])
        line = np.concatenate(pieces)
        line += generator.normal(0, 8, len(line))
        return np.clip(line, -32768, 32767).astype("<i2").tobytes(), ends

    return make


@pytest.mark.parametrize("level", [-35.0, -20.0, -3.0])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_sentence_begins_and_ends_a_talkspurt_with_all_of_it_before_the_end(
    name: str, level: float, call: Callable[[float], tuple[bytes, list[float]]], model: SileroModel
) -> None:
    pcm, ends = call(level)
    impairments = NETWORKS[name]
    network = Network(impairments, random.Random(11))

    heard = listen(pcm, network, model)

    kinds = [verdict for verdict, _ in heard.told]
    assert kinds == [Verdict.STARTED, Verdict.STOPPED] * (len(kinds) // 2)
    assert len(kinds) >= 2 * len(ends)
    assert [verdict for verdict, _ in heard.verdicts] == kinds
    clean = listen(pcm, Network(CLEAN, random.Random(1)), model)
    stops = [at for verdict, at in clean.verdicts if verdict is Verdict.STOPPED]
    late = [
        min(abs(at - impairments.delay - stop) for stop in stops)
        for verdict, at in heard.verdicts
        if verdict is Verdict.STOPPED
    ]
    assert np.median(late) <= 0.06
    assert max(heard.lag) <= 0.06


@pytest.mark.parametrize("name", NETWORKS)
def test_recognition_has_all_speech_when_its_end_is_told(
    name: str, call: Callable[[float], tuple[bytes, list[float]]], model: SileroModel
) -> None:
    pcm, _ = call(-20.0)

    heard = listen(pcm, Network(NETWORKS[name], random.Random(3)), model)

    played = np.frombuffer(bytes(heard.played), "<i2").astype(float)
    clean = listen(pcm, Network(CLEAN, random.Random(1)), model)
    delay = NETWORKS[name].delay
    judged = 0
    for (verdict, at), (_, made_at) in zip(heard.told, heard.verdicts, strict=True):
        as_usual = any(abs(made_at - delay - stop) < 0.12 for _, stop in clean.verdicts)
        if verdict is Verdict.STOPPED and as_usual:  # not where a lost syllable ended it early
            before = played[int((at - 0.5) * 8000) : int(at * 8000)]
            after = played[int(at * 8000) : int((at + 0.1) * 8000)]
            assert (after**2).mean() <= 0.01 * (before**2).mean() + 30**2
            judged += 1
    assert judged >= 8
