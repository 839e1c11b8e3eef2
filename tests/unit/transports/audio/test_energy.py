"""Speech by its loudness alone."""

import pytest

from transports.audio.energy import EnergyMeter


def hear(meter: EnergyMeter, levels: list[float]) -> list[bool]:
    """Feed windows; whoever was speech in the last one is speaking."""
    heard: list[bool] = []
    for level in levels:
        heard.append(meter.put(level, speaking=bool(heard) and heard[-1]))
    return heard


def test_a_given_threshold_is_all_that_counts() -> None:
    meter = EnergyMeter(-40.0)

    assert hear(meter, [-60.0, -40.1, -40.0, -20.0, -41.0]) == [False, False, True, True, False]


@pytest.mark.parametrize("noise", [-80.0, -60.0, -50.0, -40.0])
def test_it_learns_the_noise_of_the_line_in_seconds_and_hears_speech_above_it(
    noise: float,
) -> None:
    meter = EnergyMeter()
    hear(meter, [noise] * 300)  # 10 s

    assert not any(hear(meter, [noise + 3] * 30))
    assert all(hear(meter, [max(noise + 15, -45.0)] * 30))


def test_it_is_right_from_the_first_window_on_a_quiet_line() -> None:
    assert hear(EnergyMeter(), [-70.0, -25.0, -25.0, -70.0]) == [False, True, True, False]


def test_ten_seconds_of_speech_do_not_become_the_noise() -> None:
    meter = EnergyMeter()
    hear(meter, [-65.0] * 30)
    words = [-20.0] * 12 + [-55.0] * 2  # with short dips

    heard = hear(meter, words * 22)

    voiced = [is_speech for at, is_speech in enumerate(heard) if at % 14 < 12]
    assert all(voiced)


def test_nothing_below_minus_50_is_speech() -> None:
    meter = EnergyMeter()
    hear(meter, [-96.0] * 100)

    assert not any(hear(meter, [-51.0] * 50))


def test_a_word_may_fade_further_than_it_must_rise() -> None:
    def after_noise() -> EnergyMeter:
        meter = EnergyMeter()
        hear(meter, [-50.0] * 300)
        return meter

    assert not after_noise().put(-40.0, speaking=False)
    assert after_noise().put(-40.0, speaking=True)


def test_when_the_noise_ends_a_quiet_speaker_is_heard_soon() -> None:
    meter = EnergyMeter()
    hear(meter, [-40.0] * 300)
    hear(meter, [-70.0] * 6)

    assert all(hear(meter, [-42.0] * 10))
