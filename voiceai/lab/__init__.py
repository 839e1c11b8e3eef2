"""Conversations to try things out: in text, and by voice over a network as bad as one likes.

::

    async with Lab() as lab:
        transcript = await lab.chat("local-en", ["When are you open?"])
        recording = await lab.call("local-en", ["When are you open?"], impairments=...)

Notebooks use what is named here; ``voiceai chat`` is made of ``text_call``.
"""

from transports.netem import GilbertElliott, Impairments
from voiceai.lab.comparison import Comparison
from voiceai.lab.laboratory import Lab
from voiceai.lab.picture import Picture
from voiceai.lab.prices import Prices
from voiceai.lab.recording import Recording
from voiceai.lab.spoken import Say
from voiceai.lab.transcript import Transcript
from voiceai.lab.trials import Condition, Trials
from voiceai.lab.usage import Tokens, Usage

__all__ = [
    "Comparison",
    "Condition",
    "GilbertElliott",
    "Impairments",
    "Lab",
    "Picture",
    "Prices",
    "Recording",
    "Say",
    "Tokens",
    "Transcript",
    "Trials",
    "Usage",
]
