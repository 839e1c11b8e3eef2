"""The log: calls named, secrets masked, noise left out."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Literal

import pytest
from loguru import logger

from voiceai.telemetry.logging import configure_logging


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """The next test finds logging as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logger.remove()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_of_json_carries_the_call_and_its_fields() -> None:
    stream = io.StringIO()
    configure_logging("json", stream=stream)

    with logger.contextualize(call_id="c1"):
        logger.bind(seconds=3).info("call.ended")

    line = json.loads(stream.getvalue())
    assert (line["message"], line["call_id"], line["seconds"]) == ("call.ended", "c1", 3)
    assert line["level"] == "INFO"


def test_a_line_of_text_carries_the_call_and_its_fields() -> None:
    stream = io.StringIO()
    configure_logging("text", stream=stream)

    with logger.contextualize(call_id="0123456789"):
        logger.bind(seconds=3).info("call.{}", "{ended}")

    assert "01234567" in stream.getvalue()
    assert stream.getvalue().endswith("call.{ended} seconds=3\n")


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_is_readable_anywhere(form: Literal["text", "json"]) -> None:
    stream = io.StringIO()
    configure_logging(form, stream=stream, secrets=["geheim-1", ""])

    logger.bind(url="https://x/?key=geheim-1").info("asked geheim-1")
    try:
        int("geheim-1")
    except ValueError:
        logger.exception("failed")

    assert "geheim-1" not in stream.getvalue()
    assert "ValueError" in stream.getvalue()


def test_the_standard_librarys_loggers_are_passed_on() -> None:
    stream = io.StringIO()
    configure_logging("json", stream=stream)

    logging.getLogger("some.package").warning("careful %s", "{now}")

    line = json.loads(stream.getvalue())
    assert (line["logger"], line["message"]) == ("some.package", "careful {now}")


def test_pipecats_noise_of_every_call_is_left_out() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream)

    logger.warning("TurnAnalyzer#0: VAD stop_secs (0.4s) differs from the recommended default")
    logger.warning("worth reading")

    assert stream.getvalue().count("\n") == 1


def test_less_severe_lines_are_left_out() -> None:
    stream = io.StringIO()
    configure_logging(level="WARNING", stream=stream)

    logger.info("quiet")

    assert stream.getvalue() == ""


def test_a_whole_conversation_is_never_logged_not_even_for_who_looks_closely() -> None:
    stream = io.StringIO()
    configure_logging("text", level="DEBUG", stream=stream)

    logger.debug("MistralChat#0: Generating LLM response [{'role': 'tool', 'content': '4711'}]")
    logger.debug("pipeline.ready")

    assert "4711" not in stream.getvalue()
    assert "pipeline.ready" in stream.getvalue()
