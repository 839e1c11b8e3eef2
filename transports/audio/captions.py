"""Which words have begun to play: counted in samples, never guessed from the clock.

A synthesiser says when a word is heard within its answer. Playback falls behind that wherever
the answer pauses because its language model does, or the line is held. Pure.
"""

from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

NANOSECONDS = 1_000_000_000


@dataclass(slots=True)
class _Answer:
    """Where an answer's audio begins.

    Attributes:
        name: Of the answer.
        sample: Its first, counted from the latest flush.
        time: When its first word is due if nothing holds it up, nanoseconds.
    """

    name: str | None
    sample: int
    time: int


@dataclass(slots=True)
class _Caption(Generic[T]):
    sample: int
    item: T


class Captions(Generic[T]):
    """Gives out items when the audio that they belong to is played.

    ::

        add_audio, add_audio ... pad      audio in the order in which it is played
        add, follow                       a word at its time, before or after its audio; what is
                                      to come right behind it
        play -> items                     so much was played, and these were reached

    Args:
        rate: Samples per second.
        piece: Samples that are played at once; the last of an answer are padded to it.
    """

    def __init__(self, *, rate: int, piece: int) -> None:
        self._rate = rate
        self._piece = piece
        self._waiting: deque[_Caption[T]] = deque()
        self._added = 0
        self._played = 0
        self._latest = 0  # time of the last word
        self._answer = _Answer(None, 0, 0)

    def add_audio(self, answer: str | None, samples: int, now: int) -> None:
        """Count audio that will be played behind all audio so far.

        Args:
            answer: Name of the answer it belongs to.
            samples: How much.
            now: Nanoseconds on the clock that words are timed by.
        """
        self._begin(answer, now)
        self._added += samples

    def add(self, answer: str | None, at: int, item: T) -> None:
        """Keep a word until its moment.

        Args:
            answer: Name of the answer it belongs to.
            at: Nanoseconds: when it is due if playback keeps up.
            item: What `play` returns then.
        """
        self._begin(answer, at)
        self._latest = max(self._latest, at)
        ahead = max(at - self._answer.time, 0) * self._rate // NANOSECONDS
        before = self._waiting[-1].sample if self._waiting else 0
        self._waiting.append(_Caption(max(self._answer.sample + ahead, before), item))

    def follow(self, item: T) -> bool:
        """Keep something until right behind the last word; false if none waits."""
        if self._waiting:
            self._waiting.append(_Caption(self._waiting[-1].sample, item))
            return True
        return False

    def close(self) -> None:
        """Bind what waits to the audio so far: an end that was guessed too late comes with it."""
        last = self._added // self._piece * self._piece
        for caption in self._waiting:
            caption.sample = min(caption.sample, last)

    def pad(self) -> None:
        """Count the padding of an answer's last piece."""
        self._added += -self._added % self._piece

    def play(self, samples: int, *, behind: int = 0) -> list[T]:
        """Count audio that was handed over, and return the items that were reached, in order.

        A word whose first sample is still to be heard is not reached; at the end of all audio
        it is, since there is none to come.

        Args:
            samples: How much was handed over now.
            behind: Of all that was handed over, how much has not been heard yet.
        """
        self._played += samples
        until = self._played - behind - (behind > 0)
        reached = []
        while self._waiting and self._waiting[0].sample <= until:
            reached.append(self._waiting.popleft().item)
        return reached

    def flush(self) -> None:
        """Forget what was not played."""
        self._waiting.clear()
        self._added = self._played = self._latest = 0
        self._answer = _Answer(None, 0, 0)

    def _begin(self, answer: str | None, now: int) -> None:
        if answer != self._answer.name:
            self._answer = _Answer(answer, self._added, max(self._latest, now))
