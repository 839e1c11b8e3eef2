"""A caller who dials across a bad network: every key once, in its order."""

import difflib
import random

import numpy as np
import pytest

from transports.audio.codec import Codec
from transports.netem import GilbertElliott, Impairments, Network
from transports.rtp.session import RtpSession
from transports.rtp.spread import PlayoutRange
from transports.rtp.telephone_event import KEYS

TICK = 0.02
CALLER = ("192.0.2.1", 10000)
EVENT = 101


def dial(
    digits: str,
    impairments: Impairments,
    *,
    seed: int,
    telephone_event: int | None,
    duration_ms: int = 100,
    talks: bool = False,
) -> tuple[str, RtpSession]:
    """Dial across ``impairments``; return what was heard, and the session that heard it.

    Args:
        digits: To dial, in one go.
        impairments: Of the path.
        seed: Of everything random.
        telephone_event: Payload type of events; tones without.
        duration_ms: Of each key; 100 ms follow.
        talks: There is audio to be sent before, between and after.
    """
    network = Network(impairments, random.Random(seed))
    noise = np.random.default_rng(seed)
    dialling = RtpSession(
        codec=Codec.ALAW,
        playout_delay=0.04,
        random=random.Random(seed),
        telephone_event=telephone_event,
    )
    listening = RtpSession(
        codec=Codec.ALAW,
        playout_delay=PlayoutRange(0.02, 0.08),
        random=random.Random(seed + 1),
        telephone_event=telephone_event,
        inband_dtmf=telephone_event is None,
    )
    listening.connect(CALLER)
    heard = ""
    waiting = digits
    quiet = 0
    tick = 0
    while quiet < 50:
        now = 1000 + tick * TICK
        if tick >= 50 and waiting and not dialling.sender.digits.pending:
            dialling.sender.digits.queue(waiting[:10], duration_ms=duration_ms)
            waiting = waiting[10:]
        if talks and dialling.sender.queued_samples < 320:
            dialling.sender.write(noise.normal(0, 3000, 320).astype("<i2").tobytes())
        network.send(dialling.next_packet().datagram, now)
        for arrived_at, datagram in network.receive(now + TICK):
            listening.receive(datagram, CALLER, arrived_at)
        listening.arrived(now + TICK)
        listening.frame(now + TICK)
        heard += "".join(digit for digit, _ in listening.digits(now + TICK))
        is_quiet = tick >= 50 and not waiting and not dialling.sender.digits.pending
        quiet = quiet + 1 if is_quiet else 0
        tick += 1
    return heard, listening


BAD = Impairments(loss=0.03, delay=0.06, jitter=0.04, reorder=0.01, duplicate=0.01)
WORSE = Impairments(loss=0.1, delay=0.06, jitter=0.04, reorder=0.05, duplicate=0.05)
BURSTS = Impairments(bursts=GilbertElliott(enter=0.02, leave=0.4), delay=0.03)


@pytest.mark.parametrize("impairments", [BAD, WORSE, BURSTS], ids=["bad", "worse", "bursts"])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("talks", [False, True], ids=["silent", "talking"])
def test_every_event_is_told_once_and_in_order(
    impairments: Impairments, seed: int, *, talks: bool
) -> None:
    digits = "".join(random.Random(seed).choices(KEYS, k=100))

    duration_ms = 200 if impairments is BURSTS else 100  # longer than a burst: one packet arrives

    heard, session = dial(
        digits,
        impairments,
        seed=seed,
        telephone_event=EVENT,
        duration_ms=duration_ms,
        talks=talks,
    )

    assert heard == digits
    assert session.stats().digits_received == 100


@pytest.mark.parametrize("seed", range(4))
def test_tones_survive_a_usual_network(seed: int) -> None:
    digits = "".join(random.Random(seed).choices(KEYS, k=100))
    usual = Impairments(delay=0.03, jitter=0.01, keeps_order=True)

    heard, _ = dial(digits, usual, seed=seed, telephone_event=None, talks=True)

    assert heard == digits


@pytest.mark.parametrize("impairments", [Impairments(loss=0.03), BAD], ids=["loss", "bad"])
def test_nearly_all_tones_survive_a_bad_network(impairments: Impairments) -> None:
    """A lost packet may make two of one, or take too much of a short one."""
    differences = 0
    for seed in range(5):
        digits = "".join(random.Random(seed).choices(KEYS, k=100))
        heard, _ = dial(digits, impairments, seed=seed, telephone_event=None)
        matcher = difflib.SequenceMatcher(None, digits, heard, autojunk=False)
        alike = sum(block.size for block in matcher.get_matching_blocks())
        differences += len(digits) + len(heard) - 2 * alike

    assert differences <= 5  # of 500 digits
