"""Each way a connection fails has a reason and a fix of its own."""

import pytest

from asterisk.ari import diagnosis
from asterisk.ari.diagnosis import Diagnosis


def refused(status: int, path: str = "/bridges", *, is_json: bool = True) -> Diagnosis:
    return diagnosis.refused(status, path, is_json=is_json, message="message", username="voiceai")


@pytest.mark.parametrize(
    ("found", "reason", "fix"),
    [
        (refused(401), "password of 'voiceai' is wrong", "[voiceai]"),
        (refused(403), "may read but not write", "read_only=no"),
        (refused(404, "/events", is_json=False), "no event connection", "res_ari_events.so"),
        (refused(404, is_json=False), "ARI is not there", "enabled=yes in ari.conf"),
        (refused(404), "does not know /bridges", "res_ari_bridges.so"),
        (refused(500), "with 500: message", "log"),
        (diagnosis.nobody_listens("http://x"), "nobody listens at http://x", "http.conf"),
        (diagnosis.no_route("http://x", "why"), "no connection to http://x: why", "ARI_URL"),
        (diagnosis.no_answer("http://x", 5.0), "no answer within 5 s", "hangs"),
        (diagnosis.connection_lost("close code 1006"), "close code 1006", "comes back"),
        (diagnosis.replaced("voice-ai", 30.0), "another client took over", "ARI_APP"),
    ],
)
def test_a_failure_names_its_reason_and_its_fix(found: Diagnosis, reason: str, fix: str) -> None:
    assert reason in found.reason
    assert fix in found.fix


def test_an_asterisk_that_says_no_is_not_called_unreachable() -> None:
    assert {refused(status).state for status in (401, 403, 404, 500)} == {"refused"}
    assert diagnosis.nobody_listens("http://x").state == "unreachable"
