"""Which endpoints of SIP are trunks that may transfer calls."""

import pytest

from asterisk.config.trunks import check_trunks


@pytest.mark.parametrize(
    ("settings", "level"),
    [
        ({"allow_transfer": "true", "auth": "", "outbound_auth": "provider"}, "warn"),
        ({"allow_transfer": "yes", "auth": "", "outbound_auth": ""}, "warn"),
        ({"allow_transfer": "true", "auth": "both", "outbound_auth": "both"}, "warn"),
        ({"allow_transfer": "false", "auth": "", "outbound_auth": "provider"}, "ok"),
        ({"allow_transfer": "true", "auth": "phone", "outbound_auth": ""}, "ok"),
        ({}, "ok"),
    ],
)
def test_who_shows_no_password_may_not_transfer(settings: dict[str, str], level: str) -> None:
    assert check_trunks({"somebody": settings}, unseen=0).level == level


def test_each_trunk_that_may_is_named_with_what_mends_it() -> None:
    may = {"allow_transfer": "true"}

    finding = check_trunks({"one": may, "two": {}, "three": may}, unseen=0)

    assert "one, three." in finding.message
    assert "allow_transfer=no" in finding.fix


def test_what_was_not_looked_at_is_told() -> None:
    assert "7 more" in check_trunks({"one": {}}, unseen=7).message
