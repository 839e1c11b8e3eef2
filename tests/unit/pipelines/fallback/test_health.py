"""Whom to ask: those that do not rest first."""

from pipelines.fallback.health import LONGEST_REST_SECONDS, REST_SECONDS, ServiceHealth

NAMES = ["cloud", "other", "local"]


def test_services_are_asked_in_the_order_given() -> None:
    assert ServiceHealth().order(NAMES, 0.0) == [0, 1, 2]


def test_one_that_failed_is_asked_last_until_it_has_rested() -> None:
    health = ServiceHealth()
    health.failed("cloud", 10.0)
    assert health.order(NAMES, 10.0) == [1, 2, 0]
    assert health.order(NAMES, 10.0 + REST_SECONDS) == [0, 1, 2]


def test_only_one_conversation_tries_whether_it_is_back() -> None:
    health = ServiceHealth()
    health.failed("cloud", 0.0)
    health.asked("cloud", REST_SECONDS)
    assert health.order(NAMES, REST_SECONDS + 0.1) == [1, 2, 0]
    assert health.worked("cloud")
    assert health.order(NAMES, REST_SECONDS + 0.2) == [0, 1, 2]
    assert not health.worked("cloud")


def test_rests_get_longer_up_to_a_limit() -> None:
    health, now, rests = ServiceHealth(), 0.0, []
    for _ in range(12):
        health.failed("cloud", now)
        rest = REST_SECONDS
        while health.order(["cloud", "local"], now + rest) != [0, 1]:
            rest += REST_SECONDS
        rests.append(rest)
        now += rest
    assert rests[:4] == [5.0, 10.0, 20.0, 40.0]
    assert rests[-1] == LONGEST_REST_SECONDS


def test_asking_a_service_that_never_failed_changes_nothing() -> None:
    health = ServiceHealth()
    health.asked("cloud", 5.0)
    assert health.order(NAMES, 5.0) == [0, 1, 2]
    assert health.failing() == frozenset()
