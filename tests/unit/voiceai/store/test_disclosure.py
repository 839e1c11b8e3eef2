"""Callers of what is shipped are told that a machine speaks; a user's own greeting stays exact."""

from importlib.resources import files

import pytest

from pipelines.loader import load_pipeline, load_shipped
from pipelines.parts import TOOLS
from voiceai.store.rows import spec_of_row
from voiceai.store.seeding import SEEDS

SHIPPED = load_shipped()
NAMES = sorted(name for name in SHIPPED if not name.startswith(TOOLS))
TOLD = {"de": "Sie sprechen mit einer KI.", "en": "ou are speaking with an AI."}


@pytest.mark.parametrize("name", [*NAMES, *SEEDS])
def test_what_is_shipped_says_first_that_a_machine_speaks(name: str) -> None:
    seed = files("voiceai.store") / "seed" / f"{name}.yaml"
    text = seed.read_text(encoding="utf-8") if name in SEEDS else f"name: a\nextends: {name}\n"

    spec = load_pipeline(text, source=name)

    assert TOLD[spec.language_code] in spec.opening


@pytest.mark.parametrize("name", NAMES)
def test_a_greeting_of_the_users_database_is_said_as_it_stands(name: str) -> None:
    row = {"id": "1", "name": "anna", "greeting": "Praxis Sommer, guten Tag.", "pipeline": name}

    made = spec_of_row(row, imported=None, known=SHIPPED, default_pipeline=lambda _: name)

    assert made.spec.opening == "Praxis Sommer, guten Tag."


def test_a_row_switches_the_disclosure_on_and_keeps_its_greeting() -> None:
    row = {
        "id": "1",
        "name": "anna",
        "greeting": "Praxis Sommer, guten Tag.",
        "overrides": {"disclosure": "Sie sprechen mit einer KI."},
    }

    made = spec_of_row(row, imported=None, known=SHIPPED, default_pipeline=lambda _: "local-de")

    assert made.spec.opening == "Sie sprechen mit einer KI. Praxis Sommer, guten Tag."
