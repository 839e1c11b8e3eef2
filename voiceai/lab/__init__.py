"""Conversations to try things out: in text, and by voice over a network as bad as one likes.

::

    async with Lab() as lab:
        transcript = await lab.chat("local-en", ["When are you open?"])
        recording = await lab.call("local-en", ["When are you open?"], impairments=...)

Notebooks use what is named here; ``voiceai chat`` is made of ``text_call``.
"""

from transports.netem import GilbertElliott, Impairments
from voiceai.lab.comparison import (
    Check,
    Comparison,
    Customer,
    ends_with,
    never_says,
    says,
    uses,
)
from voiceai.lab.laboratory import Lab
from voiceai.lab.picture import Picture
from voiceai.lab.recording import Recording
from voiceai.lab.spoken import Say
from voiceai.lab.transcript import Tokens, Transcript
from voiceai.lab.trials import Condition, Trials

__all__ = [
    "Check",
    "Comparison",
    "Condition",
    "Customer",
    "GilbertElliott",
    "Impairments",
    "Lab",
    "Picture",
    "Recording",
    "Say",
    "Tokens",
    "Transcript",
    "Trials",
    "ends_with",
    "never_says",
    "says",
    "uses",
]
