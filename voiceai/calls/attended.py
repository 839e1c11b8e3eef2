"""Calls that change hands without ending: the assistant's wish, or that of the caller's phone.

A caller is put through to somebody who is asked first (tool ``transfer``, ``mode: attended``). The
caller hears ringing from the moment at which the other is called until the two are connected,
and neither hears nor is heard by the assistant: its voice goes to the other alone. When that
comes to nothing, caller and assistant go on where they were.

A caller's phone may hand the call over to another (SIP's REFER): then the assistant goes on with
that one, and says its greeting again, as nobody told the other who speaks.
"""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

from loguru import logger

from asterisk.ari.consultation import Unanswered
from asterisk.consultation import Consultation
from asterisk.errors import AriRefused, CallEnded
from asterisk.leg import Leg
from asterisk.refer import Refer
from pipelines.builder import Conversation
from pipelines.ports import AttendedTransfer
from transports.engine import MediaStream
from voiceai.calls.control import LegControl
from voiceai.calls.journal import CallJournal

ANNOUNCEMENT_SECONDS = 30.0
"""How long an announcement may take; then the caller is put through all the same."""
SUCCESSOR_RING_SECONDS = 30
"""How long somebody rings to whom a caller's phone hands the call over."""
LAST_WORDS_SECONDS = 2.0
"""How long what was said to the caller may take to play: 60 ms are usual."""
FAR_BUFFER_SECONDS = 0.2
"""Between the last packet and the end of it at the listener's ear."""

NOBODY_THERE = {
    "de": "Dort ist leider gerade niemand zu erreichen.",
    "en": "I am sorry, nobody can be reached there at the moment.",
    "es": "Lo siento, en este momento no hay nadie disponible.",
    "fr": "Je suis désolé, personne n'est disponible pour le moment.",
    "it": "Mi dispiace, al momento non risponde nessuno.",
}
"""Said to the caller, by language, English for all others, when a pipeline does not say what."""


class Attendant:
    """Carries out the attended transfers of one call.

    Args:
        leg: Of the caller.
        control: Where the conversation asks for them.
        journal: Is told what came of each.
    """

    def __init__(self, leg: Leg, control: LegControl, journal: CallJournal) -> None:
        self._leg = leg
        self._control = control
        self._journal = journal

    async def serve(self, stream: MediaStream, conversation: Conversation) -> None:
        """Carry them out, one after the other, until one has come off.

        Those of the caller's phone are carried out beside.

        Raises:
            CallEnded: The caller was put through, or has left.
            AriRefused: Asterisk will not join caller and assistant again.
            AriDisconnected: Asterisk cannot be reached.
        """
        transfers = self._leg.transfers
        try:
            async with asyncio.TaskGroup() as group:
                transfers.on_refer = lambda refer: _begin(group, self._hand_over(refer))
                transfers.on_replaced = lambda to: _begin(group, self._begin_anew(to, conversation))
                while True:
                    transfer = await self._control.consultations.get()
                    if await self._put_through(transfer, stream, conversation):
                        raise CallEnded(self._leg.ended.result())
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures
        finally:
            transfers.on_refer, transfers.on_replaced = None, lambda _: None

    async def _hand_over(self, refer: Refer) -> None:
        """Let another take the caller's place."""
        why_not = await refer.accept(SUCCESSOR_RING_SECONDS)
        if why_not is not None:
            self._journal.referred(refer.to, why_not=why_not)

    async def _begin_anew(self, to: str, conversation: Conversation) -> None:
        """Greet one who has taken the caller's place."""
        self._journal.referred(to, why_not=None)
        await conversation.hush()
        await conversation.note(
            f"The caller has handed this call over to {to}, who speaks with you now."
        )
        await conversation.greet()

    async def _put_through(
        self, transfer: AttendedTransfer, stream: MediaStream, conversation: Conversation
    ) -> bool:
        """Try it once; returns whether caller and target are connected."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await _until_heard(stream)
        consultation = self._leg.consult()
        conversation.is_parked = True
        try:
            why = await consultation.dial(transfer.to, transfer.ring_seconds)
            if why is None:
                why = await self._introduce(consultation, transfer, stream, conversation)
            if why is None and await consultation.connect():
                self._journal.tool_returned("transfer", "answered")
                return True
            await consultation.take_back()
        finally:
            conversation.is_parked = False
        await self._explain(why or consultation.failed.result(), transfer, conversation)
        return False

    async def _introduce(
        self,
        consultation: Consultation,
        transfer: AttendedTransfer,
        stream: MediaStream,
        conversation: Conversation,
    ) -> Unanswered | None:
        """Speak to the target alone; returns why nobody is there any more, or None."""
        if not transfer.announce:
            return None
        with contextlib.suppress(AriRefused):  # the target has left: told in a moment
            await consultation.admit()
        async with asyncio.TaskGroup() as group:
            speaking = group.create_task(_speak(transfer.announce, stream, conversation))
            either: set[asyncio.Future[Any]] = {speaking, consultation.failed}
            await asyncio.wait(
                either, timeout=ANNOUNCEMENT_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if consultation.failed.done():  # the caller must not hear the rest of it
                await conversation.hush()
                await asyncio.wait({speaking}, timeout=LAST_WORDS_SECONDS)
            speaking.cancel()
        return consultation.failed.result() if consultation.failed.done() else None

    async def _explain(
        self, why: Unanswered, transfer: AttendedTransfer, conversation: Conversation
    ) -> None:
        """Tell record, model and caller that it came to nothing."""
        logger.bind(to=transfer.to, why=str(why)).info("call.transfer_unanswered")
        self._journal.tool_returned("transfer", str(why), failed=True)
        await conversation.note(f"The transfer to {transfer.to} failed: {why}.")
        language = conversation.spec.language_code
        said = transfer.when_unanswered or NOBODY_THERE.get(language, NOBODY_THERE["en"])
        await conversation.say(said)


def _begin(group: asyncio.TaskGroup, work: Coroutine[Any, Any, None]) -> None:
    try:
        group.create_task(work)
    except RuntimeError:  # the call is ending
        work.close()


async def _speak(text: str, stream: MediaStream, conversation: Conversation) -> None:
    await conversation.announce(text)
    await _until_heard(stream)


async def _until_heard(stream: MediaStream) -> None:
    await stream.drained()
    await asyncio.sleep(FAR_BUFFER_SECONDS)
