"""What the receiver makes of any network: seeded impairments on a clock that costs no time."""

import itertools
import statistics

import numpy as np
import pytest

from tests.support.line import RATE, SETTLED, TICK, Played, Talk, listen, wave
from transports.audio.codec import Codec
from transports.netem import GilbertElliott, Impairments
from transports.rtp.events import FRAME_SAMPLES
from transports.rtp.spread import PlayoutRange

DELAY = 0.1  # of the path
LONGEST = 0.08


def known(values: list[float | None], since: int = SETTLED) -> list[float]:
    return [value for value in values[since:] if value is not None]


def concealed(played: Played) -> float:
    """Return the share of frames that are not of the far side, pauses of the far side apart."""
    return played.kinds["concealed"] / played.kinds.total()


SPREADS = {  # what the path does, and the spread of arrivals that it makes, in seconds
    "still": (Impairments(delay=DELAY), 0.0),
    "5 ms": (Impairments(delay=DELAY, jitter=0.0025), 0.005),
    "20 ms": (Impairments(delay=DELAY, jitter=0.01), 0.02),
    "50 ms": (Impairments(delay=DELAY, jitter=0.025), 0.05),
    "80 ms": (Impairments(delay=DELAY, jitter=0.04), 0.08),
    "80 ms in order": (Impairments(delay=DELAY, jitter=0.04, keeps_order=True), 0.08),
    "120 ms": (Impairments(delay=DELAY, jitter=0.06), 0.12),
}


@pytest.mark.parametrize("ptime", [10, 20, 30, 40, 60])
@pytest.mark.parametrize("name", SPREADS)
def test_the_delay_is_what_the_spread_of_arrivals_needs(name: str, ptime: int) -> None:
    impairments, spread = SPREADS[name]

    played = listen(Talk(ptime=ptime), impairments, seconds=60, seed=ptime + len(name))

    packet = 0.0 if ptime % 20 == 0 else 0.01  # of some packets the first half is fetched early
    needed = min(max(spread + packet, 0.02), LONGEST)
    assert played.kinds.total() == 3000
    assert statistics.median(known(played.delays)) <= needed + 0.03
    assert max(known(played.delays)) <= LONGEST + 0.1
    if spread + packet <= LONGEST:
        assert played.late <= 0.01 * played.sent
        assert concealed(played) < 0.02
    assert played.receiver.evicted == 0


def test_on_a_clean_line_the_target_falls_to_the_shortest() -> None:
    played = listen(Talk(), Impairments(delay=DELAY), seconds=30)

    assert played.targets[0] == pytest.approx(0.03)
    assert played.targets[-1] == 0.02
    assert 0.01 <= known(played.delays)[-1] <= 0.04
    assert played.kinds["concealed"] == played.receiver.late == 0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_grows_at_once_and_shrinks_slowly(seed: int) -> None:
    rough = listen(Talk(), Impairments(delay=DELAY, jitter=0.03), seconds=2, seed=seed)
    still = listen(Talk(), Impairments(delay=DELAY), seconds=12, seed=seed)

    assert rough.targets[50] > 0.05  # within a second of 60 ms of spread
    assert min(np.diff(still.targets)) >= -0.0021  # 4 ms a second, looked at every 0.32 s


@pytest.mark.parametrize("loss", [0.0, 0.01, 0.03, 0.1])
@pytest.mark.parametrize("jitter", [0.0, 0.02, 0.04])
def test_what_is_concealed_is_what_was_lost(loss: float, jitter: float) -> None:
    path = Impairments(loss=loss, delay=DELAY, jitter=jitter, reorder=0.01, duplicate=0.01)

    played = listen(Talk(), path, seconds=60, seed=int(1000 * (loss + jitter)))

    lost = played.dropped / played.sent
    assert lost == pytest.approx(loss, abs=0.02)
    assert lost - 0.01 <= concealed(played) <= lost + 0.02
    assert played.kinds["noise"] < 20
    assert played.receiver.packets.lost == pytest.approx(played.dropped, abs=6)
    assert played.receiver.packets.duplicates > 0


@pytest.mark.parametrize("seed", [5, 6])
def test_bursts_of_loss_leave_no_delay_behind(seed: int) -> None:
    path = Impairments(bursts=GilbertElliott(enter=0.02, leave=0.3), delay=DELAY, jitter=0.01)

    played = listen(Talk(), path, seconds=120, seed=seed)

    gaps = played.kinds["concealed"] + played.kinds["noise"]
    assert gaps <= played.dropped + 0.02 * played.sent
    assert max(known(played.delays)) <= 0.1


@pytest.mark.parametrize("talk", [Talk(dtx=True), Talk(dtx=True, ptime=30), Talk(pauses=False)])
@pytest.mark.parametrize("jitter", [0.0, 0.02, 0.04])
def test_silence_suppression_costs_no_word(talk: Talk, jitter: float) -> None:
    played = listen(talk, Impairments(delay=DELAY, jitter=jitter), seconds=120)

    assert played.late <= 0.01 * played.sent
    assert played.receiver.packets.lost == 0
    assert max(known(played.delays)) <= LONGEST + 0.05
    spoken = played.kinds["audio"] * TICK
    assert spoken == pytest.approx(played.sent * talk.ptime / 1000, abs=2)


