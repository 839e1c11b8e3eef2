"""`make demo`, with and without an Asterisk, and a short soak through a real one.

They mostly wait: they run at the same time, and beside tests that do not mind.
"""

import shutil
import wave

import pytest

from tests.support.whole_runs import WholeRuns

pytestmark = pytest.mark.timeout(150)


def seconds_of(recording: str) -> float:
    with wave.open(recording) as file:
        seconds: float = file.getnframes() / file.getframerate()
    return seconds


@pytest.mark.skipif(shutil.which("sipp") is None, reason="sipp: apt-get install sip-tester")
@pytest.mark.usefixtures("installation")
def test_a_few_calls_leave_nothing_behind(whole_runs: WholeRuns) -> None:
    report = whole_runs.soak.result()

    found = {measure.name: measure for measure in report.measures}
    assert found["calls that failed"].samples == (0,)
    assert max(found["channels"].samples) == 4
    assert len(whole_runs.told) == len(found["channels"].samples) >= 3
    left = [name for name in report.over_budget if name.endswith("left behind")]
    assert left == []


@pytest.mark.usefixtures("installation")
def test_a_whole_conversation_through_a_private_asterisk(whole_runs: WholeRuns) -> None:
    figures = whole_runs.demo.result()

    assert figures["asterisk"].startswith("Asterisk 22")
    assert figures["turns"] == 11
    assert len(figures["latencies"]) == 5
    assert seconds_of(figures["recording"]) > 15


def test_the_simulator_takes_its_place_where_no_asterisk_can_be_had(
    whole_runs: WholeRuns,
) -> None:
    figures = whole_runs.poor_demo.result()

    assert figures["asterisk"].startswith("the simulator")
    assert figures["turns"] == 11
    assert seconds_of(figures["recording"]) > 15
