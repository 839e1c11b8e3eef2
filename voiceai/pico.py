"""The German voice SVOX Pico, fetched on request: what ``make pico`` runs.

Debian has it in ``non-free``: its code is under Apache-2.0, and so is said to be its voice,
which comes without a source. It is unpacked below the data folder; nothing is installed, and
apt's own sources stay as they are.
"""

import sys

from rich.console import Console

from asterisk.unpack import PackagesUnavailable, ensure_packages
from pipelines.services.pico import Installation, find
from voiceai.app import model_params
from voiceai.errors import VoiceaiError
from voiceai.settings import Settings, load_settings

SUITE = "bookworm"
COMPONENT = "non-free"
PACKAGES = ("libttspico0", "libttspico-data")


def fetch(settings: Settings) -> Installation:
    """Return where Pico is, unpacking it below the data folder unless it is on this machine.

    Raises:
        PackagesUnavailable: The packages cannot be had, or not be written.
    """
    folder = model_params(settings).pico_dir
    found = find(folder)
    if found is None and folder is not None:
        found = find(ensure_packages(folder, SUITE, COMPONENT, PACKAGES))
    if found is None:
        raise PackagesUnavailable(f"{' and '.join(PACKAGES)} do not hold what they should")
    return found


def main() -> int:
    """Fetch it and say where it is; return the exit code."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        found = fetch(load_settings().settings)
    except (PackagesUnavailable, VoiceaiError) as error:
        console.print(f"error: {error}", markup=False)
        return error.exit_code if isinstance(error, VoiceaiError) else 1
    console.print(f"Pico is in {found.lingware}; German is spoken by it from the next start on")
    return 0


if __name__ == "__main__":
    sys.exit(main())
