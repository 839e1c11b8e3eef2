"""SVOX Pico in a process of its own: reads texts, writes audio (Pico's C interface, picoapi.h).

Its library is called through ctypes and knows no Python: a text that breaks it ends this
process, not the calls. ``pico2wave`` would do, but has its lingware's place built in.

Run as ``python pico_speaker.py LIBRARY LINGWARE_FOLDER LANGUAGE``. A request is 4 bytes of
length (big-endian) and a text in UTF-8; the answer is 4 bytes of length and 16-bit
little-endian mono at 16 kHz. Nothing but the standard library is imported: it starts in 20 ms.
"""

import ctypes
import struct
import sys
from pathlib import Path
from typing import BinaryIO

LENGTH = struct.Struct("!I")
MEMORY_BYTES = 2_500_000
OUTPUT_BYTES = 1024
STEP_IDLE = 200
STEP_BUSY = 201
VOICE = b"voice"
NAME_BYTES = 32
LINGWARE = {
    "de-DE": ("de-DE_ta.bin", "de-DE_gl0_sg.bin"),
    "en-GB": ("en-GB_ta.bin", "en-GB_kh0_sg.bin"),
    "en-US": ("en-US_ta.bin", "en-US_lh0_sg.bin"),
    "es-ES": ("es-ES_ta.bin", "es-ES_zl0_sg.bin"),
    "fr-FR": ("fr-FR_ta.bin", "fr-FR_nk0_sg.bin"),
    "it-IT": ("it-IT_ta.bin", "it-IT_cm0_sg.bin"),
}
"""Text analysis and signal generation of each language."""


class PicoError(Exception):
    """The library refused."""


class Pico:
    """One engine with one voice."""

    def __init__(self, library: str, folder: Path, language: str) -> None:
        self._pico = ctypes.CDLL(library)
        self._memory = ctypes.create_string_buffer(MEMORY_BYTES)
        self._system = ctypes.c_void_p()
        self._engine = ctypes.c_void_p()
        self._call(
            "pico_initialize",
            self._memory,
            ctypes.c_uint32(MEMORY_BYTES),
            ctypes.byref(self._system),
        )
        self._call("pico_createVoiceDefinition", self._system, VOICE)
        for name in LINGWARE[language]:
            resource = ctypes.c_void_p()
            path = str(folder / name).encode()
            self._call("pico_loadResource", self._system, path, ctypes.byref(resource))
            resource_name = ctypes.create_string_buffer(NAME_BYTES)
            self._call("pico_getResourceName", self._system, resource, resource_name)
            self._call("pico_addResourceToVoiceDefinition", self._system, VOICE, resource_name)
        self._call("pico_newEngine", self._system, VOICE, ctypes.byref(self._engine))

    def speak(self, text: str) -> bytes:
        """Return a text as 16-bit mono at 16 kHz."""
        data = text.replace("\0", " ").encode() + b"\0"  # the zero makes it speak at once
        audio = bytearray()
        while data:
            taken = ctypes.c_int16()
            chunk = data[:32_000]
            self._call(
                "pico_putTextUtf8",
                self._engine,
                chunk,
                ctypes.c_int16(len(chunk)),
                ctypes.byref(taken),
            )
            data = data[taken.value :]
            audio += self._drain()
        return bytes(audio)

    def _drain(self) -> bytes:
        audio = bytearray()
        buffer = ctypes.create_string_buffer(OUTPUT_BYTES)
        received, kind = ctypes.c_int16(), ctypes.c_int16()
        while True:
            status = self._pico.pico_getData(
                self._engine,
                buffer,
                ctypes.c_int16(OUTPUT_BYTES),
                ctypes.byref(received),
                ctypes.byref(kind),
            )
            audio += buffer.raw[: received.value]
            if status == STEP_IDLE:
                return bytes(audio)
            if status != STEP_BUSY:
                raise PicoError(f"pico_getData answered {status}")

    def _call(self, name: str, *arguments: object) -> None:
        status = getattr(self._pico, name)(*arguments)
        if status != 0:
            raise PicoError(f"{name} answered {status}")


def serve(pico: Pico, requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more."""
    while len(head := requests.read(LENGTH.size)) == LENGTH.size:
        (length,) = LENGTH.unpack(head)
        audio = pico.speak(requests.read(length).decode("utf-8", "replace"))
        answers.write(LENGTH.pack(len(audio)) + audio)
        answers.flush()


if __name__ == "__main__":
    serve(Pico(sys.argv[1], Path(sys.argv[2]), sys.argv[3]), sys.stdin.buffer, sys.stdout.buffer)
