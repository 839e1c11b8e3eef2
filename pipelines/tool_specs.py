"""What a language model, or a rule, may do in a call, as it is written."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipelines.fields import Digits, Import, Number, Sentence, Spec, wrong
from pipelines.http_tool import HttpTool
from pipelines.look_up_tool import LookUpTool
from pipelines.tool_parameters import Description, Parameters, ToolName


class HangupTool(Spec):
    """End the call, after what is being said has been said."""


class TransferTool(Spec):
    """Hand the caller on.

    Attributes:
        to: Extension or number.
        targets: Instead: names among which a language model chooses, and their numbers.
        mode: ``blind`` hands over at once; ``attended`` calls the other first and keeps the
            caller until it is answered.
        announce: With ``attended``: said to the other before the caller is put through.
        ring_seconds: With ``attended``: so long the other is called.
        when_unanswered: Said to the caller when nobody answered; the conversation goes on.
    """

    to: Number | None = None
    targets: Annotated[dict[ToolName, Number], Field(min_length=1, max_length=50)] | None = None
    mode: Literal["blind", "attended"] = "blind"
    announce: Sentence = ""
    ring_seconds: int = Field(default=25, ge=5, le=120)
    when_unanswered: Sentence = ""

    @model_validator(mode="after")
    def _one_destination(self) -> Self:
        if self.to is None and self.targets is None:
            raise wrong("needs 'to' or 'targets'", fix='such as {transfer: {to: "100"}}')
        if self.to is not None and self.targets is not None:
            raise wrong("has 'to' already", "targets", fix="name it among the targets")
        if self.announce and self.mode == "blind":
            raise wrong("nobody hears an announcement of a blind transfer", "announce",
                        fix="use mode: attended")  # fmt: skip
        return self


class SendDtmfTool(Spec):
    """Send DTMF digits to the caller's side.

    Attributes:
        digits: Which; a language model chooses them unless given, a rule has to give them.
    """

    digits: Digits | None = None


class CollectDigitsTool(Spec):
    """Ask the caller for digits on the keypad, such as a customer's number.

    Attributes:
        name: What the language model calls it by.
        description: What the language model is told of it.
        min: Fewer digits are asked for again.
        max: So many digits are the whole.
        terminator: Key that ends the entry; none with empty text.
        between_ms: So long after the last digit the entry is over.
        within_ms: So long the whole may take.
        masked: Whether log, transcript and recording are kept from the digits.
        say: Said first.
    """

    name: ToolName = "collect_digits"
    description: Description = "Ask the caller to type digits on the telephone's keypad."
    min: int = Field(default=1, ge=1, le=32)
    max: int = Field(default=32, ge=1, le=32)
    terminator: Literal["#", "*", ""] = "#"
    between_ms: int = Field(default=3000, ge=500, le=30_000)
    within_ms: int = Field(default=20_000, ge=1000, le=120_000)
    masked: bool = True
    say: Sentence = ""

    @model_validator(mode="after")
    def _least_before_most(self) -> Self:
        if self.min > self.max:
            raise wrong(f"is more than max, which is {self.max}", "min")
        if self.between_ms > self.within_ms:
            raise wrong(f"is more than within_ms, which is {self.within_ms}", "between_ms")
        return self


class PythonTool(Spec):
    """Call a function of the operator's own.

    Attributes:
        use: ``module:function``; found beside the pipelines or installed.
        name: What the language model calls it by.
        description: What the language model is told of it.
        parameters: What the language model gives, as keyword arguments.
        timeout_ms: After so long the function is given up.
    """

    use: Import
    name: ToolName
    description: Description
    parameters: Parameters = Field(default_factory=dict)
    timeout_ms: int = Field(default=5000, ge=50, le=60_000)


ToolParams = (
    HangupTool
    | TransferTool
    | SendDtmfTool
    | CollectDigitsTool
    | HttpTool
    | LookUpTool
    | PythonTool
)


class ToolSpec(Spec):
    """One tool that a language model or a rule may call: exactly one key."""

    hangup: HangupTool | None = None
    transfer: TransferTool | None = None
    send_dtmf: SendDtmfTool | None = None
    collect_digits: CollectDigitsTool | None = None
    http: HttpTool | None = None
    look_up: LookUpTool | None = None
    python: PythonTool | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise wrong("a tool is a name, or one name with its parameters")
        return self

    @property
    def kind(self) -> str:
        """The one key that is set, such as ``http``."""
        return next(iter(self.model_fields_set))

    @property
    def params(self) -> ToolParams:
        """What stands under that key."""
        params: ToolParams = getattr(self, self.kind)
        return params

    @property
    def name(self) -> str:
        """What a language model calls it by: its own name, or its kind."""
        return getattr(self.params, "name", self.kind)


KINDS_OF_TOOL = tuple(ToolSpec.model_fields)

NAMED_TOOLS = ("collect_digits", "http", "look_up", "python")
"""What has a name of its own, so that a pipeline may have several."""

PLAIN_TOOLS = ("hangup", "transfer", "send_dtmf")
"""What needs no answer, so that a rule may do it too."""


def one_tool(value: object) -> object:
    """Let ``- hangup`` stand for ``- hangup: {}``."""
    if isinstance(value, str):
        return {value: {}}
    if isinstance(value, dict):
        return {key: {} if params is None else params for key, params in value.items()}
    return value
