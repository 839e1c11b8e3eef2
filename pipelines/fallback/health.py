"""Which services are worth asking, as all conversations of a process have found."""

from collections.abc import Sequence
from dataclasses import dataclass

REST_SECONDS = 5.0
"""So long a service that failed is not asked; twice as long each time it fails again."""

LONGEST_REST_SECONDS = 60.0


@dataclass(slots=True)
class _Failing:
    failures: int
    rests_until: float


class ServiceHealth:
    """A circuit breaker for each service, without a clock of its own.

    A service that failed rests, and all conversations ask another one. After the rest a single
    conversation tries it; the others follow when that worked.
    """

    def __init__(self) -> None:
        self._failing: dict[str, _Failing] = {}

    def order(self, keys: Sequence[str], now: float) -> list[int]:
        """Return the indices of services in the order in which to ask them.

        Args:
            keys: One for each service, the preferred one first.
            now: Seconds, monotonic.

        Returns:
            Those that do not rest as given, then the resting ones: better than nobody.
        """
        return sorted(range(len(keys)), key=lambda index: (self._rests(keys[index], now), index))

    def asked(self, key: str, now: float) -> None:
        """Note that a service is being asked: while it is tried, others do not wait for it."""
        failing = self._failing.get(key)
        if failing and failing.rests_until <= now:
            failing.rests_until = now + REST_SECONDS

    def failed(self, key: str, now: float) -> None:
        """Let a service rest."""
        failing = self._failing.setdefault(key, _Failing(0, 0.0))
        failing.failures += 1
        rest = REST_SECONDS * 2 ** min(failing.failures - 1, 8)
        failing.rests_until = now + min(rest, LONGEST_REST_SECONDS)

    def worked(self, key: str) -> bool:
        """Note that a service answered.

        Returns:
            Whether it had failed before.
        """
        return self._failing.pop(key, None) is not None

    def failing(self) -> frozenset[str]:
        """Return the keys of services that failed and have not worked since."""
        return frozenset(self._failing)

    def _rests(self, key: str, now: float) -> bool:
        failing = self._failing.get(key)
        return failing is not None and failing.rests_until > now
