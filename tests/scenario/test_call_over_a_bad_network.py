"""Whole calls between two sessions on a simulated network and a clock that costs no time."""

import hashlib
import itertools
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from transports.audio.codec import Codec
from transports.netem import GilbertElliott, Impairments, Network
from transports.rtp.session import RtpSession
from transports.rtp.spread import PlayoutRange
from transports.rtp.stats import StreamStats

TICK = 0.02
SENDER = ("192.0.2.1", 10000)
RECEIVER = ("192.0.2.2", 10000)


def conversation(seed: int, seconds: int = 60) -> list[bytes]:
    """Return 20 ms pieces: one-second phrases of unlike frames, one-second pauses of low noise."""
    rng = np.random.default_rng(seed)
    pieces = []
    for second in range(seconds):
        loudness = 20 if second % 2 else 6000
        for _ in range(50):
            samples = rng.normal(0, loudness, 160).clip(-32000, 32000).astype(np.int16)
            pieces.append(Codec.ALAW.decode(Codec.ALAW.encode(samples.tobytes())))
    return pieces


@dataclass
class Heard:
    """What came out at the far end."""

    stats: StreamStats
    digest: str
    kinds: Counter[str] = field(default_factory=Counter)
    delays: list[float] = field(default_factory=list)
    """Seconds from arrival to playout, per frame with audio."""
    numbers: list[int] = field(default_factory=list)
    """Which pieces were played untouched, in the order they were."""


def call(
    impairments: Impairments,
    *,
    seconds: int,
    seed: int = 1,
    drift: float = 0.0,
    stalls: tuple[int, ...] = (),
) -> Heard:
    """Send ``seconds`` of speech across ``impairments`` and play it.

    Args:
        impairments: Of the path.
        seconds: Of call.
        seed: Of everything random.
        drift: By how much the sender's clock is fast (0.0001 is 100 ppm).
        stalls: Seconds at which the receiving process hangs for 200 ms.
    """
    network = Network(impairments, random.Random(seed))
    sending = RtpSession(codec=Codec.ALAW, playout_delay=0.04, random=random.Random(seed))
    receiving = RtpSession(
        codec=Codec.ALAW, playout_delay=PlayoutRange(0.02, 0.08), random=random.Random(seed + 1)
    )
    receiving.connect(SENDER)
    pieces = conversation(seed)
    index_of = {piece: index for index, piece in enumerate(pieces)}
    source: Iterator[bytes] = itertools.cycle(pieces)
    digest = hashlib.sha256()
    heard = Heard(receiving.stats(), "")
    sent = 0
    ticks = iter(range(seconds * 50))
    for tick in ticks:
        now = 1000 + tick * TICK
        due = 1
        if tick / 50 in stalls:
            due += sum(1 for _ in itertools.islice(ticks, 9))
            now += (due - 1) * TICK
        while 1000 + sent * TICK / (1 + drift) <= now:
            sending.sender.write(next(source))
            network.send(sending.next_packet().datagram, 1000 + sent * TICK / (1 + drift))
            sent += 1
        for arrived_at, datagram in network.receive(now):
            receiving.receive(datagram, SENDER, now if due > 1 else arrived_at)
        for _ in range(due):
            frame = receiving.frame(now)
            digest.update(frame.pcm)
            heard.kinds[frame.kind] += 1
            if frame.arrived_at is not None:
                heard.delays.append(now - frame.arrived_at)
            if frame.pcm in index_of:
                heard.numbers.append(index_of[frame.pcm])
    heard.stats = receiving.stats()
    heard.digest = digest.hexdigest()
    return heard


def out_of_order(numbers: list[int]) -> int:
    """Count pieces that follow a later one, beginnings of another minute apart."""
    return sum(
        later <= earlier and earlier - later < 2000
        for earlier, later in itertools.pairwise(numbers)
    )


ROUGH = Impairments(loss=0.03, delay=0.08, jitter=0.04)


def test_a_quarter_of_an_hour_with_loss_and_jitter_plays_every_frame_on_time() -> None:
    heard = call(ROUGH, seconds=900)

    assert heard.kinds.total() == 45_000
    assert heard.kinds["noise"] < 10
    assert heard.stats.lost == pytest.approx(0.03 * 45_000, rel=0.05)
    assert heard.kinds["concealed"] < 0.06 * 45_000
    assert heard.stats.late < 0.03 * 45_000
    assert heard.stats.evicted == 0
    assert heard.stats.hastened + heard.stats.delayed < 60
    assert out_of_order(heard.numbers) == 0
    assert len(heard.numbers) > 0.88 * 45_000  # the frames next to a hole are blended
    heard.delays.sort()
    assert heard.delays[len(heard.delays) // 2] == pytest.approx(0.04, abs=0.02)
    assert heard.delays[-1] < 0.16


def test_the_same_seed_gives_the_same_sound() -> None:
    first, again, other = (call(ROUGH, seconds=60, seed=seed) for seed in (7, 7, 8))

    assert first == again
    assert first.digest != other.digest


def test_a_perfect_network_changes_no_frame() -> None:
    heard = call(Impairments(delay=0.05), seconds=120)

    assert heard.kinds["concealed"] == 0
    assert heard.kinds["noise"] <= 5
    assert heard.kinds["audio"] == len(heard.numbers) + 1  # the first is blended in
    assert (heard.stats.late, heard.stats.hastened, heard.stats.delayed) == (0, 0, 0)


def test_bursts_of_loss_are_bridged_and_leave_no_delay_behind() -> None:
    bursts = Impairments(bursts=GilbertElliott(enter=0.01, leave=0.2), delay=0.05, jitter=0.01)

    heard = call(bursts, seconds=300)

    assert heard.stats.lost > 500
    assert heard.kinds["noise"] < heard.stats.lost
    assert out_of_order(heard.numbers) == 0
    assert max(heard.delays) < 0.1


@pytest.mark.parametrize("drift", [0.0002, -0.0002, 0.001, -0.001])
def test_a_clock_that_runs_away_is_followed_in_the_pauses(drift: float) -> None:
    heard = call(Impairments(delay=0.05, jitter=0.005), seconds=600, drift=drift)

    frames = abs(drift) * 600 / TICK
    corrections = heard.stats.hastened if drift > 0 else heard.stats.delayed
    assert corrections == pytest.approx(frames, abs=2)
    assert heard.stats.lost == 0
    assert heard.stats.late <= (0 if abs(drift) < 0.0005 else 30)
    assert heard.kinds["concealed"] + heard.kinds["noise"] <= heard.stats.delayed + 5
    assert max(heard.delays) < 0.09


def test_reordering_and_duplication_within_the_delay_are_not_heard() -> None:
    heard = call(
        Impairments(delay=0.05, reorder=0.1, reorder_delay=0.025, duplicate=0.1), seconds=120
    )

    assert heard.stats.reordered > 400
    assert heard.stats.duplicate == pytest.approx(600, rel=0.15)
    assert heard.stats.late == heard.stats.lost == heard.stats.hastened == 0
    assert heard.kinds["concealed"] == heard.stats.delayed <= 1  # the start was 10 ms early
    assert heard.kinds["audio"] <= len(heard.numbers) + 2


def test_a_hanging_process_loses_none_of_the_callers_words() -> None:
    heard = call(Impairments(delay=0.05), seconds=120, stalls=(20, 50, 51, 90))

    assert heard.kinds.total() == 6000
    assert heard.kinds["concealed"] == heard.stats.late == heard.stats.lost == 0
    assert heard.kinds["audio"] == len(heard.numbers) + 1
    assert heard.stats.hastened == heard.stats.delayed == 0
