"""The variable that maps the users' tables."""

import pytest

from voiceai.errors import SettingsError
from voiceai.store.mapping import TableNames


def test_a_list_and_json_say_the_same() -> None:
    listed = TableNames.parse("Assistant=crm.bots, Assistant.greeting=hello")
    json = TableNames.parse('{"Assistant": "crm.bots", "Assistant.greeting": "hello"}')

    for names in (listed, json):
        assert names.table("Assistant") == '"crm"."bots"'
        assert names.column("Assistant", "greeting") == "hello"
        assert names.table("PhoneNumber") == '"PhoneNumber"'
        assert names.column("PhoneNumber", "number") == "number"


def test_names_are_quoted_against_themselves() -> None:
    assert TableNames.parse('Assistant=a"b').table("Assistant") == '"a""b"'


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("Asistant=x", "did you mean Assistant?"),
        ("Assistant.Greeting=x", "did you mean Assistant.greeting?"),
        ("Assistant", "not name=value"),
        ("{", "not JSON"),
        ('{"Assistant": 1}', "every value is a name"),
    ],
)
def test_a_mistake_is_named_with_an_example(text: str, part: str) -> None:
    with pytest.raises(SettingsError) as caught:
        TableNames.parse(text)

    assert part in str(caught.value)
    assert "Example: VOICEAI_DB_MAP=" in str(caught.value)
