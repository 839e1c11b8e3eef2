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


def with_calendar(name: str, calendar: ThreadingHTTPServer, folder: Path) -> Path:
    """Return a copy of a pipeline of the appointment's that asks this calendar."""
    copy = folder / "appointment"
    shutil.copytree(EXAMPLES / "appointment", copy)
    text = (copy / name).read_text(encoding="utf-8")
    (copy / name).write_text(text.replace("127.0.0.1:8125", f"127.0.0.1:{calendar.server_port}"))
    return copy / name


def booked(calendar: ThreadingHTTPServer) -> list[dict[str, str]]:
    """Return the appointments of a calendar."""
    appointments: list[dict[str, str]] = vars(calendar.RequestHandlerClass)["booked"]
    return appointments


async def test_an_appointment_is_made_in_steps_and_stands_in_the_calendar(
    calendar: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEAI_SECRET_CALENDAR", code("appointment/calendar_server.py").KEY)
    file = with_calendar("appointment.yaml", calendar, tmp_path)
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
    assert booked(calendar) == [{"day": "Tuesday", "time": "10:30", "name": "Anna Weber"}]


async def test_a_model_makes_an_appointment_in_german_and_finds_one_time_taken(
    calendar: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEAI_SECRET_CALENDAR", code("appointment/calendar_server.py").KEY)
    file = with_calendar("appointment-de.yaml", calendar, tmp_path)
    settings: dict[str, Any] = {"mistral_api_key": "any"}
    steps: list[Sequence[Part]] = [
        [ToolCall("free_times", {"day": "dienstag"}, call_id="call00001")],
        words("Um neun oder um halb elf?"),
        [ToolCall("zeit_nehmen", {"zeit": "12:00"}, call_id="call00002")],
        words("Auf welchen Namen?"),
        [ToolCall("name_nehmen", {"name": "Anna Weber"}, call_id="call00003")],
        words("Anna Weber am Dienstag um zwölf?"),
        [ToolCall("book", call_id="call00004")],
        words("Das ist leider vergeben. Ein anderer Tag?"),
    ]
    async with MistralFake() as fake:
        fake.expect(*steps)
        async with Lab(
            voiceai_data_dir=tmp_path / "data", mistral_base_url=fake.url, **settings
        ) as lab:
            said = ["Am Dienstag.", "Um zwölf.", "Anna Weber.", "Ja."]
            transcript = await lab.chat(file, said)
        asked = [
            [each["function"]["name"] for each in request.body["tools"]]
            for request in fake.chat.requests
        ]

    assert shown(transcript)[-1] == "Assistant: Das ist leider vergeben. Ein anderer Tag?"
    assert asked[-2:] == [["book", "von_vorn", "hangup"], ["anderer_tag", "hangup"]]
    assert [use.failed for use in transcript.tools] == [False, False, False, True]
    assert booked(calendar) == []
