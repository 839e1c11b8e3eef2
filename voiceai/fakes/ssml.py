"""What a text in Speech Synthesis Markup Language asks for. Pure."""

from dataclasses import dataclass
from xml.etree import ElementTree as ET

__all__ = ["Spoken", "read_ssml"]


@dataclass(frozen=True, slots=True)
class Spoken:
    """What is to be said.

    Attributes:
        text: The words.
        voice: Of the first element ``voice``, empty without one.
        rate: Of the first element ``prosody``, empty without one.
        style: Of the first element ``express-as``, empty without one.
    """

    text: str
    voice: str = ""
    rate: str = ""
    style: str = ""


def read_ssml(ssml: str) -> Spoken:
    """Read a document.

    Raises:
        ValueError: It is not well-formed.
    """
    try:
        root = ET.fromstring(ssml)  # noqa: S314 - a test's or a demo's own client wrote it
    except ET.ParseError as error:
        raise ValueError(f"SSML parsing error: {error}") from error
    text = " ".join(" ".join(root.itertext()).split())
    return Spoken(
        text,
        _attribute(root, "voice", "name"),
        _attribute(root, "prosody", "rate"),
        _attribute(root, "express-as", "style"),
    )


def _attribute(root: ET.Element, tag: str, name: str) -> str:
    for element in root.iter():
        if element.tag.rpartition("}")[2] == tag and name in element.attrib:
            return element.attrib[name]
    return ""
