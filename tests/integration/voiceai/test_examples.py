"""The conversations that the examples' READMEs show are those that one has with them."""

import importlib.util
import re
import shutil
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote, urlencode

import asyncpg
import pytest

from voiceai.fakes.chat import Part, ToolCall, words
from voiceai.fakes.mistral import MistralFake
from voiceai.lab import Lab, Transcript
from voiceai.store.embedded import Address

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def written(folder: str) -> list[str]:
    """Return the conversation of an example's README, a line for each turn."""
    text = (EXAMPLES / folder / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```text\n(.*?)```", text, flags=re.DOTALL)
    return str(block).splitlines()


def lines(conversation: Sequence[str]) -> list[str]:
    """Return what the caller says in it."""
    return [line.removeprefix("Caller: ") for line in conversation if line.startswith("Caller")]


def shown(transcript: Transcript) -> list[str]:
    """Return a conversation as a README writes it, digits for a tool left out."""
    return str(transcript).splitlines()


def code(path: str) -> ModuleType:
    """Return a module of an example."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, EXAMPLES / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["opening-hours", "receptionist-de", "voicemail"])
async def test_an_example_of_rules_says_what_its_readme_shows(name: str, tmp_path: Path) -> None:
    conversation = written(name)
    async with Lab(voiceai_data_dir=tmp_path) as lab:
        transcript = await lab.chat(EXAMPLES / name / f"{name}.yaml", lines(conversation))

    assert shown(transcript) == conversation
    assert transcript.ending == ("transfer" if name == "receptionist-de" else "hangup")


async def test_the_receptionist_with_a_model_names_a_target_and_never_a_number(
    tmp_path: Path,
) -> None:
    async with MistralFake() as fake:
        said: list[Part] = [
            *words("Ich verbinde Sie."),
            ToolCall("transfer", {"target": "termine"}),
        ]
        fake.expect(said)
        settings: dict[str, Any] = {"mistral_base_url": fake.url, "mistral_api_key": "any"}
        async with Lab(voiceai_data_dir=tmp_path, **settings) as lab:
            file = EXAMPLES / "receptionist-de/receptionist-de-azure-mistral.yaml"
            transcript = await lab.chat(file, ["Ich brauche einen Termin."])
        asked = fake.chat.requests[0].body

    assert transcript.transferred_to == "101"
    assert "Lindenstraße" in asked["messages"][0]["content"]
    (tool,) = [
        each["function"] for each in asked["tools"] if each["function"]["name"] == "transfer"
    ]
    assert tool["parameters"]["properties"]["target"]["enum"] == ["praxis", "termine"]


@pytest.fixture
def shop() -> Iterator[int]:
    """The port of the shop's system."""
    server = code("order-status/shop.py").open_shop(0)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
async def database_url(database: asyncpg.Connection, address: Address) -> AsyncIterator[str]:
    """The address of the shop's database."""
    await database.execute((EXAMPLES / "order-status/shop.sql").read_text(encoding="utf-8"))
    where = urlencode({"host": address.host, "port": address.port})
    yield f"postgresql://{address.user}:{quote(address.password)}@/{address.database}?{where}"
    await database.execute("DROP SCHEMA shop CASCADE")


@asynccontextmanager
async def model() -> AsyncIterator[MistralFake]:
    async with MistralFake(respond=code("order-status/model.py").respond, strict=False) as fake:
        yield fake


async def test_the_order_is_found_by_number_or_by_customer_in_shop_and_database(
    shop: int, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEAI_SECRET_SHOP", code("order-status/shop.py").KEY)
    text = (EXAMPLES / "order-status/order-status.yaml").read_text(encoding="utf-8")
    conversation = written("order-status")
    async with model() as fake:
        settings: dict[str, Any] = {"mistral_base_url": fake.url, "mistral_api_key": "any"}
        async with Lab(
            voiceai_data_dir=tmp_path, voiceai_look_up_url=database_url, **settings
        ) as lab:
            pipeline = text.replace("127.0.0.1:8123", f"127.0.0.1:{shop}")
            transcript = await lab.chat(pipeline, lines(conversation))

    assert shown(transcript) == [line for line in conversation if "/digits" not in line]
    assert [(use.name, use.failed) for use in transcript.tools] == [
        ("order_status", False),
        ("customer_number", False),
        ("orders_of_customer", False),
        ("order_status", False),
        ("order_status", True),
        ("hangup", False),
    ]
    assert transcript.ending == "hangup"


@pytest.fixture
def calendar() -> Iterator[ThreadingHTTPServer]:
    """The practice's calendar."""
    server: ThreadingHTTPServer = code("appointment/calendar_server.py").open_calendar(0)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


async def test_an_appointment_is_made_in_steps_and_stands_in_the_calendar(
    calendar: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEAI_SECRET_CALENDAR", code("appointment/calendar_server.py").KEY)
    folder = tmp_path / "appointment"
    shutil.copytree(EXAMPLES / "appointment", folder)
    file = folder / "appointment.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("127.0.0.1:8125", f"127.0.0.1:{calendar.server_port}"))
    conversation = written("appointment")
    async with Lab(voiceai_data_dir=tmp_path / "data") as lab:
        transcript = await lab.chat(file, lines(conversation))

    assert shown(transcript) == conversation
    assert [(use.name, use.failed) for use in transcript.tools] == [
        ("free_times", False),
        ("free_times", False),
        ("choose_time", False),
        ("take_name", False),
        ("book", False),
        ("hangup", False),
    ]
    assert transcript.ending == "hangup"
    booked = vars(calendar.RequestHandlerClass)["booked"]
    assert booked == [{"day": "Tuesday", "time": "10:30", "name": "Anna Weber"}]
