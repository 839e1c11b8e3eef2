"""What conversations cost at prices that one gives. Pure."""

from dataclasses import dataclass

from voiceai.lab.usage import Usage

__all__ = ["NO_PRICES", "Prices"]

MILLION = 1e6
SECONDS_OF_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Prices:
    """What a provider asks; there are none of ours. None is not known, and not counted.

    Attributes:
        prompt: For a million tokens that are read.
        completion: For a million tokens that are written.
        characters: For a million characters that are spoken.
        hour: For an hour of audio that is recognised.
        currency: Of all of them.
        source: Whose prices, and of which day.
    """

    prompt: float | None = None
    completion: float | None = None
    characters: float | None = None
    hour: float | None = None
    currency: str = "EUR"
    source: str = ""

    def cost(self, usage: Usage) -> float | None:
        """Return what it costs; None without a price for any of it."""
        parts = [part for _, amount, part in self._parts(usage) if amount > 0 and part is not None]
        return sum(parts) if parts else None

    def unknown(self, usage: Usage) -> list[str]:
        """Return what was used and has no price."""
        return [name for name, amount, part in self._parts(usage) if amount > 0 and part is None]

    def describe(self, usage: Usage) -> str:
        """Return the cost in words; empty without any price."""
        cost = self.cost(usage)
        if cost is None:
            return ""
        without = self.unknown(usage)
        return f"{cost:.6f} {self.currency}" + (f" without {', '.join(without)}" if without else "")

    def _parts(self, usage: Usage) -> list[tuple[str, float, float | None]]:
        """Return each thing with how much of it was used, and what that costs."""
        table = (
            ("what is read", usage.tokens.prompt, self.prompt, MILLION),
            ("what is written", usage.tokens.completion, self.completion, MILLION),
            ("the voice", usage.characters, self.characters, MILLION),
            ("recognition", usage.seconds, self.hour, SECONDS_OF_HOUR),
        )
        return [
            (name, amount, None if price is None else amount * price / of)
            for name, amount, price, of in table
        ]


NO_PRICES = Prices()
