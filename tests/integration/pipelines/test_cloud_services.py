"""Cloud services are made without a network, and language models call tools over HTTP."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pipecat.services.azure.stt import AzureSTTService
from pipecat.services.azure.tts import AzureTTSService
from pipecat.services.mistral.llm import MistralLLMService
from pipecat.services.mistral.stt import MistralSTTService
from pipecat.services.openai.llm import OpenAILLMService

from pipelines.builder import Conversation
from pipelines.loader import load_library, load_pipeline, resolve
from pipelines.params import ModelParams, Secrets
from pipelines.registry import KINDS
from pipelines.resources import Resources
from pipelines.services.entry import Request
from pipelines.validate import entry_of, params_of
from pipelines.warm import warm
from tests.integration.pipelines.conftest import Say
from tests.integration.pipelines.telephone import Telephone, call

ROOT = Path(__file__).parents[3]
CLOUD = """
name: cloud
language: de-DE
prompt: Sei kurz.
stt: {service: STT}
llm: {service: LLM, model: small, temperature: 0.3, max_tokens: 50}
tts: {service: azure, voice: de-DE-KatjaNeural, rate: "1.1"}
"""


KEYS = {
    "azure_speech_key": "0" * 32,
    "azure_speech_region": "westeurope",
    "mistral_api_key": "m",
    "openai_api_key": "o",
}


def secrets(**more: str) -> Secrets:
    return Secrets.model_validate({**KEYS, **more})


async def test_what_lacks_its_key_is_left_out_where_another_takes_its_place(
    tmp_path: Path,
) -> None:
    text = """
name: keyless
language: en-US
llm: {service: mistral, model: m, fallback: [{service: echo}]}
tts: {service: azure, voice: en-US-JennyNeural, fallback: [{service: espeak}]}
"""
    resources = Resources(Secrets(), ModelParams(cache_dir=tmp_path))
    try:
        assert await warm(resources, [load_pipeline(text, source="test")]) == {}
    finally:
        await resources.aclose()


async def test_azure_mistral_and_openai_are_made_without_a_network(tmp_path: Path) -> None:
    resources = Resources(secrets(), ModelParams(cache_dir=tmp_path))
    made: dict[str, Any] = {}
    for stt, llm in (("azure", "mistral"), ("mistral", "openai")):
        text = CLOUD.replace("STT", stt).replace("LLM", llm)
        spec = load_pipeline(text, source="test")
        for kind in KINDS:
            request = Request(spec, params_of(spec, kind), resources)
            made[f"{kind} {getattr(spec, kind).service}"] = entry_of(spec, kind).make(request)
    await resources.aclose()

    assert isinstance(made["stt azure"], AzureSTTService)
    assert isinstance(made["tts azure"], AzureTTSService)
    assert isinstance(made["llm mistral"], MistralLLMService)
    assert isinstance(made["stt mistral"], MistralSTTService)
    assert isinstance(made["llm openai"], OpenAILLMService)
    chat: Any = made["llm mistral"].settings
    voice: Any = made["tts azure"].settings
    assert (chat.system_instruction, chat.temperature) == ("Sei kurz.", 0.3)
    assert (voice.voice, voice.language) == ("de-DE-KatjaNeural", "de-DE")


@pytest.mark.parametrize("name", ["azure-mistral-de", "azure-mistral-en"])
async def test_the_shipped_cloud_pipelines_build_with_keys(name: str, tmp_path: Path) -> None:
    resources = Resources(secrets(), ModelParams(cache_dir=tmp_path))
    try:
        wrong = await warm(resources, [resolve(load_library()[name]).spec])
    finally:
        await resources.aclose()

    assert wrong == {}


IMPORTS = """
import asyncio, json, sys, threading
from pathlib import Path
from pipelines.loader import load_pipeline
from pipelines.params import ModelParams, Secrets
from pipelines.resources import Resources
from pipelines.warm import warm

