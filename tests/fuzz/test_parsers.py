"""Every seed of the corpus, and what becomes of it when it is bent."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import CORPUS, TARGETS, seeds

LARGEST_CORPUS = 50_000  # bytes

SEEDS = [(target, path) for target in TARGETS for path in seeds(target)]


@pytest.mark.parametrize(
    ("target", "path"), SEEDS, ids=[f"{target}-{path.stem}" for target, path in SEEDS]
)
def test_each_seed_is_survived(target: str, path: Path) -> None:
    TARGETS[target](path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.data_too_large])
def test_each_seed_is_survived_when_it_is_bent(target: str, data: st.DataObject) -> None:
    """Bytes changed, cut off, put in, said twice, and joined to another seed's."""
    files = seeds(target)
    bent = bytearray(data.draw(st.sampled_from(files)).read_bytes())
    for _ in range(data.draw(st.integers(0, 6))):
        at = data.draw(st.integers(0, len(bent)))
        match data.draw(st.sampled_from(["change", "cut", "put in", "twice", "join"])):
            case "change":
                bent[at : at + 1] = data.draw(st.binary(min_size=1, max_size=1))
            case "cut":
                del bent[at:]
            case "put in":
                bent[at:at] = data.draw(st.binary(max_size=8))
            case "twice":
                bent += bent[at:]
            case _:
                bent[at:] = data.draw(st.sampled_from(files)).read_bytes()
    TARGETS[target](bytes(bent[:20_000]))


@pytest.mark.parametrize("target", TARGETS)
@given(data=st.binary(max_size=400))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_survived(target: str, data: bytes) -> None:
    TARGETS[target](data)


def test_every_target_has_seeds_and_the_corpus_stays_small() -> None:
    sizes = [path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()]

    assert [target for target in TARGETS if not seeds(target)] == []
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)
    assert sum(sizes) < LARGEST_CORPUS
