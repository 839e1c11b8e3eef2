"""When turns start and stop: Pipecat's strategies, ours among them, by the spec."""

from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.turns.user_mute import AlwaysUserMuteStrategy, BaseUserMuteStrategy
from pipecat.turns.user_start import BaseUserTurnStartStrategy
from pipecat.turns.user_stop import BaseUserTurnStopStrategy, SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies

from pipelines.barge_in import ProvenTurnStart, WordsTurnStart
from pipelines.ports import PhoneTransport
from pipelines.resources import Resources
from pipelines.smart_turn import SmartTurn, SmartTurnStop, load_model
from pipelines.spec import TurnSpec
from pipelines.turn_end import QUIET_SECONDS
from pipelines.turn_stop import EagerStop, RecogniserStop


def strategies(
    spec: TurnSpec, resources: Resources, transport: PhoneTransport, *, ends_utterances: bool
) -> UserTurnStrategies:
    """Return when turns start and stop; connects the turn model to the caller's audio.

    Args:
        spec: Of the conversation's turns.
        resources: Shared by all conversations.
        transport: The telephone.
        ends_utterances: Whether whoever recognises judges itself when an utterance is over.
    """
    start = _starts(spec, transport)
    stop: BaseUserTurnStopStrategy
    if spec.stop == "smart-turn":
        analyzer = SmartTurn(load_model(resources), resources)
        transport.add_audio_tap(analyzer.feed)
        transport.add_early_pause_tap(analyzer.caller_paused)
        stop = SmartTurnStop(analyzer)
    elif spec.stop in ("stt", "eager"):
        kind = EagerStop if spec.stop == "eager" else RecogniserStop
        stop = kind(quiet_seconds=0.0 if ends_utterances else QUIET_SECONDS)
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


def follow(strategies: UserTurnStrategies, pair: LLMContextAggregatorPair) -> None:
    """Let the strategies know what the conversation has of the caller, and of the answers."""
    for start in strategies.start or []:
        if isinstance(start, ProvenTurnStart | WordsTurnStart):
            start.interruption.follow(pair.assistant())
    for stop in strategies.stop or []:
        if isinstance(stop, EagerStop):
            stop.heard = pair.user().aggregation_string


def mutes(spec: TurnSpec) -> list[BaseUserMuteStrategy]:
    """Return when the caller is not heard."""
    if spec.barge_in.enabled:
        return []
    return [AlwaysUserMuteStrategy()]  # type: ignore[no-untyped-call]
