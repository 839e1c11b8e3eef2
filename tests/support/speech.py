"""People who speak, recorded: the prompts that the bench knows, in the tests' cache."""

from tests.support.cache import cache_folder
from voiceai.bench.recordings import (
    LEVEL_DBFS,
    SAMPLE_RATE_HZ,
    english_recordings,
    german_recordings,
)
from voiceai.bench.recordings import Recording as Prompt

__all__ = [
    "LEVEL_DBFS",
    "SAMPLE_RATE_HZ",
    "Prompt",
    "english_prompts",
    "german_prompts",
    "prompt",
]


def english_prompts() -> list[Prompt]:
    """Return some sentences of one speaker, 1.5 to 6 s each.

    Raises:
        PackagesUnavailable: They cannot be fetched.
    """
    return english_recordings(cache_folder())


def german_prompts() -> list[Prompt]:
    """Return some sentences of one speaker, 1 to 6 s each.

    Raises:
        PackagesUnavailable: They cannot be fetched.
    """
    return german_recordings(cache_folder())


def prompt(language: str, name: str) -> Prompt:
    """Return one prompt of either list by its name.

    Raises:
        PackagesUnavailable: It cannot be fetched.
        KeyError: There is none of this name.
    """
    prompts = english_prompts() if language == "en" else german_prompts()
    return {prompt.name: prompt for prompt in prompts}[name]
