"""Where what the tests fetch is kept from one run to the next."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return the folder; `XDG_CACHE_HOME` moves it."""
    parent = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(parent) / "voiceai"
