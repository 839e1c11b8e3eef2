"""A call as a picture: what is loud is drawn where it was, what was said stands above it."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from voiceai.lab.picture import draw
from voiceai.lab.transcript import Turn

SVG = "{http://www.w3.org/2000/svg}"


def sound(
    begins: float, ends: float, seconds: float
) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    samples = np.zeros(int(8000 * seconds), np.float32)
    samples[int(8000 * begins) : int(8000 * ends)] = 0.5
    return samples


def test_sounds_words_and_waits_stand_where_they_were() -> None:
    turns = [Turn("caller", "Where <are> you?", 1000, 2000), Turn("assistant", "Here.", 3000, 4000)]
    picture = draw(sound(1, 2, 4), sound(3, 4, 4), turns, [(2.0, 3.0)], title="Both", width=510)
    root = ET.fromstring(picture.svg)  # noqa: S314 - our own
    second = 100.0  # pixels: 510 less the margins of 110, over four seconds

    upper, lower = root.findall(f"{SVG}polygon")
    assert extent(upper) == pytest.approx((92 + second, 92 + 2 * second), abs=2)
    assert extent(lower) == pytest.approx((92 + 3 * second, 92 + 4 * second), abs=2)
    texts = {each.text: float(each.get("x", "0")) for each in root.findall(f"{SVG}text")}
    assert texts["Where <are> you?"] == pytest.approx(92 + second, abs=1)
    assert texts["1000 ms"] == pytest.approx(92 + 2.5 * second, abs=1)


def test_words_without_room_are_cut_and_silence_is_a_picture_too() -> None:
    turns = [Turn("caller", "A long sentence, too long", 0, 100), Turn("caller", "b", 700, 800)]
    picture = draw(sound(0, 0, 4), sound(0, 0, 4), turns, [], title="Both", width=510)

    assert "A long sentence, too long" not in picture.svg
    assert re.search(r">A long</text>", picture.svg)
    assert re.search(r">\w+…<", picture.svg)
    assert draw(sound(0, 0, 0), sound(0, 0, 0), [], [], title="", width=510).svg.startswith("<svg")


def test_the_last_words_are_moved_to_where_there_is_room() -> None:
    turns = [Turn("assistant", "Goodbye, goodbye.", 3800, 4000)]
    picture = draw(sound(0, 0, 4), sound(3.8, 4, 4), turns, [], title="Both", width=510)

    assert ">Goodbye, goodbye.<" in picture.svg


def extent(polygon: ET.Element) -> tuple[float, float]:
    """Return where the outline is thick, from left to right."""
    points = [tuple(map(float, each.split(","))) for each in polygon.get("points", "").split()]
    upper, lower = points[: len(points) // 2], points[len(points) // 2 :][::-1]
    thick = [a[0] for a, b in zip(upper, lower, strict=True) if b[1] - a[1] > 2]
    return thick[0], thick[-1]
