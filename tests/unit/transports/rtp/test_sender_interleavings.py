"""The sender under any interleaving of what is asked of it: every sample is accounted for."""

import random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.support.sending import FRAME, next_packet
from transports.audio.codec import Codec
from transports.rtp.packet import RtpPacket
from transports.rtp.sender import Sender


class Speech(RuleBasedStateMachine):
    """Any interleaving of writing, flushing, holding and ticking. Codes count up as they go."""

    @initialize(seed=st.integers(min_value=0, max_value=1 << 32))
    def start(self, seed: int) -> None:
        self.sender = Sender(Codec.ULAW, random.Random(seed))
        self.written = 0  # samples, ever
        self.queue: list[int] = []
        self.flushed = 0
        self.played = 0
        self.ramp = 0
        self.ticks = 0
        self.was_held = False  # when written audio was sent last
        self.last: RtpPacket | None = None

    @rule(samples=st.integers(min_value=0, max_value=400))
    def write(self, samples: int) -> None:
        codes = [(self.written + step) % 64 | 0x80 for step in range(samples)]
        self.written += samples
        self.queue += codes
        self.sender.write(Codec.ULAW.decode(bytes(codes)))

    @rule()
    def finish(self) -> None:
        self.sender.finish()

    @rule()
    def flush(self) -> None:
        queued = len(self.queue)
        dropped = self.sender.flush()
        assert queued - 40 <= dropped <= queued
        self.ramp += queued - dropped
        self.flushed += dropped
        self.queue.clear()

    @rule(held=st.booleans())
    def hold(self, held: bool) -> None:
        self.sender.held = held

    @rule(ticks=st.integers(min_value=0, max_value=9))
    def skip(self, ticks: int) -> None:
        self.sender.skip(ticks)
        self.ticks += ticks

    @rule()
    def tick(self) -> None:
        before = self.sender.played_samples
        packet = next_packet(self.sender)
        taken = self.sender.played_samples - before
        self.ticks += 1
        if self.ramp:
            assert taken == self.ramp, "the fade counts as played"
            self.ramp = 0
        else:
            faded = 40 if self.was_held else 0
            assert list(packet.payload[faded:taken]) == self.queue[faded:taken]
            del self.queue[:taken]
            assert taken in (0, FRAME) or not self.queue, "sent a part although more was there"
        self.played += taken
        self.was_held = self.sender.held or (self.was_held and not taken)
        assert len(packet.payload) == FRAME
        assert not (self.sender.held and taken > 40)
        if self.last is not None:
            assert packet.sequence_number == (self.last.sequence_number + 1) & 0xFFFF
            passed = (packet.timestamp - self.last.timestamp) & 0xFFFFFFFF
            assert passed == self.ticks * FRAME
        self.ticks = 0
        self.last = packet

    @invariant()
    def accounts_for_every_sample(self) -> None:
        assert self.sender.queued_samples == len(self.queue)
        assert self.written == self.flushed + self.played + self.ramp + len(self.queue)


TestSpeech = Speech.TestCase
TestSpeech.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
