"""Numbers in the users' own tables: in any notation, among many, and wherever they moved."""

import time

import asyncpg
import pytest

from voiceai.store.repository import Store


@pytest.mark.parametrize(
    "dialled",
    ["4920189098723", "+4920189098723", "004920189098723", "49 201 890-98723", "49(0)201/89098723"],
)  # fmt: skip
async def test_finds_a_number_in_any_notation(
    bare: asyncpg.Connection, store: Store, dialled: str
) -> None:
    found = await store.assistant_for(dialled)

    assert found is not None
    assert found.name == "Praxis Dr. Sommer"
    assert found.spec.greeting == "Praxis Sommer!"
    assert found.spec.language == "de-DE"
    assert found.spec.llm.service == "scripted"


@pytest.mark.parametrize("stored", ["+49 201 89098723", "0049-201-89098723", "+49 (0)201 89098723"])
async def test_finds_a_number_stored_in_any_notation(
    bare: asyncpg.Connection, store: Store, stored: str
) -> None:
    await bare.execute('UPDATE "PhoneNumber" SET number = $1', stored)

    assert await store.assistant_for("4920189098723") is not None


@pytest.mark.parametrize("dialled", ["020189098723", "20189098723", "", "+", "49201890987231"])
async def test_guesses_no_country_and_no_extension(
    bare: asyncpg.Connection, store: Store, dialled: str
) -> None:
    assert await store.assistant_for(dialled) is None


async def test_a_number_without_an_assistant_is_nobodys(
    bare: asyncpg.Connection, store: Store
) -> None:
    await bare.execute('UPDATE "PhoneNumber" SET "assignedToAssistantId" = NULL')

    assert await store.assistant_for("4920189098723") is None


async def test_a_lookup_among_ten_thousand_numbers_is_quick(
    bare: asyncpg.Connection, store: Store
) -> None:
    await bare.execute(
        """INSERT INTO "PhoneNumber"
           SELECT 'n' || i, '+49 30 ' || (5000000 + i), 'a1' FROM generate_series(1, 10000) i"""
    )
    await bare.execute('ANALYZE "PhoneNumber"')

    await store.look_once()

    numbers = ("4920189098723", "49305009999", "49999999999")
    times = [await fastest(store, number) for number in numbers]

    assert max(times) < 0.02


async def test_a_number_is_found_where_it_is_now_not_where_it_was_last_seen(
    bare: asyncpg.Connection, store: Store
) -> None:
    await bare.execute("""INSERT INTO "Assistant" VALUES ('a2', 'Winter', 'Praxis Winter!')""")
    await bare.execute("""UPDATE "PhoneNumber" SET number = '+49 201 890-98723'""")
    await store.look_once()
    assert await answering(store) == "Praxis Sommer!"

    await bare.execute("""UPDATE "PhoneNumber" SET "assignedToAssistantId" = 'a2'""")
    assert await answering(store) == "Praxis Winter!"
    await bare.execute("""UPDATE "PhoneNumber" SET number = '0049 (0)201 89098723'""")
    assert await answering(store) == "Praxis Winter!"


async def test_another_number_in_its_place_is_not_taken_for_it(
    bare: asyncpg.Connection, store: Store
) -> None:
    await store.look_once()
    place = await bare.fetchval('SELECT ctid::text FROM "PhoneNumber"')
    await bare.execute("""DELETE FROM "PhoneNumber" WHERE id = 'p1'""")
    await bare.execute("""INSERT INTO "PhoneNumber" VALUES ('p0', '4930', 'a1')""")
    await bare.execute("""VACUUM FULL "PhoneNumber" """)
    assert await bare.fetchval('SELECT ctid::text FROM "PhoneNumber"') == place

    assert await store.assistant_for("4920189098723") is None


async def test_numbers_in_a_view_are_found_though_its_rows_have_no_place(
    bare: asyncpg.Connection, store: Store
) -> None:
    await bare.execute('ALTER TABLE "PhoneNumber" RENAME TO numbers')
    await bare.execute('CREATE VIEW "PhoneNumber" AS SELECT * FROM numbers')
    await store.look_once()
    assert await answering(store) == "Praxis Sommer!"
    await bare.execute("UPDATE numbers SET number = '0049 201 89098723'")

    assert await answering(store) == "Praxis Sommer!"


async def answering(store: Store) -> str:
    """The greeting that a call to the practice hears."""
    found = await store.assistant_for("4920189098723")
    assert found is not None
    return found.spec.greeting


async def fastest(store: Store, number: str) -> float:
    """Seconds of the quickest of five lookups."""
    times = []
    for _ in range(5):
        started = time.perf_counter()
        await store.assistant_for(number)
        times.append(time.perf_counter() - started)
    return min(times)
