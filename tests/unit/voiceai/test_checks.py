"""What the doctor says of this machine, without asking it."""

import pytest

from voiceai.checks import media_finding


def test_a_media_process_of_the_realtime_class_is_well() -> None:
    found = media_finding("process", lambda: "SCHED_FIFO 20")

    assert (found.level, found.message) == ("ok", "a process of its own, SCHED_FIFO 20")


@pytest.mark.parametrize("scheduling", ["normal", "nice -10"])
def test_any_other_class_is_a_warning_with_its_remedy(scheduling: str) -> None:
    found = media_finding("process", lambda: scheduling)

    assert found.level == "warn"
    assert scheduling in found.message
    assert "LimitRTPRIO=20" in found.fix
    assert "SYS_NICE" in found.fix


def test_audio_in_the_process_of_the_calls_is_a_warning() -> None:
    found = media_finding("inline", lambda: "SCHED_FIFO 20")

    assert (found.level, found.fix) == ("warn", "Set VOICEAI_MEDIA=process.")
