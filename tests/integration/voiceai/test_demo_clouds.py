"""The demonstration's cloud services: they answer by the rules of the embedded receptionist."""

from pathlib import Path

import aiohttp

from pipelines.services.moonshine import Moonshine
from tests.support.availability import have_or_skip
from tests.support.database import settings_for
from voiceai.demo.clouds import fake_clouds


async def asked(address: str, key: str, text: str) -> str:
    body = {
        "model": "mistral-small-latest",
        "messages": [{"role": "user", "content": text}],
    }
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as client,
        client.post(f"{address}/chat/completions", json=body) as response,
    ):
        assert response.status == 200, await response.text()
        return await response.text()


async def test_settings_lead_to_servers_that_answer_as_the_receptionist(tmp_path: Path) -> None:
    have_or_skip(Moonshine).close()
    async with fake_clouds(settings_for(tmp_path)) as settings:
        assert settings.mistral_base_url
        assert settings.mistral_api_key
        key = settings.mistral_api_key.get_secret_value()
        hours = await asked(settings.mistral_base_url, key, "When are you open?")
        goodbye = await asked(settings.mistral_base_url, key, "Goodbye.")

    assert "from nine to five" in hours
    assert "Thank you for calling" in goodbye
    assert '"hangup"' in goodbye
    assert settings.azure_speech_endpoint
