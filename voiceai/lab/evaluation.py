"""Scenarios of ``pipecat.evals`` held with pipelines: in text, over RTVI, several at a time."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence

from pipecat.classifiers.llm.classifier import LLMClassifier
from pipecat.evals.judge import EvalJudge
from pipecat.evals.results import EvalScriptResult, EvalSimulationResult
from pipecat.evals.script_session import EvalScriptSession
from pipecat.evals.session import EvalSessionParams
from pipecat.evals.simulation import EvalSimulationScenario
from pipecat.evals.simulation_session import EvalSimulationSession

from pipelines.registry import REGISTRY
from pipelines.resources import Resources
from pipelines.spec import PipelineSpec
from pipelines.validate import candidates_of
from voiceai.lab.eval_line import EvalLine
from voiceai.lab.judge import Judge
from voiceai.lab.outcome import Outcome
from voiceai.lab.scenarios import Scenario, checks_of, name_of, needs
from voiceai.lab.text_call import open_text_call
from voiceai.lab.transcript import Transcript

__all__ = ["Evaluation"]


class Evaluation:
    """Holds conversations of scenarios.

    Args:
        resources: Shared by all of them.
        judge: Plays personas and judges what cannot be checked by script.
        patience: Seconds that an expectation may take to be met, unless it says so itself.
        at_once: So many conversations at a time.
    """

    def __init__(
        self, resources: Resources, judge: Judge, *, patience: float, at_once: int
    ) -> None:
        self._resources = resources
        self._judge = judge
        self._params = EvalSessionParams(default_timeout_ms=round(1000 * patience))
        self._free = asyncio.Semaphore(at_once)

    async def run(
        self, pipelines: Mapping[str, PipelineSpec], scenarios: Sequence[Scenario]
    ) -> list[Outcome]:
        """Hold each scenario with each pipeline.

        Raises:
            SpecError: A pipeline cannot be built.
            ServiceUnavailable: A model or a key is missing.
        """
        with _interrupts_kept():
            try:
                async with asyncio.TaskGroup() as group:
                    tasks = [
                        group.create_task(self._one(name, spec, scenario))
                        for name, spec in pipelines.items()
                        for scenario in scenarios
                    ]
            except BaseExceptionGroup as failures:
                raise failures.exceptions[0] from None
        return [task.result() for task in tasks]

    async def _one(self, name: str, spec: PipelineSpec, scenario: Scenario) -> Outcome:
        judged, why_not = needs(scenario)
        if not why_not and judged:
            why_not = await self._judge.missing()
        if why_not:
            return Outcome(name, name_of(scenario), not_run=why_not)
        async with self._free:
            transcript, result = await self._hold(spec, scenario, judged=judged)
        return Outcome(name, name_of(scenario), tuple(checks_of(scenario, result)), transcript)

    async def _hold(
        self, spec: PipelineSpec, scenario: Scenario, *, judged: bool
    ) -> tuple[Transcript, EvalScriptResult | EvalSimulationResult]:
        entries = candidates_of(spec, "llm", REGISTRY)
        line = EvalLine(reports_tools=not any(one.entry.calls_tools for one in entries))
        async with (
            open_text_call(spec, self._resources, ends=line) as call,
            line.served(call) as url,
        ):
            session = self._session(scenario, url, judged=judged)
            result = await session.run()
            return call.transcript, result

    def _session(
        self, scenario: Scenario, url: str, *, judged: bool
    ) -> EvalScriptSession | EvalSimulationSession:
        judge = None
        if judged:
            model = self._judge.model()
            judge = EvalJudge(LLMClassifier(llm=model), explainer=model)
        if isinstance(scenario, EvalSimulationScenario):
            persona = self._judge.model()
            return EvalSimulationSession(
                scenario, url, params=self._params, persona_llm=persona, judge=judge
            )
        return EvalScriptSession(scenario, url, params=self._params, judge=judge)


@contextlib.contextmanager
def _interrupts_kept() -> Iterator[None]:
    """Give Ctrl-C back, which the harness takes from a notebook's kernel."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, before)
