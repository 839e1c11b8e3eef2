"""What conversations use, and what that costs at prices that are given."""

import pytest

from voiceai.lab.prices import NO_PRICES, Prices
from voiceai.lab.usage import Tokens, Usage

USED = Usage(Tokens(1_000_000, 500_000), characters=2_000_000, seconds=1800)


def test_what_is_used_adds_up() -> None:
    twice = USED + USED

    assert twice == Usage(Tokens(2_000_000, 1_000_000), 4_000_000, 3600)
    assert str(twice) == "2000000 + 1000000 tokens, 4000000 characters, 3600 s of audio"


def test_each_thing_has_a_price_of_its_own() -> None:
    prices = Prices(prompt=0.1, completion=0.4, characters=10.0, hour=1.0)

    assert prices.cost(USED) == pytest.approx(0.1 + 0.2 + 20.0 + 0.5)
    assert prices.unknown(USED) == []


def test_what_has_no_price_is_named_and_not_counted() -> None:
    prices = Prices(prompt=0.1, currency="CHF")

    assert prices.cost(USED) == pytest.approx(0.1)
    assert prices.describe(USED) == "0.100000 CHF without what is written, the voice, recognition"


def test_without_any_price_nothing_is_free() -> None:
    assert NO_PRICES.cost(USED) is None
    assert NO_PRICES.describe(USED) == ""
