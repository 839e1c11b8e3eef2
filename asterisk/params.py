"""What an operator decides about Asterisk: the ARI account, the SIP trunk, a local phone, ports.

Pydantic models, frozen, unknown keys refused. Passwords are ``SecretStr`` and leave it only where
a request or a configuration file is written.
"""

from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator
from pydantic.functional_validators import AfterValidator

CodecName = Literal["alaw", "ulaw", "g722"]
"""Codecs that a trunk or a phone may be offered."""

FormatName = Literal["alaw", "ulaw", "g722", "slin", "slin16"]
"""Formats in which an external media leg may send us audio, by Asterisk's names."""

FORMATS: Final[Mapping[str, FormatName]] = {name: name for name in get_args(FormatName)}
"""A name that is not here is answered with 500, and nothing is logged."""

INBOUND_CONTEXT: Final = "from-trunk"
"""Dialplan context in which calls of the trunk and of the local phone arrive."""

FALLBACK_CONTEXT: Final = "voiceai-fallback"
"""Dialplan context that takes the callers whom the application cannot take."""

TRANSFER_CONTEXT: Final = "voiceai-transfer"
"""Dialplan context to which an assistant transfers a caller; the extension says where."""

ATTENDED_CONTEXT: Final = "voiceai-attended"
"""Context in which those are called to whom a caller may be put through."""

CONNECT_CONTEXT: Final = "voiceai-connect"
"""Context in which a caller is connected with whom ``TARGET_VARIABLE`` names."""

TARGET_VARIABLE: Final = "VOICEAI_TARGET"

TRANSFER_CONTEXT_VARIABLE: Final = "TRANSFER_CONTEXT"
"""Asterisk's own: the context in which whom a channel's phone names in a REFER is looked up."""

TRANSFER_HANDLING: Final = "PJSIP_TRANSFER_HANDLING()"
"""``ari-only``: the application decides on a REFER; ``core``: Asterisk does."""

HANDOVER_VARIABLE: Final = "VOICEAI_HANDOVER"
"""Channel variable; not empty when the application gives a caller back to the dialplan."""

_SECTIONS: Final = ("trunk", "global", "transport-udp")
"""Sections of pjsip.conf that the templates name themselves."""


def _one_line(text: str) -> str:
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in text):
        raise ValueError("must be one line without control characters")
    if text != text.strip():
        raise ValueError("must not begin or end with a space (Asterisk would cut it off)")
    return text


def _one_secret_line(secret: SecretStr) -> SecretStr:
    _one_line(secret.get_secret_value())
    return secret


def _numeric(address: str) -> str:
    return str(ip_address(address))


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=60)]
"""A word that is safe as a section name, in the dialplan and in a URL."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_one_line)]
Secret = Annotated[SecretStr, AfterValidator(_one_secret_line)]
Address = Annotated[str, AfterValidator(_numeric)]
Port = Annotated[int, Field(ge=1, le=65535)]
Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._\[\]:-]+$", max_length=253)]


class Params(BaseModel):
    """Frozen; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AriParams(Params):
    """How to reach Asterisk's REST interface, and how patient to be with it.

    Attributes:
        url: Base address, without ``/ari``.
        app: Name of the Stasis application, as the dialplan's ``Stasis(...)`` writes it.
        instance: Tells several processes on one Asterisk apart in the ids they choose. Two
            processes that share an application one after the other keep the same instance,
            so that the later one recognises what the earlier one left behind.
        max_call_seconds: Life of an external channel at most; Asterisk itself enforces it
            (``TIMEOUT(absolute)``), so that a channel we lost does not hold its ports for ever.
        request_timeout: Seconds for one REST request.
        heartbeat: Seconds between websocket pings; a peer silent for half of it is dead.
        join_timeout: Seconds an external channel may take to enter Stasis.
        close_timeout: Seconds that calls get to end when the gateway closes.
        backoff_first: Seconds before the first attempt to connect again.
        backoff_limit: Seconds between attempts at most: as long as callers go on to reach the
            fallback after Asterisk has come back. One more client is nothing to Asterisk. Also
            between questions to the process that has the application.
        owner_answer: Seconds that another process gets to say that it has the application: more
            than an event loop is ever held up, as who is silent loses its calls.
        replaced_retry: Seconds until we take the application back from another client that
            took it; doubles each time.
        reconcile_interval: Seconds between comparisons of our calls with Asterisk's channels,
            a safety net below the events.
    """

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^/\s]+(/.*)?$")] = (
        "http://127.0.0.1:8088"
    )
    username: Name = "voiceai"
    password: Secret = SecretStr("")
    app: Name = "voice-ai"
    instance: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{1,16}$")] = "1"
    max_call_seconds: Annotated[int, Field(ge=1, le=86_400)] = 3600
    request_timeout: Annotated[float, Field(gt=0, le=60)] = 5.0
    heartbeat: Annotated[float, Field(gt=0, le=120)] = 10.0
    join_timeout: Annotated[float, Field(gt=0, le=60)] = 2.0
    close_timeout: Annotated[float, Field(gt=0, le=60)] = 5.0
    backoff_first: Annotated[float, Field(gt=0, le=60)] = 0.25
    backoff_limit: Annotated[float, Field(gt=0, le=600)] = 3.0
    owner_answer: Annotated[float, Field(gt=0, le=60)] = 1.0
    replaced_retry: Annotated[float, Field(gt=0, le=3600)] = 30.0
    reconcile_interval: Annotated[float, Field(gt=0, le=600)] = 30.0


