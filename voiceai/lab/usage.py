"""What conversations used. Pure."""

from dataclasses import dataclass

__all__ = ["NO_TOKENS", "Tokens", "Usage"]


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a language model reports to have read and written; zero where it reports nothing."""

    prompt: int = 0
    completion: int = 0

    def __add__(self, other: "Tokens") -> "Tokens":
        """Return the sum."""
        return Tokens(self.prompt + other.prompt, self.completion + other.completion)


NO_TOKENS = Tokens()


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used.

    Attributes:
        tokens: Read and written by language models, as they report it.
        characters: Given to the voice.
        seconds: Of audio given to recognition; none in text.
    """

    tokens: Tokens = NO_TOKENS
    characters: int = 0
    seconds: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        """Return the sum."""
        return Usage(
            self.tokens + other.tokens,
            self.characters + other.characters,
            self.seconds + other.seconds,
        )

    def __str__(self) -> str:
        """Name what was used."""
        parts = []
        if self.tokens != Tokens():
            parts.append(f"{self.tokens.prompt} + {self.tokens.completion} tokens")
        if self.characters:
            parts.append(f"{self.characters} characters")
        if self.seconds:
            parts.append(f"{self.seconds:.0f} s of audio")
        return ", ".join(parts) or "nothing"
