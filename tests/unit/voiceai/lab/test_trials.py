"""The same conversation under several conditions, as figures, a table and a picture."""

from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np

from voiceai.lab.hearing import Hearing
from voiceai.lab.recording import Heard, MadeOut, Recording
from voiceai.lab.transcript import Transcript
from voiceai.lab.trials import Trials

SILENCE = np.zeros(0, np.float32)


def recording(*exchanges: Heard) -> Recording:
    return Recording(Transcript("x", ()), exchanges, SILENCE, SILENCE, "caller_hung_up")


TRIALS = Trials(
    {
        "good": [
            replace(
                recording(Heard("one two", "one two", 0, 1, 1.2, cut_off=False)),
                made_out=(
                    MadeOut("You said one two.", "You sent one two."),
                    MadeOut("Yes.", "yes"),
                ),
                hearing=Hearing(SILENCE, concealed=0.25),
            ),
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
    good, bad = str(TRIALS).splitlines()
    assert good.startswith("good: 25 % of words misunderstood, 20 % not made out, answers after")
    assert bad == "bad: 100 % of words misunderstood, no answer, 1 cut off, 1 unanswered"


def test_what_the_caller_makes_out_counts_for_the_other_way() -> None:
    assert TRIALS.hearing_error_rate("good") == 0.2
    assert TRIALS.hearing_error_rate("bad") is None
    assert TRIALS.concealed("good") == 0.125


def test_what_was_understood_is_no_markup() -> None:
    assert "&lt;no&gt;" in TRIALS._repr_html_()
    assert ">none<" in TRIALS.plot().svg


def test_over_an_axis_numbers_stand_to_scale_and_names_evenly() -> None:
    axes: dict[str, dict[str | float, str]] = {
        "Loss (%)": {0: "good", 20: "bad"},
        "Codec": {"A-law": "good", "µ-law": "bad"},
    }
    root = ET.fromstring(TRIALS.plot_over(axes).svg)  # noqa: S314 - our own
    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]

    assert {"Loss (%)", "Codec", "0", "20", "A-law", "µ-law"} <= set(texts)
    assert "Caller cannot make out (% of words)" in texts
    lines = root.findall("{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 2, "of two measures both values are known, and names are not joined"
    assert texts.count("none") == 4
