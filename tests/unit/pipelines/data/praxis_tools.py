"""Functions that ``complete.yaml`` lets a language model call."""


def free_slots(day: str) -> list[str]:
    """Return when the doctor has time."""
    return [f"{day}, nine o'clock"]
