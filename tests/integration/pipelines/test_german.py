"""German: recognised by Whisper, answered by rules, spoken by Pico."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.builder import Conversation
from pipelines.loader import load_library, resolve
from pipelines.params import ModelParams
from pipelines.resources import Resources
from pipelines.services.pico import Pico, PicoParams, find
from pipelines.services.recognition import recognise
from pipelines.services.whisper import LANGUAGES, Whisper, assemble
from pipelines.spec import PipelineSpec
from pipelines.warm import warm
from tests.integration.pipelines.conftest import Say
from tests.integration.pipelines.telephone import Telephone, call
from tests.support.speech import prompt


@pytest.fixture(scope="module")
def german(tmp_path_factory: pytest.TempPathFactory, pico_dir: Path) -> Iterator[Resources]:
    params = ModelParams(cache_dir=tmp_path_factory.mktemp("cache"), pico_dir=pico_dir)
    resources = Resources(params=params)
    yield resources
    resources.close()


@pytest.fixture(scope="module")
def spec() -> PipelineSpec:
    return resolve(load_library()["local-de"]).spec


async def ready(german: Resources, spec: PipelineSpec) -> None:
    wrong = await warm(german, [spec])
    if wrong:
        pytest.skip("; ".join(str(found) for found in wrong[spec.name]))


async def test_a_german_question_is_understood_and_answered(
    german: Resources, spec: PipelineSpec, say_german: Say
) -> None:
    await ready(german, spec)

    async def caller(conversation: Conversation, telephone: Telephone) -> None:
        await conversation.greet()
        await telephone.until(lambda: telephone.assistant)
        await telephone.speak(conversation, say_german("Wann haben Sie geöffnet?"))
        await telephone.until(lambda: len(telephone.assistant) > 1)

    _, telephone = await call(spec, german, caller)

    assert telephone.assistant[0] == (spec.greeting, False)
    assert "geöffnet" in telephone.caller[0].lower()
    assert telephone.assistant[1][0].startswith("Wir sind montags bis freitags")


class German:
    """Whisper, asked for German."""

    def __init__(self, model: Whisper) -> None:
        self.model = model

    def recognise(self, samples: object) -> str:
        return self.model.recognise(samples, "de", short=True)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("conf-locked", {"konferenz", "gesperrt"}),
        ("conf-leaderhasleft", {"moderator", "konferenz", "verlassen"}),
        ("invalid", {"leider", "gültige", "nummer", "gewählt"}),
    ],
)
@pytest.mark.usefixtures("prompts")
async def test_a_recorded_german_prompt_is_recognised(
    german: Resources, spec: PipelineSpec, name: str, words: set[str]
) -> None:
    await ready(german, spec)

    model = german.engine("whisper", lambda: Whisper(german.params.cache_dir))
    text = recognise(German(model), prompt("de", name).pcm)

    assert words <= set(text.lower().replace(".", " ").replace(",", " ").split())


async def test_whisper_knows_the_languages_it_is_said_to_know(
    german: Resources, spec: PipelineSpec
) -> None:
    await ready(german, spec)

    vocabulary = (assemble(german.params.cache_dir) / "vocabulary.txt").read_text("utf-8")
    tokens = vocabulary.splitlines()
    first, last = tokens.index("<|en|>"), tokens.index("<|translate|>")

    assert {f"<|{code}|>" for code in LANGUAGES} == set(tokens[first:last])


async def test_silence_is_not_recognised_as_anything(german: Resources, spec: PipelineSpec) -> None:
    await ready(german, spec)

    model = german.engine("whisper", lambda: Whisper(german.params.cache_dir))

    assert recognise(German(model), bytes(32_000)) == ""


async def test_pico_speaks_again_after_its_process_died(pico_dir: Path) -> None:
    installation = find(pico_dir)
    assert installation is not None
    pico = Pico(installation, "de-DE", PicoParams())
    first = pico.synthesize("Guten Tag.")

    pico.close()
    second = pico.synthesize("Guten Tag.")
    pico.close()

    assert len(first) > 8000
    assert len(second) == len(first)


async def test_pico_takes_markup_in_a_text_as_text(pico_dir: Path) -> None:
    installation = find(pico_dir)
    assert installation is not None
    pico = Pico(installation, "de-DE", PicoParams())
    try:
        assert len(pico.synthesize("</speed> Tom & Jerry \x00 <pitch>")) > 8000
    finally:
        pico.close()
