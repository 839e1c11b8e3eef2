"""One entry on the keypad."""

import asyncio

import pytest

from pipelines.tool_specs import CollectDigitsTool
from pipelines.tools.digits import DigitCollector, DigitEntry


def entry(**given: object) -> DigitEntry:
    return DigitEntry(CollectDigitsTool.model_validate(given), began_at=100.0)


def typed(one: DigitEntry, keys: str, *, at: float = 101.0, every: float = 0.5) -> DigitEntry:
    for index, key in enumerate(keys):
        one.press(key, at + index * every)
    return one


def test_the_terminator_ends_it_and_is_not_part_of_it() -> None:
    one = typed(entry(), "1234#9")
    assert (one.digits, one.ended, one.ending()) == ("1234", True, "complete")


def test_so_many_digits_end_it() -> None:
    one = typed(entry(max=4), "12345")
    assert (one.digits, one.ended) == ("1234", True)


def test_without_a_terminator_every_key_is_a_digit() -> None:
    one = typed(entry(terminator="", max=3), "1#*")
    assert (one.digits, one.ended) == ("1#*", True)


def test_it_ends_after_a_pause_behind_the_last_digit() -> None:
    one = entry(between_ms=3000, within_ms=20_000)
    assert one.deadline() == 120.0
    one.press("1", 110.0)
    assert one.deadline() == 113.0
    one.press("2", 119.0)
    assert one.deadline() == 120.0


def test_time_does_not_run_while_the_caller_is_spoken_to() -> None:
    one = entry(within_ms=5000, between_ms=1000)
    one.spoken(130.0)
    assert one.deadline() == 135.0
    one.press("1", 131.0)
    one.spoken(150.0)
    assert one.deadline() == 132.0


def test_too_few_and_nothing_are_told() -> None:
    assert typed(entry(min=4), "12").ending() == "too_few"
    assert typed(entry(), "#").ending() == "nothing"


@pytest.mark.parametrize(("masked", "told"), [(True, [True, False]), (False, [])])
async def test_whoever_records_is_told_of_a_secret_however_it_ends(
    masked: bool, told: list[bool]
) -> None:
    secrets: list[bool] = []
    collector = DigitCollector(1.0, secrets.append)
    collecting = asyncio.ensure_future(collector.collect(CollectDigitsTool(masked=masked)))
    await asyncio.sleep(0)
    assert secrets == told[:1]

    collecting.cancel()
    await asyncio.gather(collecting, return_exceptions=True)

    assert secrets == told
