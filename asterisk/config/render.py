"""Configuration files of an Asterisk 22, rendered from parameters: ``{file name: text}``.

Pure. The templates lie beside this file; ``@{name}`` is a placeholder there, because the dialplan
owns ``${name}``.
"""

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Final
from urllib.parse import quote

from asterisk.config import modules
from asterisk.params import (
    ATTENDED_CONTEXT,
    CONNECT_CONTEXT,
    FALLBACK_CONTEXT,
    HANDOVER_VARIABLE,
    INBOUND_CONTEXT,
    TARGET_VARIABLE,
    TRANSFER_CONTEXT,
    TRANSFER_CONTEXT_VARIABLE,
    PhoneParams,
    RenderParams,
    TrunkParams,
)

HEADER: Final = "Written by `voiceai asterisk render`; the next run writes it anew."

CALL_MARGIN_SECONDS: Final = 60
"""The caller's channel may outlive the external one by this much: the latter ends the call."""

DEFAULT_FALLBACK: Final = (
    "Progress()",
    "Playback(ss-noservice,noanswer)",
    "Congestion(10)",
)
"""An announcement where sounds are installed, then 503: unanswered, so the caller pays nothing.

A channel that is answered already hears the announcement, then the congestion tone, then hangs up.
"""

RING_SECONDS: Final = 60
"""How long a transfer rings before the caller goes to the fallback."""

ATTENDED_RING_SECONDS: Final = 120
"""No attended transfer rings longer: the application ends each earlier."""

_PLACEHOLDER: Final = re.compile(r"@\{([a-z_]+)\}")


def render(params: RenderParams) -> dict[str, str]:
    """Write every file that an Asterisk for this application needs.

    Args:
        params: What the operator decided. Without ``directories`` there is no
            ``asterisk.conf``: an installed Asterisk keeps its own.

    Returns:
        File name to text. ``pjsip.conf`` and ``ari.conf`` hold passwords.
    """
    rendered = {
        "pjsip.conf": _pjsip(params),
        "extensions.conf": _extensions(params),
        "ari.conf": _fill(
            "ari.conf",
            username=params.ari.username,
            password=params.ari.password.get_secret_value(),
        ),
        "http.conf": _fill(
            "http.conf", http_bind=params.http_bind, http_port=str(params.http_port)
        ),
        "rtp.conf": _fill("rtp.conf", rtp_start=str(params.rtp_start), rtp_end=str(params.rtp_end)),
        "modules.conf": _modules(),
        "logger.conf": _fill("logger.conf"),
        "indications.conf": _fill("indications.conf"),
    }
    if params.directories:
        where = params.directories
        rendered["asterisk.conf"] = _fill(
            "asterisk.conf",
            root=str(where.root),
            modules=str(where.modules),
            data=str(where.data or where.root / "data"),
        )
    return rendered


def _fill(template: str, **values: str) -> str:
    """Fill a template with values; a semicolon in one does not begin a comment."""
    escaped = {name: value.replace(";", r"\;") for name, value in values.items()}
    return _insert(template, **escaped)


def _insert(template: str, **values: str) -> str:
    """Fill a template with text that is configuration already, comments and all."""
    known = {"header": HEADER, **values}
    return _PLACEHOLDER.sub(lambda placeholder: known[placeholder[1]], _read(template))


@cache
def _read(template: str) -> str:
    return (files("asterisk.config") / "templates" / template).read_text(encoding="utf-8")


def _modules() -> str:
    preloads = [f"preload = {name}.so" for name in modules.PRELOADED]
    loads = [
        f"load = {name}.so"
        for group in (modules.REQUIRED, modules.TRUNK, modules.DIALPLAN, modules.FURTHER)
        for name in group
    ]
    return _insert("modules.conf", modules="\n".join(preloads + loads))


def _pjsip(params: RenderParams) -> str:
    return _insert(
        "pjsip.conf",
        sip_bind=_bracketed(params.sip_bind),
        sip_port=str(params.sip_port),
        nat="\n".join(_nat(params)),
        trunk=_trunk(params.trunk) if params.trunk else "",
        phone=_phone(params.phone) if params.phone else "",
    )


def _nat(params: RenderParams) -> Iterable[str]:
    if params.external_address:
        yield f"external_media_address = {params.external_address}"
        yield f"external_signaling_address = {params.external_address}"
    for network in params.local_networks:
        yield f"local_net = {network}"


