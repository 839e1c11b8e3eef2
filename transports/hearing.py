"""Which voice activity detection there is."""

from transports.energy import EnergyScorer
from transports.media import MediaEngine
from transports.silero import SileroModel, SileroScorer
from transports.vad import VoiceActivity

__all__ = ["make_voice_activity"]


def make_voice_activity(engine: MediaEngine) -> VoiceActivity:
    """Return the ears of all calls of an engine, which runs them before packets leave.

    Blocks for some 40 ms while Silero is loaded; ``silero-torch`` is, when a call first needs it.
    """
    activity = VoiceActivity(
        {"silero": _silero, "silero-torch": _silero_torch, "energy": EnergyScorer}
    )
    activity.load("silero")
    engine.after_hearing(activity.run)
    return activity


def _silero() -> SileroScorer:
    return SileroScorer(SileroModel())


def _silero_torch() -> SileroScorer:
    from transports.silero_torch import TorchSileroModel  # noqa: PLC0415 - torch is an extra

    return SileroScorer(TorchSileroModel())
