"""Two Asterisks and a telephone: provider on 127.0.0.2, PBX on 127.0.0.3, callers on 127.0.0.4.

Where no Asterisk 22 can be had the tests of this folder skip and say why; with CI=true that fails.
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from asterisk.runtime import Installation, ensure_asterisk
from tests.support.availability import have_or_skip
from tests.support.brief import make_data, serving_briefly
from tests.support.cache import cache_folder
from tests.support.pbx import Pbx
from tests.support.provider import Provider
from tests.support.serving import Serving
from tests.support.whole_runs import WholeRuns, begun
from voiceai.bench.sip_caller import SipCaller

CALLER_HOST = "127.0.0.4"


@pytest.fixture(scope="session", autouse=True)
def brief_collections() -> Iterator[None]:
    """Nothing imported so far is looked through while a telephone has packets to send."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="session")
def installation() -> Installation:
    """An Asterisk 22, fetched the first time."""
    return have_or_skip(lambda: ensure_asterisk(cache_folder()))


@pytest.fixture(scope="session")
def provider(
    installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Provider]:
    """The telephone company; one for all tests, so leave it as it was."""
    provider = Provider(installation, tmp_path_factory.mktemp("provider"))
    with provider.process:
        provider.start()
        yield provider


@pytest.fixture(scope="session")
def pbx(
    installation: Installation, provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pbx]:
    """The PBX, registered with the provider; one for all tests, so leave it as it was."""
    pbx = Pbx(installation, tmp_path_factory.mktemp("pbx"), trunk=provider.trunk())
    with pbx.process:
        pbx.start()
        pbx.wait_registered()
        yield pbx


@pytest.fixture
async def serving(pbx: Pbx, tmp_path: Path) -> AsyncIterator[Serving]:
    """`voiceai serve` with an embedded database of its own, ready for calls."""
    async with Serving(pbx.params.ari, tmp_path / "serving") as serving:
        yield serving


@pytest.fixture
async def caller() -> AsyncIterator[SipCaller]:
    """A telephone somewhere in the world; what it left open is hung up."""
    async with SipCaller(CALLER_HOST) as caller:
        yield caller


@pytest.fixture(scope="session")
def brief_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the brief assistant alone."""
    folder = tmp_path_factory.mktemp("brief") / "data"
    asyncio.run(make_data(folder))
    return folder


@pytest.fixture
def serve_briefly(brief_data: Path, tmp_path: Path) -> Callable[..., Serving]:
    """Makes a `voiceai serve`, not started, of an Asterisk and settings; once in a test."""
    return partial(serving_briefly, folder=tmp_path / "serving", data=brief_data)


@pytest.fixture(scope="session")
def whole_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeRuns]:
    """Demonstrations and a soak, which run."""
    with begun(tmp_path_factory.mktemp("runs")) as runs:
        yield runs


@pytest.fixture(scope="session")
def beside_whole_runs(request: pytest.FixtureRequest) -> None:
    """For tests that nothing on the machine disturbs: lets those runs begin, if they are wanted."""
    if any("whole_runs" in item.fixturenames for item in wanted(request)):
        request.getfixturevalue("whole_runs")


def wanted(request: pytest.FixtureRequest) -> list[pytest.Function]:
    """Return the tests that run."""
    return [item for item in request.session.items if isinstance(item, pytest.Function)]
