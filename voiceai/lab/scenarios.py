"""The table of callers: scenarios as Pipecat's evals write them, and what they expect.

https://docs.pipecat.ai has the format; ``pipecat.evals.script`` and ``.simulation`` are its source.
"""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from pipecat.evals.results import EvalScriptResult, EvalSimulationResult
from pipecat.evals.scenario import EvalScenarioFile
from pipecat.evals.script import EvalExpectation, EvalScriptScenario
from pipecat.evals.simulation import EvalSimulationScenario

from voiceai.lab.outcome import Check

__all__ = ["Scenario", "checks_of", "load_scenarios", "name_of", "needs"]

Scenario = EvalScriptScenario | EvalSimulationScenario

WAITED = re.compile(r"^not satisfied within \d+ms: ")
"""Before the reason itself, where the harness waited for more of an answer."""
AUDIO = "audio is for Pipecat's extra `evals` (its own voice and recogniser); call it by voice"


def load_scenarios(scenarios: str | Path) -> list[Scenario]:
    """Return what a file or a text of scenarios holds.

    Args:
        scenarios: A path, or YAML with ``name:`` and ``scenarios:``.

    Raises:
        ValueError: Something in it is wrong.
        FileNotFoundError: There is no such file.
    """
    if isinstance(scenarios, Path) or "\n" not in scenarios:
        return list(EvalScenarioFile.load(scenarios).scenarios)
    with TemporaryDirectory() as folder:
        path = Path(folder, "scenarios")
        path.write_text(scenarios, encoding="utf-8")
        try:
            return list(EvalScenarioFile.load(path).scenarios)
        except ValueError as error:
            raise ValueError(str(error).replace(str(path), "scenarios")) from None


def name_of(scenario: Scenario) -> str:
    """Return its name within its file."""
    return scenario.name.rpartition("/")[2]


def needs(scenario: Scenario) -> tuple[bool, str]:
    """Return whether a judge is needed, and why the scenario cannot be run at all, if so."""
    if scenario.user_audio or scenario.bot_audio:
        return False, AUDIO
    if isinstance(scenario, EvalSimulationScenario):
        return True, ""
    judged = any(expected.eval for turn in scenario.turns for expected in turn.expect)
    return judged, ""


def checks_of(scenario: Scenario, result: EvalScriptResult | EvalSimulationResult) -> list[Check]:
    """Return all that a scenario expects, and what came of it."""
    if isinstance(scenario, EvalScriptScenario) and isinstance(result, EvalScriptResult):
        return _of_script(scenario, result)
    if isinstance(scenario, EvalSimulationScenario) and isinstance(result, EvalSimulationResult):
        goal = Check(f"achieves: {scenario.success}", result.succeeded, result.reason)
        metrics = {metric.name: metric for metric in result.metrics}
        others = [
            Check(
                metric.name,
                metrics[metric.name].passed if metric.name in metrics else False,
                metrics[metric.name].reason if metric.name in metrics else result.reason,
            )
            for metric in scenario.metrics
        ]
        return [goal, *others]
    raise TypeError(f"{type(result).__name__} is no result of {type(scenario).__name__}")


def _of_script(scenario: EvalScriptScenario, result: EvalScriptResult) -> list[Check]:
    reasons = {(each.turn_index, each.expectation_index): each.reason for each in result.failures}
    of_run = next((each.reason for each in result.failures if each.expectation_index < 0), "")
    checks = []
    for number, (turn, came) in enumerate(zip(scenario.turns, result.turns, strict=True)):
        held = {each.expectation_index for each in came.expectations if each.passed}
        for index, expected in enumerate(turn.expect):
            reason = reasons.get((number, index), of_run or "not reached")
            reason = WAITED.sub("", reason)
            holds = index in held
            checks.append(Check(_expected(expected), holds, "" if holds else reason))
    return checks


def _expected(expected: EvalExpectation) -> str:
    """Say what is expected in a few words."""
    if expected.absent:
        return f"no {expected.event}"
    if expected.calls:
        verb = "calls" if expected.event == "function_call" else "ends"
        return f"{verb} {', '.join(call.signature for call in expected.calls)}"
    parts = []
    if expected.text_contains is not None:
        parts.append(f"says “{expected.text_contains}”")
    if expected.text_excludes is not None:
        parts.append(f"never says “{expected.text_excludes}”")
    if expected.eval is not None:
        parts.append(f"judged: {expected.eval}")
    return " and ".join(parts) or expected.event.replace("_", " ")
