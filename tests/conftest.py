"""What holds for all tests."""

import gc
from pathlib import Path
from typing import Final

import pytest

IN_REAL_TIME: Final = ("integration", "system")
"""Folders of tests that hear, speak and wait: a machine that halts can make them fail."""

SECOND_TRIES: Final = 2
"""In one run; more of them is no bad luck."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give a test in real time a second try; docs/decisions/0020-second-try.md says why."""
    for item in items:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        if folder in IN_REAL_TIME:
            item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_collection_finish() -> None:
    """Never look for garbage in what is there before the first test: it takes half a second."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail a run that needed too many second tries."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    assert isinstance(reporter, pytest.TerminalReporter)
    if exitstatus == pytest.ExitCode.OK and len(reporter.stats.get("rerun", [])) > SECOND_TRIES:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show how each first try failed: a second one hides nothing."""
    first_tries = terminalreporter.stats.get("rerun", [])
    if not first_tries:
        return
    terminalreporter.section(f"failed at first: {len(first_tries)}, at most {SECOND_TRIES} allowed")
    for report in first_tries:
        terminalreporter.write_line(f"{report.nodeid} ({report.when})")
        terminalreporter.write_line(report.longreprtext)
