"""A script says of every request how it is treated."""

from voiceai.fakes.behaviour import (
    DROP,
    GOOD,
    SILENT,
    STALL,
    Script,
    Trouble,
    close_after,
    drop_after,
    stall_after,
)


def test_a_request_is_treated_as_all_unless_its_number_is_named() -> None:
    script = Script(SILENT, {2: DROP, 5: STALL})

    assert [script.behaviour(number) for number in range(1, 6)] == [
        SILENT,
        DROP,
        SILENT,
        SILENT,
        STALL,
    ]


def test_trouble_comes_after_as_many_pieces_as_were_asked_for() -> None:
    for behaviour, trouble in (
        (stall_after(2), Trouble.STALL),
        (drop_after(2), Trouble.DROP),
        (close_after(2), Trouble.CLOSE),
    ):
        assert [behaviour.trouble_at(piece) for piece in range(4)] == [None, None, trouble, trouble]
    assert GOOD.trouble_at(1000) is None
