"""Azure Speech on this machine: recognition and synthesis on one port.

Give `url` to the SDK as ``host`` or as ``endpoint``: it appends the paths of either itself. Plain
``ws://`` needs no certificate.
"""

from collections.abc import Container
from typing import Final

from aiohttp import web

from voiceai.fakes.azure_recognition import AzureRecognition
from voiceai.fakes.azure_synthesis import AzureSynthesis
from voiceai.fakes.recognisers import Recogniser, ScriptedRecogniser
from voiceai.fakes.server import Provider
from voiceai.fakes.voices import Speak, murmur

__all__ = ["AzureFake"]

RECOGNITION_PATHS: Final = (
    "/stt/speech/universal/v2",
    "/speech/universal/v2",
    "/speech/recognition/{mode}/cognitiveservices/v1",
)
SYNTHESIS_PATHS: Final = (
    "/tts/cognitiveservices/websocket/v1",
    "/cognitiveservices/websocket/v1",
)
"""Of each, the first is the SDK's with ``endpoint``, the last that with ``host``."""


class AzureFake(Provider):
    """The provider; a context manager.

    Attributes:
        server: As of every provider.
        recognition: How the recognition behaves, and what it was asked.
        synthesis: The same of the synthesis.
        recogniser: What is understood.
    """

    def __init__(
        self,
        *,
        recogniser: Recogniser | None = None,
        speak: Speak = murmur,
        voices: Container[str] | None = None,
        key: str | None = None,
        port: int = 0,
    ) -> None:
        """Prepare the server.

        Args:
            recogniser: What is understood; a script that is still empty unless given.
            speak: The voice.
            voices: The names of those that there are; None knows any.
            key: The right one; None takes any but none at all.
            port: 0 takes a free one.
        """
        self.recogniser = recogniser or ScriptedRecogniser()
        recognition = AzureRecognition(self.recogniser, key)
        synthesis = AzureSynthesis(speak, key, voices)
        self.recognition = recognition.endpoint
        self.synthesis = synthesis.endpoint
        super().__init__(
            [
                *(web.get(path, recognition.handle) for path in RECOGNITION_PATHS),
                *(web.get(path, synthesis.handle) for path in SYNTHESIS_PATHS),
            ],
            (self.recognition, self.synthesis),
            port,
        )

    @property
    def url(self) -> str:
        """What the SDK takes as ``endpoint`` or ``host``."""
        return self.server.websocket_url
