"""How long a turn without a transcript is waited for."""

from pipelines.fallback.assemble import Candidate, turn_timeout
from pipelines.registry import REGISTRY
from pipelines.spec import Spec


def candidate(name: str, first_byte_ms: int | None = None) -> Candidate:
    return Candidate(name, REGISTRY["stt"][name], Spec(), first_byte_ms)


def test_one_recogniser_has_its_own_time() -> None:
    assert turn_timeout([candidate("whisper")]) == 2.0


def test_each_that_follows_has_the_time_to_start_as_well() -> None:
    chain = [candidate("azure"), candidate("whisper"), candidate("mistral", 2000)]
    given_up, starting = 1.5 + 1.5, 1.5 + 2.0
    assert turn_timeout(chain) == 3.0 + given_up + starting