@pytest.mark.parametrize("jump", [600, 1600, 8000, -24_000, 1 << 31])
def test_a_jump_of_the_timestamp_is_no_loss_and_no_delay(jump: int) -> None:
    played = listen(
        Talk(jumps={12: jump, 15: jump}), Impairments(delay=DELAY, jitter=0.005), seconds=30
    )

    assert played.receiver.packets.lost == 0
    assert played.kinds["concealed"] <= 2 * 8  # up to 120 ms might be loss that was renumbered
    assert known(played.delays)[-1] <= 0.06
    assert known(played.delays)[0] > 0


def test_a_peer_that_restarts_is_heard_again_within_100_ms() -> None:
    played = listen(Talk(restarts=(4, 8, 12)), Impairments(delay=DELAY, jitter=0.01), seconds=16)

    assert played.receiver.sources == 4
    assert played.kinds["noise"] + played.kinds["concealed"] <= 8 + 3 * 5
    assert known(played.delays)[-1] <= 0.06


HOUR = 3600


@pytest.mark.timeout(120)
@pytest.mark.parametrize("ppm", [200, -200])
def test_an_hour_with_two_clocks_has_no_click_and_no_growing_delay(ppm: int) -> None:
    played = listen(Talk(drift=ppm / 1e6), Impairments(delay=DELAY, jitter=0.003), seconds=HOUR)

    moved = abs(ppm) / 1e6 * HOUR
    receiver = played.receiver
    corrections = receiver.hastened if ppm > 0 else receiver.delayed
    assert corrections * TICK == pytest.approx(moved, abs=0.06)
    assert (receiver.delayed if ppm > 0 else receiver.hastened) <= 2
    delays = known(played.delays)
    assert max(delays) <= 0.05
    assert min(delays) >= 0.0
    minutes = [statistics.mean(delays[at : at + 3000]) for at in range(0, len(delays), 3000)]
    assert max(minutes) - min(minutes) <= 0.025
    assert played.late == receiver.packets.lost == 0
    assert played.kinds["concealed"] == 0
    sound = np.frombuffer(bytes(played.sound), np.int16).astype(int)
    sent = np.frombuffer(Codec.ALAW.decoder().decode(wave(8 * RATE)), np.int16).astype(int)
    assert np.abs(np.diff(sound[SETTLED * FRAME_SAMPLES :])).max() <= np.abs(np.diff(sent)).max()


def test_a_fixed_delay_stays_where_it_is() -> None:
    fixed = PlayoutRange(0.06, 0.06)

    played = listen(Talk(), Impairments(delay=DELAY, jitter=0.03), seconds=60, playout=fixed)

    assert set(played.targets) == {0.06}
    assert 0.05 <= min(known(played.delays)) <= max(known(played.delays)) <= 0.09


@pytest.mark.parametrize(
    ("talk", "path"),
    [
        (Talk(), Impairments(delay=DELAY)),
        (Talk(), Impairments(delay=DELAY, jitter=0.02)),
        (Talk(), Impairments(loss=0.1, delay=DELAY, jitter=0.04, reorder=0.02, duplicate=0.02)),
        (Talk(ptime=60), Impairments(loss=0.02, delay=DELAY, jitter=0.01)),
        (Talk(ptime=10), Impairments(loss=0.02, delay=DELAY, jitter=0.01)),
        (Talk(dtx=True), Impairments(delay=DELAY, jitter=0.005)),
        (Talk(dtx=True, drift=2e-4), Impairments(delay=DELAY, jitter=0.04)),
        (Talk(drift=-2e-4), Impairments(delay=DELAY, jitter=0.02)),
        (Talk(restarts=(5, 20), jumps={30: 9000, 40: -9000}), Impairments(delay=DELAY)),
    ],
)
def test_the_line_ahead_of_playout_is_as_long_as_time(talk: Talk, path: Impairments) -> None:
    played = listen(talk, path, seconds=120)

    samples = [sum(len(piece.pcm) // 2 for piece in line) for line in played.line]
    lengths = list(itertools.accumulate(samples))
    first = next(tick for tick, count in enumerate(lengths) if count)
    lags = [
        (tick - first) * TICK - (length - lengths[first]) / RATE
        for tick, length in enumerate(lengths)
        if tick >= first
    ]
    assert max(lags) <= 0.22
    assert min(lags) >= -0.25
    real = [piece for line in played.line for piece in line if piece.arrived_at is not None]
    arrivals = sum(len(piece.pcm) for piece in real) / 2 / RATE
    delivered = (played.sent - played.dropped) * talk.ptime / 1000
    assert arrivals >= 0.9 * delivered
    assert played.receiver.overrun == 0


def test_on_a_clean_line_audio_is_told_in_the_tick_after_it_came() -> None:
    played = listen(Talk(), Impairments(delay=DELAY), seconds=10)

    filled = [piece for line in played.line for piece in line if piece.arrived_at is None]
    assert filled == []
    assert {len(line) for line in played.line[20:]} == {1}


@pytest.mark.parametrize("jitter", [0.0, 0.01, 0.04])
def test_when_nothing_comes_noise_does_within_a_tenth_of_a_second(jitter: float) -> None:
    played = listen(Talk(dtx=True), Impairments(delay=DELAY, jitter=jitter), seconds=20)

    waits = []
    heard_at = None
    for tick, line in enumerate(played.line):
        real = any(piece.arrived_at is not None for piece in line)
        if real:
            heard_at = tick
        elif line and heard_at is not None:
            waits.append(tick - heard_at)
            heard_at = None
    assert len(waits) >= 10
    assert max(waits) * TICK <= (0.06 if jitter < 0.04 else 0.12)
