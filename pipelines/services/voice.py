"""What our voices add to Pipecat's: they tell when each word is heard, to whoever asks."""

from collections.abc import Awaitable, Callable, Sequence

from pipecat.services.tts_service import TTSService

from pipelines import speech

WordTimes = Sequence[tuple[str, float]]
"""Words, and the seconds within the context's audio at which each starts."""

WordListener = Callable[[WordTimes, str | None], Awaitable[None]]
"""Awaited with the words of a context, as they become known."""

SECONDS_A_LETTER = 0.065
"""Of German and English voices at their usual pace, the space behind a word counted."""

LEARNING = 0.3
"""Weight of the latest sentence in what is believed of a voice's pace."""


class WordTeller(TTSService):
    """A voice that can be spoken with outside a pipeline: its word times go to a listener."""

    _word_listener: WordListener | None = None

    def tell_words_to(self, listener: WordListener) -> None:
        """Tell this one from now on, instead of this service's own audio context."""
        self._word_listener = listener

    async def add_word_timestamps(
        self,
        word_times: list[tuple[str, float]],
        context_id: str | None = None,
        includes_inter_frame_spaces: bool | None = None,  # noqa: FBT001 - Pipecat's signature
        pre_merge_tokens: bool = False,  # noqa: FBT001, FBT002 - likewise
    ) -> None:
        """Tell when words are heard."""
        if self._word_listener:
            await self._word_listener(word_times, context_id)
            return
        await super().add_word_timestamps(
            word_times, context_id, includes_inter_frame_spaces, pre_merge_tokens
        )


class Pace:
    """Guesses when words are heard, of a voice that does not tell, ahead of its audio."""

    def __init__(self) -> None:
        self._seconds_a_letter = SECONDS_A_LETTER
        self._context: str | None = None
        self._seconds = 0.0

    def word_times(self, text: str, context_id: str) -> list[tuple[str, float]]:
        """Return each word of a text that follows what was already said in its context."""
        if context_id != self._context:
            self._context, self._seconds = context_id, 0.0
        duration = (len(text) + 1) * self._seconds_a_letter
        return speech.word_times(text, duration, self._seconds)

    def said(self, text: str, seconds: float) -> None:
        """Learn how long a text took."""
        self._seconds += seconds
        measured = seconds / (len(text) + 1)
        self._seconds_a_letter += LEARNING * (measured - self._seconds_a_letter)
