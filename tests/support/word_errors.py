"""How far what was recognised is from what was said: the bench's own measure."""

from voiceai.bench.word_errors import nearest_beginning, word_error_rate, words

__all__ = ["nearest_beginning", "word_error_rate", "words"]
