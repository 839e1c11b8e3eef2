"""Whether somebody out there may transfer calls: the endpoints of SIP, as Asterisk holds them.

A trunk is known by what it lacks: whoever calls through it shows no password (``auth``), or it is
we who log in there (``outbound_auth``). A REFER of such a one has us call at our cost, and one with
``Refer-Sub: false`` ends an Asterisk before 22.11.
"""

from collections.abc import Mapping
from typing import Final

from asterisk.ari import requests
from asterisk.ari.client import AriClient
from asterisk.config.finding import Finding
from asterisk.errors import AriProtocolError, AriRefused

MOST_ENDPOINTS: Final = 500
"""So many are looked at; one takes about a millisecond."""

ALLOWED: Final = frozenset({"true", "yes", "1", "on"})

Settings = Mapping[str, str]


async def trunks_finding(client: AriClient) -> Finding:
    """Look at the endpoints of a running Asterisk.

    Raises:
        AriDisconnected: Asterisk is out of reach.
    """
    try:
        listed = await client.send(requests.list_endpoints("PJSIP"))
    except (AriRefused, AriProtocolError):
        return check_trunks(None)
    entries = listed if isinstance(listed, list) else []
    names = [str(entry["resource"]) for entry in entries if "resource" in entry]
    seen = {name: await _settings(client, name) for name in names[:MOST_ENDPOINTS]}
    return check_trunks(seen, unseen=len(names) - len(seen))


def check_trunks(endpoints: Mapping[str, Settings] | None, *, unseen: int = 0) -> Finding:
    """Report which trunks may transfer calls.

    Args:
        endpoints: By name, what each is set to; None where they could not be listed.
        unseen: How many more there are.
    """
    if endpoints is None:
        return Finding(
            "trunks",
            "ok",
            "whether a trunk may transfer calls shows only with res_ari_endpoints.so",
            "Add `load = res_ari_endpoints.so` to modules.conf to have it looked at.",
        )
    may = [name for name, settings in endpoints.items() if _is_trunk(settings) and _may(settings)]
    if may:
        return Finding(
            "trunks",
            "warn",
            f"may transfer calls without a password (REFER): {', '.join(may)}. That calls anybody "
            "at your cost, and one REFER with Refer-Sub: false ends an Asterisk before 22.11",
            "Set allow_transfer=no in the endpoint's section of pjsip.conf, then `asterisk -rx "
            "'module reload res_pjsip.so'`; give a phone of your own a password (auth) instead.",
        )
    further = f", {unseen} more were not looked at" if unseen else ""
    return Finding("trunks", "ok", f"none of {len(endpoints)} may transfer calls{further}")


def _is_trunk(settings: Settings) -> bool:
    return not settings.get("auth") or bool(settings.get("outbound_auth"))


def _may(settings: Settings) -> bool:
    return settings.get("allow_transfer", "").lower() in ALLOWED


async def _settings(client: AriClient, name: str) -> Settings:
    try:
        found = await client.send(requests.endpoint_settings(name))
    except (AriRefused, AriProtocolError):
        return {}  # it was deleted meanwhile
    pairs = found if isinstance(found, list) else []
    return {str(pair.get("attribute")): str(pair.get("value") or "") for pair in pairs}