class TrunkParams(Params):
    """One SIP trunk that we register to, such as Placetel's.

    Attributes:
        registrar: Host of the provider's registrar.
        username: Account name, sent in REGISTER and for digest authentication.
        auth_username: Name for digest authentication where it differs.
        contact_user: User part at which the provider reaches us; the account name when absent.
        numbers: The numbers the trunk brings, for the reader of the file; any number is taken.
        match: Further addresses or networks from which the provider may send calls. Calls
            to our registration's own contact are recognised without it (``line=yes``).
        from_user: User of our From header in outgoing calls; the account name when absent.
        from_domain: Host of our From header in outgoing calls; the registrar when absent.
        expiration: Seconds a registration lasts.
        retry_interval: Seconds until a registration that got no answer is tried again.
        rejected_retry_interval: The same after 401, 403 or another refusal.
        max_random_initial_delay: Seconds at most before the first registration.
        qualify_frequency: Seconds between OPTIONS requests that watch the registrar; 0 is never.
        rtp_timeout: Seconds without audio from the caller after which Asterisk hangs up.
    """

    registrar: Host
    port: Port = 5060
    username: Text
    password: Secret
    auth_username: Text | None = None
    contact_user: Text | None = None
    from_user: Text | None = None
    from_domain: Host | None = None
    numbers: tuple[Annotated[str, StringConstraints(pattern=r"^\+?[0-9]{1,20}$")], ...] = ()
    codecs: Annotated[tuple[CodecName, ...], Field(min_length=1)] = ("alaw", "ulaw")
    match: tuple[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:/_-]+$")], ...] = ()
    expiration: Annotated[int, Field(ge=30, le=86_400)] = 300
    retry_interval: Annotated[int, Field(ge=1, le=3600)] = 30
    rejected_retry_interval: Annotated[int, Field(ge=1, le=3600)] = 60
    max_random_initial_delay: Annotated[int, Field(ge=0, le=3600)] = 0
    qualify_frequency: Annotated[int, Field(ge=0, le=3600)] = 60
    rtp_timeout: Annotated[int, Field(ge=0, le=3600)] = 30


class PhoneParams(Params):
    """A softphone of one's own that registers here, or just calls, and rings the system."""

    username: Name = "phone"
    password: Secret
    codecs: Annotated[tuple[CodecName, ...], Field(min_length=1)] = ("alaw", "ulaw")
    rtp_timeout: Annotated[int, Field(ge=0, le=3600)] = 30


class DirectoryParams(Params):
    """Where one Asterisk keeps its files; given only for a private instance.

    Attributes:
        root: Everything but the modules and the data lies below it: ``etc``, ``run``, ``log`` ...
        modules: Folder of the ``.so`` files.
        data: Folder of ``sounds``, ``documentation`` ...; below ``root`` when absent.
    """

    root: Path
    modules: Path
    data: Path | None = None


class RenderParams(Params):
    """All that the configuration files of one Asterisk depend on.

    Attributes:
        ari: Account and application; the address is where we reach it from our side.
        http_bind: Numeric address on which Asterisk's web server listens.
        http_port: Its port.
        rtp_start: First port of Asterisk's own audio range (ours is 10000..20000).
        rtp_end: Last port of it.
        sip_bind: Numeric address of the SIP transport; Asterisk's audio uses it as well.
        sip_port: UDP port of the SIP transport.
        external_address: What the outside world reaches us at, behind a NAT.
        local_networks: Networks which are not behind that NAT, as ``10.0.0.0/8``.
        trunk: The provider; none for an Asterisk that only a local phone calls.
        phone: A softphone of one's own.
        fallback: Dialplan applications that replace the default of ``voiceai-fallback``, such
            as ``("Dial(PJSIP/reception,30)", "Hangup()")``.
        directories: Given for a private instance, which gets an ``asterisk.conf`` then.
    """

    ari: AriParams
    http_bind: Address = "127.0.0.1"
    http_port: Port = 8088
    rtp_start: Annotated[int, Field(ge=1024, le=65534)] = 20_002
    rtp_end: Annotated[int, Field(ge=1025, le=65535)] = 30_001
    sip_bind: Address = "0.0.0.0"  # noqa: S104 - a telephone system answers calls from outside
    sip_port: Port = 5060
    external_address: Host | None = None
    local_networks: tuple[Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f.:/]+$")], ...] = ()
    trunk: TrunkParams | None = None
    phone: PhoneParams | None = None
    fallback: tuple[Text, ...] = ()
    directories: DirectoryParams | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.rtp_end <= self.rtp_start:
            raise ValueError(
                f"rtp_end {self.rtp_end} must lie above rtp_start {self.rtp_start}, "
                "for example 20002 and 30001"
            )
        if not self.ari.password.get_secret_value():
            raise ValueError("ari.password is empty: set ARI_PASSWORD to a password of your own")
        if self.phone and self.phone.username in _SECTIONS:
            raise ValueError(f"phone.username {self.phone.username!r} is taken: choose another")
        return self
