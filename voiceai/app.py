"""The composition root: opens everything in order, takes calls, closes everything in reverse."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from loguru import logger
from prometheus_client import CollectorRegistry

from asterisk.config.finding import Finding
from asterisk.config.rtp_conf import check_rtp_ranges
from asterisk.config.seen_ports import SeenPorts
from asterisk.gateway import Gateway
from asterisk.params import AriParams
from pipelines.params import ModelParams, Secrets
from pipelines.resources import Resources
from transports.audio.codec import Codec
from transports.engine import make_engine
from transports.errors import TransportError
from transports.hearing import make_voice_activity
from transports.params import RtpParams
from voiceai.calls.garbage import collect_between, leave_out_what_stays
from voiceai.calls.session import CallServices
from voiceai.calls.supervisor import CallSupervisor
from voiceai.errors import SettingsError
from voiceai.http.api import HttpServer
from voiceai.http.token import access_for
from voiceai.priority import yield_this_thread
from voiceai.recording.folder import RecordingFolder
from voiceai.recording.writer import RecordingWriter
from voiceai.settings import Settings
from voiceai.store.look_up import LookUpDatabase
from voiceai.store.repository import Store
from voiceai.telemetry.media_metrics import MediaMetrics
from voiceai.telemetry.metrics import CallMetrics

PORTS_PER_CALL = 2
SHARED_PORTS_PER_CALL = 6
"""Where Asterisk takes the two pairs that it needs for each call from our range."""
DEFAULT_CALLS = 100
"""Calls at once when VOICEAI_MAX_CALLS is unset."""
CALL_MARGIN_SECONDS = 60
"""How much longer than its longest call Asterisk lets an external channel live."""
LONGEST_CALL_SECONDS = 14_400

REALTIME_FIX = (
    "Let it have SCHED_FIFO: LimitRTPRIO=20 and LimitNICE=-10 in the systemd unit, "
    "--cap-add SYS_NICE for a container, CAP_SYS_NICE otherwise."
)


def not_realtime(scheduling: str) -> str:
    """Say what is wrong with a media process of that scheduling class."""
    return f"the media process runs as {scheduling}: packets may be late when all cores are busy"


def rtp_params(settings: Settings) -> RtpParams:
    """Return what the media engine needs of the settings."""
    return RtpParams(
        host=settings.rtp_host,
        bind=settings.rtp_bind,
        port_min=settings.rtp_port,
        port_max=settings.rtp_port_max,
        codec=Codec(settings.rtp_codec),
        placement=settings.voiceai_media,
        receive=Codec(settings.rtp_receive) if settings.rtp_receive else None,
    )


def ari_params(settings: Settings) -> AriParams:
    """Return what the gateway needs of the settings.

    Raises:
        SettingsError: The ARI account is missing.
    """
    if not settings.ari_username or settings.ari_password is None:
        raise SettingsError(
            "ARI_USERNAME and ARI_PASSWORD are needed to reach Asterisk. "
            "Example: ARI_USERNAME=voiceai ARI_PASSWORD=the-password-in-ari.conf; "
            "python -m voiceai asterisk render writes an ari.conf to go with them"
        )
    return AriParams(
        url=settings.ari_url,
        username=settings.ari_username,
        password=settings.ari_password,
        app=settings.ari_app,
        max_call_seconds=LONGEST_CALL_SECONDS + CALL_MARGIN_SECONDS,
    )


def model_params(settings: Settings) -> ModelParams:
    """Return where local models are: ``models`` and ``pico`` below the data folder."""
    folder = settings.voiceai_data_dir
    return ModelParams(cache_dir=folder, pico_dir=folder / "pico")


def make_resources(settings: Settings) -> Resources:
    """Return what all conversations share."""
    secrets = Secrets(
        azure_speech_key=settings.azure_speech_key,
        azure_speech_region=settings.azure_speech_region,
        azure_speech_endpoint=settings.azure_speech_endpoint,
        mistral_api_key=settings.mistral_api_key,
        mistral_base_url=settings.mistral_base_url,
        openai_api_key=settings.openai_api_key,
        openai_base_url=settings.openai_base_url,
        edge_tts_endpoint=settings.edge_tts_endpoint,
    )
    resources = Resources(secrets, model_params(settings), enter_thread=yield_this_thread)
    secrets_of_tools = settings.tool_secrets.items()
    resources.tool_secrets = {name: value.get_secret_value() for name, value in secrets_of_tools}
    if settings.voiceai_look_up_url:
        database = LookUpDatabase(settings.voiceai_look_up_url.get_secret_value())
        resources.look_up = database
        resources.on_aclose(database.close)
    return resources


class App:
    """A running voiceai. Open it, then :meth:`run` until cancelled.

    Attributes:
        store: Who answers, and what was said.
        supervisor: The calls.
        gateway: The connection to Asterisk.
        engine: The media.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.store = Store(settings, owner=True)
        self.engine = make_engine(rtp_params(settings))
        self.resources = make_resources(settings)
        ears = make_voice_activity(self.engine)
        self._recordings = RecordingWriter(RecordingFolder(settings.voiceai_data_dir))
        services = CallServices(
            self.engine,
            self.resources,
            ears,
            self._on_media_address,
            earlier_calls=self.store.last_conversations,
            recordings=self._recordings,
        )
        self.supervisor = CallSupervisor(
            services,
            self.store.assistant_for,
            self.store,
            limit=settings.voiceai_max_calls or self._call_limit(),
        )
        self.store.load_with(self.supervisor.warm)
        self.gateway = Gateway(ari_params(settings), on_call=self.supervisor.take)
        self.metrics = CollectorRegistry()
        metrics = CallMetrics(self.metrics)
        metrics.gauge(
            "records_waiting", "Records not in the database yet", lambda: self.store.waiting_records
        )
        metrics.gauge(
            "records_dropped", "Records that are lost", lambda: self.store.dropped_records
        )
        metrics.gauge(
            "assistant_invalid",
            "Assistants whose rows are wrong; the version before answers, if there was one",
            lambda: self.store.invalid_assistants,
        )
        metrics.gauge("recordings", "Calls being recorded", lambda: self._recordings.open_files)
        metrics.gauge(
            "recordings_failed",
            "Recordings that ended early or never began",
            lambda: self._recordings.failed,
        )
        metrics.gauge(
            "recording_lost_seconds",
            "Of recordings, what the disk was too slow for",
            lambda: self._recordings.lost_seconds,
        )
        self.supervisor.watch(metrics)
        MediaMetrics(self.metrics, self.engine, services.barge_in)
        self.http = HttpServer(
            access_for(settings),
            settings.http_port,
            readiness=self.problems,
            warnings=self.warnings,
            registry=self.metrics,
            history=self.store,
        )
        self._asterisk_ports = SeenPorts(settings.rtp_port, settings.rtp_port_max)
        self.ready = asyncio.Event()
        self._warm = False

    def problems(self) -> list[str]:
        """Why no call can be taken now; empty when all is well."""
        problems = self.store.problems()
        if not self._warm:
            problems.append("the models are being loaded")
        elif self.engine.problem:
            problems.append(self.engine.problem)
        elif self.gateway.status.state != "connected":
            status = self.gateway.status
            problems.append(status.reason or f"Asterisk: {status.state}")
        return problems

    def warnings(self) -> list[str]:
        """What may fail later, though calls are taken now."""
        warnings = [f"{found.message}. {found.fix}" for found in self._port_overlap()]
        scheduling = self.engine.scheduling
        if self._settings.voiceai_media == "process" and not scheduling.startswith("SCHED_FIFO"):
            warnings.append(f"{not_realtime(scheduling)}. {REALTIME_FIX}")
        if self._recordings.problem:
            warnings.append(f"calls cannot be recorded: {self._recordings.problem}")
        return warnings

    async def run(self) -> None:
        """Serve until cancelled; then hang up, write the records and close everything."""
        async with self._opened(), asyncio.TaskGroup() as tasks:
            tasks.create_task(self.store.run(), name="store")
            await self._load()
            gateway = tasks.create_task(self.gateway.run(), name="gateway")
            tasks.create_task(self._announce(), name="announce")
            try:
                await asyncio.shield(gateway)
            finally:
                await self.gateway.close()

    @contextlib.asynccontextmanager
    async def _opened(self) -> AsyncIterator[None]:
        """Open what has a life of its own; the database is closed last, for the last records."""
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self.store.close)
            stack.push_async_callback(self._recordings.close)
            stack.push_async_callback(self.resources.aclose)
            try:
                await self.engine.start()
            except TransportError as error:
                raise SettingsError(
                    f"{error}. Example: RTP_HOST=192.0.2.10, at which Asterisk reaches us, and "
                    "RTP_BIND=0.0.0.0; RTP_PORT=10000 RTP_PORT_MAX=20000"
                ) from error
            stack.push_async_callback(self.engine.close)
            await self.http.start()
            stack.push_async_callback(self.http.close)
            yield

    async def _load(self) -> None:
        """Load the models of every assistant, so that no call waits for one."""
        await self.store.settled()
        leave_out_what_stays()
        self.supervisor.watch(collect_between(self.supervisor.calls))
        self._warm = True

    async def _announce(self) -> None:
        await self.gateway.wait_ready()
        self.ready.set()
        logger.info("voiceai.ready")

    def _call_limit(self, ports_per_call: int = PORTS_PER_CALL) -> int:
        ports = self._settings.rtp_port_max - self._settings.rtp_port
        return min(DEFAULT_CALLS, max(1, ports // ports_per_call))

    def _on_media_address(self, address: tuple[str, int]) -> None:
        """Say it when Asterisk takes its ports from our range, and leave it enough of them."""
        if self._asterisk_ports.note(address):
            self.supervisor.lower_limit(self._call_limit(SHARED_PORTS_PER_CALL))
            for found in self._port_overlap():
                logger.bind(check=found.check).warning(
                    "check.warn: {}. {}", found.message, found.fix
                )

    def _port_overlap(self) -> list[Finding]:
        seen = self._asterisk_ports.of_ours
        ours = (self._settings.rtp_port, self._settings.rtp_port_max)
        return [check_rtp_ranges(ours, seen, known=False)] if seen else []
