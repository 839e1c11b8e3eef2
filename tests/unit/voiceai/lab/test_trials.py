"""The same conversation under several conditions, as figures, a table and a picture."""

import numpy as np

from voiceai.lab.recording import Heard, Recording
from voiceai.lab.transcript import Transcript
from voiceai.lab.trials import Trials

SILENCE = np.zeros(0, np.float32)


def recording(*exchanges: Heard) -> Recording:
    return Recording(Transcript("x", ()), exchanges, SILENCE, SILENCE, "caller_hung_up")


TRIALS = Trials(
    {
        "good": [
            recording(Heard("one two", "one two", 0, 1, 1.2, cut_off=False)),
            recording(Heard("one two", "one", 0, 1, 1.4, cut_off=False)),
        ],
        "bad": [recording(Heard("one two", "<no>", 0, 1, None, cut_off=True))],
    }
)


def test_the_figures_are_those_of_all_recordings_of_a_condition() -> None:
    assert TRIALS.word_error_rate("good") == 0.25
    assert TRIALS.latency_ms("good") == 300
    assert (TRIALS.cut_offs("good"), TRIALS.cut_offs("bad")) == (0, 1)
    assert (TRIALS.unanswered("good"), TRIALS.unanswered("bad")) == (0, 1)
    assert TRIALS.latency_ms("bad") is None
    assert str(TRIALS).splitlines() == [
        "good: 25 % word errors, answers after 300 ms, 0 cut off, 0 unanswered",
        "bad: 100 % word errors, no answer, 1 cut off, 1 unanswered",
    ]


def test_what_was_understood_is_no_markup() -> None:
    assert "&lt;no&gt;" in TRIALS._repr_html_()
    assert "Word errors (%)" in TRIALS.plot().svg
