"""What holds for all tests."""

import gc


def pytest_collection_finish() -> None:
    """Never look for garbage in what is there before the first test: it takes half a second."""
    gc.collect()
    gc.freeze()