def _trunk(trunk: TrunkParams) -> str:
    account = quote(trunk.username, safe="-_.!~*'()&=+$,;?/")
    return _fill(
        "pjsip-trunk.conf",
        numbers=", ".join(trunk.numbers) or "any",
        server_uri=f"sip:{trunk.registrar}:{trunk.port}",
        client_uri=f"sip:{account}@{trunk.registrar}:{trunk.port}",
        contact_user=trunk.contact_user or account,
        username=trunk.username,
        auth_username=trunk.auth_username or trunk.username,
        password=trunk.password.get_secret_value(),
        expiration=str(trunk.expiration),
        retry_interval=str(trunk.retry_interval),
        rejected_retry_interval=str(trunk.rejected_retry_interval),
        max_random_initial_delay=str(trunk.max_random_initial_delay),
        qualify_frequency=str(trunk.qualify_frequency),
        matches="\n".join(f"match = {match}" for match in (trunk.registrar, *trunk.match)),
        context=INBOUND_CONTEXT,
        codecs=",".join(trunk.codecs),
        from_user=trunk.from_user or trunk.username,
        from_domain=trunk.from_domain or trunk.registrar,
        rtp_timeout=str(trunk.rtp_timeout),
    )


def _phone(phone: PhoneParams) -> str:
    return _fill(
        "pjsip-phone.conf",
        username=phone.username,
        password=phone.password.get_secret_value(),
        context=INBOUND_CONTEXT,
        codecs=",".join(phone.codecs),
        transfer_variable=TRANSFER_CONTEXT_VARIABLE,
        attended=ATTENDED_CONTEXT,
        rtp_timeout=str(phone.rtp_timeout),
    )


def _extensions(params: RenderParams) -> str:
    accounts = _accounts(params.trunk) if params.trunk else ()
    patterns = dict.fromkeys(("s", "_X", "_X.", "_+X.", *accounts))
    return _insert(
        "extensions.conf",
        app=params.ari.app,
        context=INBOUND_CONTEXT,
        handover=HANDOVER_VARIABLE,
        call_seconds=str(params.ari.max_call_seconds + CALL_MARGIN_SECONDS),
        patterns="\n".join(
            f"exten => {pattern},1,Set(DIALLED=${{EXTEN}})\n same => n,Goto(voiceai-inbound,s,1)"
            for pattern in patterns
        ),
        accounts="\n".join(
            f' same => n,GotoIf($["${{USER}}" = "{name}"]?done)' for name in accounts
        ),
        transfer=TRANSFER_CONTEXT,
        transfers="\n".join(_transfers(params)),
        attended=ATTENDED_CONTEXT,
        attended_targets="\n".join(_attended(params)),
        connect=CONNECT_CONTEXT,
        target=TARGET_VARIABLE,
        fallback=FALLBACK_CONTEXT,
        fallback_steps="\n".join(_steps(params.fallback or DEFAULT_FALLBACK)),
    )


def _accounts(trunk: TrunkParams) -> tuple[str, ...]:
    """Names of the account as the dialplan compares them: only characters that are safe there."""
    names = (trunk.contact_user, trunk.username, trunk.auth_username)
    safe = (
        "".join(c for c in name.partition("@")[0] if c.isascii() and (c.isalnum() or c in "+._-"))
        for name in names
        if name
    )
    return tuple(dict.fromkeys(name.lstrip("_") for name in safe if name.lstrip("_")))


def _transfers(params: RenderParams) -> Iterable[str]:
    """Who is not reached goes to the fallback."""
    for pattern, target in _targets(params).items():
        yield f"exten => {pattern},1,Dial({target},{RING_SECONDS})"
        yield f" same => n,Goto({FALLBACK_CONTEXT},s,1)"
    yield f"exten => i,1,Goto({FALLBACK_CONTEXT},s,1)"


def _attended(params: RenderParams) -> Iterable[str]:
    """Who is not reached is hung up on with the cause, which the application is told."""
    for pattern, target in _targets(params).items():
        yield f"exten => {pattern},1,Dial({target},{ATTENDED_RING_SECONDS})"
        yield " same => n,Hangup(${HANGUPCAUSE})"
    yield "exten => i,1,Hangup(1)"


def _targets(params: RenderParams) -> dict[str, str]:
    """Numbers go out through the trunk, the phone's name to the phone."""
    targets: dict[str, str] = {}
    if params.trunk:
        targets |= dict.fromkeys(("_X", "_X.", "_+X."), "PJSIP/${EXTEN}@trunk")
    if params.phone:
        targets[params.phone.username] = f"PJSIP/{params.phone.username}"
    return targets


def _steps(steps: Iterable[str]) -> Iterable[str]:
    yield 'exten => s,1,NoOp(DID "${DID}" to the fallback, Stasis said "${STASISSTATUS}")'
    for step in steps:
        yield " same => n," + step.replace(";", r"\;")
    yield " same => n,Hangup()"


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address
