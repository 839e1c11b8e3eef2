"""A telephone that plays the part of Asterisk."""

from collections.abc import Iterator

import pytest

from tests.support.streams import Phone


@pytest.fixture
def phone() -> Iterator[Phone]:
    phone = Phone()
    yield phone
    phone.socket.close()
