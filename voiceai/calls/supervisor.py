"""All calls of the process: admit, run, and survive whatever goes wrong in one of them."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime

from loguru import logger

from asterisk.ari.requests import HangupCause
from asterisk.errors import AsteriskError, CallEnded
from asterisk.leg import Leg
from pipelines.errors import PipelineError
from pipelines.findings import Finding
from pipelines.spec import PipelineSpec
from pipelines.validate import validate
from pipelines.warm import warm
from voiceai.calls.events import CallEvent, Watcher
from voiceai.calls.journal import CallJournal, CallWriter
from voiceai.calls.outcome import EndReason, Refusal
from voiceai.calls.session import ENDINGS, CallServices, CallSession
from voiceai.errors import SchemaMismatch, StoreUnavailable
from voiceai.store.records import CallRecord
from voiceai.store.repository import Assistant

FindAssistant = Callable[[str, str], Awaitable[Assistant | None]]

SPECS_KEPT = 4
"""Pipelines of one assistant that are known to be loaded: the newest, the one before, a canary."""


class CallSupervisor:
    """Take every call that the gateway brings.

    Args:
        services: What all calls share.
        find_assistant: Dialled number and call -> who answers, None if nobody does.
        writer: Where records go.
        limit: Calls at once; one more is refused with 503.
    """

    def __init__(
        self,
        services: CallServices,
        find_assistant: FindAssistant,
        writer: CallWriter,
        *,
        limit: int,
    ) -> None:
        self._services = services
        self._find_assistant = find_assistant
        self._writer = writer
        self._limit = limit
        self._watchers: list[Watcher] = []
        self._ready: dict[str, deque[PipelineSpec]] = {}  # by assistant id
        self.calls: dict[str, Leg] = {}

    def lower_limit(self, limit: int) -> None:
        """Take no more than so many calls at once from now on; a lower limit stays."""
        self._limit = min(self._limit, limit)

    def watch(self, watcher: Watcher) -> None:
        """Tell ``watcher`` of everything that happens in calls from now on."""
        self._watchers.append(watcher)

    async def take(self, leg: Leg) -> None:
        """Run one call to its end. A failure ends this call only."""
        with logger.contextualize(call_id=leg.call_id):
            record = CallRecord(
                id=leg.call_id,
                number=leg.number,
                started_at=datetime.now(UTC),
                caller=leg.caller,
                caller_name=leg.caller_name or None,
            )
            journal = CallJournal(record, self._writer, self._tell)
            self.calls[leg.call_id] = leg
            reason = EndReason.SHUTDOWN  # what it is when this task is cancelled
            try:
                reason = await self._serve(leg, journal)
            except Refusal as refusal:
                reason = refusal.reason
                logger.bind(reason=str(reason)).warning("call.refused: {}", refusal)
                await leg.hangup(refusal.cause)
            except CallEnded as error:
                reason = ENDINGS[error.end.who]
            except AsteriskError as error:
                reason = EndReason.ERROR
                logger.warning("call.asterisk: {}", error)
                await leg.hangup(HangupCause.FAILURE)
            except Exception:  # noqa: BLE001 - one of two places: a bug ends one call, not all
                reason = EndReason.ERROR
                logger.exception("call.failed")
                await leg.hangup(HangupCause.FAILURE)
            finally:
                del self.calls[leg.call_id]
                try:
                    await leg.release()
                finally:
                    journal.ended(reason)

    async def _serve(self, leg: Leg, journal: CallJournal) -> EndReason:
        if len(self.calls) > self._limit:
            why = f"{self._limit} calls are already up (VOICEAI_MAX_CALLS)"
            raise Refusal(EndReason.SERVER_FULL, HangupCause.OVERLOADED, why)
        assistant = await self._assistant(leg)
        if assistant.spec not in self._ready.get(assistant.id, ()):
            await leg.ring()
            await self._make_ready(assistant)
        return await CallSession(leg, assistant, self._services, journal).run()

    async def _assistant(self, leg: Leg) -> Assistant:
        number = leg.number
        try:
            assistant = await self._find_assistant(number, leg.call_id)
        except PipelineError as error:
            why = f"the assistant of {number} is invalid: {error}"
            raise Refusal(EndReason.PIPELINE_INVALID, HangupCause.FAILURE, why) from error
        except (StoreUnavailable, SchemaMismatch) as error:
            why = f"the database cannot say who answers {number}: {error}"
            raise Refusal(EndReason.SERVICE_UNAVAILABLE, HangupCause.FAILURE, why) from error
        if assistant is None:
            why = (
                f"no assistant answers {number}; "
                f"give it one with: voiceai assistants assign {number} NAME"
            )
            raise Refusal(EndReason.UNKNOWN_NUMBER, HangupCause.NOT_FOUND, why)
        return assistant

    async def warm(self, assistant: Assistant) -> str:
        """Load what an assistant needs before calls come.

        Returns:
            Why it cannot work, as is logged too; empty when it can.
        """
        spec = assistant.spec
        try:
            wrong = await warm(self._services.resources, [spec])
            if not wrong:
                await asyncio.to_thread(self._services.ears.load, spec.turn.vad.model)
        except Exception as error:  # noqa: BLE001 - a model that breaks takes no other along
            logger.bind(pipeline=spec.name).exception("pipeline.disabled")
            return f"{type(error).__name__}: {error}"
        findings = wrong.get(spec.name, ())
        for finding in findings:
            logger.bind(pipeline=spec.name).warning("pipeline.disabled: {}", finding)
        if not findings:
            self._note_ready(assistant.id, spec)
        return _listed(findings)

    def _note_ready(self, assistant_id: str, spec: PipelineSpec) -> None:
        self._ready.setdefault(assistant_id, deque(maxlen=SPECS_KEPT)).append(spec)

    async def _make_ready(self, assistant: Assistant) -> None:
        """Load what an assistant needs that is new since the start, while its caller rings."""
        spec = assistant.spec
        invalid = [finding for finding in validate(spec) if finding.severity == "error"]
        if invalid:
            raise Refusal(
                EndReason.PIPELINE_INVALID,
                HangupCause.FAILURE,
                f"the assistant {assistant.name} is invalid: {_listed(invalid)}",
            )
        for findings in (await warm(self._services.resources, [spec])).values():
            raise Refusal(
                EndReason.SERVICE_UNAVAILABLE,
                HangupCause.FAILURE,
                f"the assistant {assistant.name} cannot work: {_listed(findings)}",
            )
        await asyncio.to_thread(self._services.ears.load, spec.turn.vad.model)
        self._note_ready(assistant.id, spec)

    def _tell(self, event: CallEvent) -> None:
        for watcher in self._watchers:
            try:
                watcher(event)
            except Exception:  # noqa: BLE001 - who looks on must not end a call
                logger.exception("call.watcher_failed")


def _listed(findings: Iterable[Finding]) -> str:
    return "; ".join(str(finding) for finding in findings)
