"""What a test needs from outside: it is fetched, or the test skips and says why; in CI it fails."""

import os
from collections.abc import Callable
from typing import TypeVar

import pytest

from asterisk.runtime import AsteriskUnavailable
from asterisk.unpack import PackagesUnavailable
from pipelines.errors import ServiceUnavailable

T = TypeVar("T")


def have_or_skip(fetch: Callable[[], T]) -> T:
    """Return what `fetch` returns; skip where it cannot be had, but fail with CI=true."""
    try:
        return fetch()
    except (AsteriskUnavailable, PackagesUnavailable, ServiceUnavailable) as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
