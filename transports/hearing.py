"""Which voice activity detection there is."""

from transports.media import MediaEngine
from transports.silero import SileroModel, SileroScorer
from transports.vad import VoiceActivity

__all__ = ["make_voice_activity"]


def make_voice_activity(engine: MediaEngine) -> VoiceActivity:
    """Return the ears of all calls of an engine, which runs them before packets leave.

    Blocks for some 40 ms while Silero is loaded.
    """
    activity = VoiceActivity({"silero": SileroScorer(SileroModel())})
    engine.after_hearing(activity.run)
    return activity
