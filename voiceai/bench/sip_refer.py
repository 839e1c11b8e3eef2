"""The bench telephone hands a call over to somebody else. Source: RFC 3515 and RFC 3891."""

import asyncio
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from voiceai.bench.errors import SipError
from voiceai.bench.sip_call import Call

__all__ = ["refer", "wait_for_outcome"]

_STATUS: Final = re.compile(rb"SIP/2\.0 ([1-6][0-9]{2})")


async def refer(
    call: Call,
    to: str,
    *,
    replaces: Call | None = None,
    headers: Iterable[tuple[str, str]] = (),
) -> int:
    """Ask the other side to call somebody in our place; return the final status.

    Args:
        call: Answered.
        to: Address, as ``sip:100@127.0.0.3:5060``.
        replaces: Another call of ours, whose other side is meant (an attended transfer).
        headers: Further headers of the REFER.

    Raises:
        SipError: There was no answer.
    """
    if replaces is not None:
        to = f"{to}?Replaces={quote(replaces.dialog.replaces, safe='')}"
    response = await call.transact("REFER", headers=[("Refer-To", f"<{to}>"), *headers])
    if response is None:
        raise SipError("no answer to a REFER")
    return response.status


async def wait_for_outcome(call: Call, within: float) -> int:
    """Return the first final status that the other side reports of a REFER (in a NOTIFY).

    Reports of earlier REFERs that were returned already do not count.

    Raises:
        TimeoutError: It reports none.
    """
    async with asyncio.timeout(within):
        while True:
            for at, request in call.requests:
                found = _STATUS.match(request.body) if request.method == "NOTIFY" else None
                if found and int(found[1]) >= 200:
                    call.requests.remove((at, request))
                    return int(found[1])
            await asyncio.sleep(0.01)
