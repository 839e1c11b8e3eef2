"""Which answers of a conversation in text are on their way. Pure."""

__all__ = ["Answers"]


class Answers:
    """Which answers are on their way.

    Attributes:
        number: Of the last thing that was said.
        arrived: Of the last one that is in the conversation's memory.
    """

    def __init__(self) -> None:
        self.number = 0
        self.arrived = 0
        self._asked = 0
        self._answering = False
        self._owed = False
        self._greeting = False
        self._tools: set[str] = set()

    @property
    def outstanding(self) -> bool:
        """Whether something is still to be said, or not yet remembered."""
        waiting = self._asked or self._owed or self._greeting or self._tools
        return bool(waiting) or self.arrived < self.number

    def expect_greeting(self) -> None:
        """Something will be said that no model is asked for."""
        self._greeting = True

    def said(self) -> int:
        """Something was said; returns its number."""
        self.number += 1
        self._greeting = False
        return self.number

    def asked(self) -> None:
        """The model was asked."""
        self._asked += 1
        self._owed = False

    def began(self) -> None:
        """It began to answer."""
        self._answering = True

    def ended(self) -> None:
        """It has answered; the end of an answer that was interrupted counts no more."""
        if self._answering:
            self._asked = max(0, self._asked - 1)
        self._answering = False

    def interrupted(self) -> None:
        """The caller spoke up: what was not said will not be."""
        self._asked, self._answering, self._owed, self._greeting = 0, False, False, False
        self.arrived = self.number

    def tools_started(self, calls: list[str]) -> None:
        """The model called tools; each has a name of its own."""
        self._tools.update(calls)

    def tool_ended(self, call: str, *, will_ask: bool | None) -> None:
        """One has come back.

        Args:
            call: Which.
            will_ask: Whether the model is asked again; None if it was the last one.
        """
        self._tools.discard(call)
        self._owed = self._owed or (not self._tools if will_ask is None else will_ask)
