"""Where a bench lets the media engine run."""

from typing import Final, Literal

__all__ = ["PLACEMENTS", "Placement"]

Placement = Literal["inline", "process"]
PLACEMENTS: Final[tuple[Placement, ...]] = ("inline", "process")
