"""What conversations share: each engine is made once, and different ones beside each other."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from pipelines.resources import Resources

WITHIN_SECONDS = 5.0


@pytest.fixture
def resources() -> Iterator[Resources]:
    resources = Resources()
    yield resources
    resources.close()


def test_two_engines_are_made_at_the_same_time(resources: Resources) -> None:
    meeting = Barrier(2)
    with ThreadPoolExecutor(2) as pool:
        made = [
            pool.submit(resources.engine, name, lambda: meeting.wait(WITHIN_SECONDS))
            for name in ("voice", "ears")
        ]

    assert sorted(each.result() for each in made) == [0, 1]


def test_an_engine_is_made_once_whoever_asks_for_it(resources: Resources) -> None:
    both = Barrier(2)

    def ask() -> object:
        both.wait(WITHIN_SECONDS)
        return resources.engine("voice", object)

    with ThreadPoolExecutor(2) as pool:
        first, second = (pool.submit(ask) for _ in range(2))

    assert first.result() is second.result()


def test_an_engine_that_could_not_be_made_is_tried_again(resources: Resources) -> None:
    def fail() -> str:
        raise OSError

    with pytest.raises(OSError, match=r"^$"):
        resources.engine("voice", fail)

    assert resources.engine("voice", lambda: "made") == "made"
