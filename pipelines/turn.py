"""When turns start and stop: Pipecat's strategies, ours among them, by the spec."""

from pipecat.processors.frame_processor import FrameProcessor
from pipecat.turns.user_mute import AlwaysUserMuteStrategy, BaseUserMuteStrategy
from pipecat.turns.user_start import BaseUserTurnStartStrategy
from pipecat.turns.user_stop import BaseUserTurnStopStrategy, SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies

from pipelines.barge_in import ProvenTurnStart, WordsTurnStart
from pipelines.ports import PhoneTransport
from pipelines.resources import Resources
from pipelines.smart_turn import SmartTurn, SmartTurnStop, load_model
from pipelines.spec import TurnSpec


def strategies(
    spec: TurnSpec, resources: Resources, transport: PhoneTransport
) -> UserTurnStrategies:
    """Return when turns start and stop; connects the turn model to the caller's audio."""
    start = _starts(spec, transport)
    stop: BaseUserTurnStopStrategy
    if spec.stop == "smart-turn":
        analyzer = SmartTurn(load_model(resources), resources)
        transport.add_audio_tap(analyzer.feed)
        transport.add_early_pause_tap(analyzer.caller_paused)
        stop = SmartTurnStop(analyzer)
    else:
        stop = SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.0)
    return UserTurnStrategies(start=start, stop=[stop])


def _starts(spec: TurnSpec, transport: PhoneTransport) -> list[BaseUserTurnStartStrategy]:
    barge_in = spec.barge_in
    if barge_in.enabled:
        transport.allow_barge_in(hold=not barge_in.min_words)
    if barge_in.min_words:
        return [WordsTurnStart(min_words=barge_in.min_words)]
    start = ProvenTurnStart(
        transport,
        stop_seconds=spec.vad.stop_ms / 1000,
        patience_seconds=barge_in.resume_after_false_ms / 1000,
    )
    return [start]


def follow(strategies: UserTurnStrategies, last: FrameProcessor) -> None:
    """Let the strategies know what has reached the processor that keeps the answers."""
    for start in strategies.start or []:
        if isinstance(start, ProvenTurnStart | WordsTurnStart):
            start.interruption.follow(last)


def mutes(spec: TurnSpec) -> list[BaseUserMuteStrategy]:
    """Return when the caller is not heard."""
    if spec.barge_in.enabled:
        return []
    return [AlwaysUserMuteStrategy()]  # type: ignore[no-untyped-call]