class Recorder:
    found = {True: [], False: []}

    def find_spec(self, name, path=None, target=None):
        on_loop = threading.current_thread() is threading.main_thread()
        if name.startswith(PACKAGES) and name not in sys.modules:
            self.found[on_loop].append(name)

PACKAGES = ("azure.cognitiveservices.speech.", "httpcore", "mistralai.", "openai.", "pipecat.")
keys, folder, text = json.loads(sys.argv[1])

async def main():
    resources = Resources(Secrets.model_validate(keys), ModelParams(cache_dir=Path(folder)))
    sys.meta_path.insert(0, Recorder())
    wrong = await warm(resources, [load_pipeline(text, source="test")])
    await resources.aclose()
    print(json.dumps([wrong, Recorder.found[True], Recorder.found[False]]))

asyncio.run(main())
"""


@pytest.mark.parametrize(("stt", "llm"), [("azure", "mistral"), ("mistral", "openai")])
def test_a_new_cloud_pipeline_imports_its_libraries_off_the_loop(
    stt: str, llm: str, tmp_path: Path
) -> None:
    """In a process of its own, which has imported nothing yet."""
    text = CLOUD.replace("STT", stt).replace("LLM", llm)
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS, json.dumps([KEYS, str(tmp_path), text])],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    wrong, on_loop, off_loop = json.loads(done.stdout.splitlines()[-1])

    assert wrong == {}
    assert on_loop == []
    assert {f"pipecat.services.{stt}.stt", "openai.resources.chat"} <= set(off_loop)


@pytest.fixture
async def chat_server() -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """An OpenAI-compatible server that says goodbye and hangs up."""
    asked: list[dict[str, Any]] = []
    call_hangup = {
        "index": 0,
        "id": "abcdefghi",
        "type": "function",
        "function": {"name": "hangup", "arguments": "{}"},
    }

    async def complete(request: web.Request) -> web.StreamResponse:
        asked.append(await request.json())
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        deltas: list[dict[str, Any]] = [
            {"role": "assistant", "content": "Thank you. Good"},
            {"content": "bye, and until next time"},
            {"tool_calls": [call_hangup]},
        ]
        for delta in deltas:
            choice = {"index": 0, "delta": delta, "finish_reason": None}
            chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
            line = json.dumps({**chunk, "choices": [choice]})
            await response.write(f"data: {line}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")
        return response

    app = web.Application()
    app.router.add_post("/v1/chat/completions", complete)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}/v1", asked
    await runner.cleanup()


@pytest.mark.parametrize("service", ["openai", "mistral"])
async def test_a_language_model_hangs_up_after_its_goodbye_was_spoken(
    service: str, chat_server: tuple[str, list[dict[str, Any]]], tmp_path: Path, say: Say
) -> None:
    address, asked = chat_server
    spec = load_pipeline(
        "name: chat\nextends: local-en\ngreeting: ''\nidle:\n"
        f"llm: {{service: {service}, model: m}}\nprompt: Be short.\ntools: [hangup]\n",
        source="test",
    )
    keys = secrets(openai_base_url=address, mistral_base_url=address)
    resources = Resources(keys, ModelParams(cache_dir=tmp_path))
    wrong = await warm(resources, [spec])
    if wrong:
        await resources.aclose()
        pytest.skip(str(wrong))

    async def caller(conversation: Conversation, telephone: Telephone) -> None:
        await telephone.speak(conversation, say("I would like to hang up now."))
        await telephone.until(lambda: telephone.ended)

    try:
        _, telephone = await call(spec, resources, caller)
    finally:
        await resources.aclose()

    assert telephone.control == [("hangup",)]
    assert telephone.tools == [("hangup", {})]
    assert telephone.played_when_ended == len(telephone.speaker.played)
    assert telephone.speaker.seconds > 1.5
    assert len(asked) == 1
    assert asked[0]["messages"][0] == {"role": "system", "content": "Be short."}
    assert asked[0]["tools"][0]["function"]["name"] == "hangup"
