"""The conversation on the terminal, as it happens."""

from rich.console import Console
from rich.table import Table

from voiceai.calls.events import (
    CallAnswered,
    CallEnded,
    CallEvent,
    CallStarted,
    GreetingStarted,
    ServiceFailed,
    TurnAnswered,
    TurnSpoken,
)
from voiceai.telemetry.latency import TurnLatency


class Show:
    """Print a call's events; also keeps the turns' latencies for the summary."""

    def __init__(self, console: Console) -> None:
        self.latencies: list[TurnLatency] = []
        self.call_id = ""
        self._console = console

    def __call__(self, event: CallEvent) -> None:
        """Print one event."""
        match event:
            case CallStarted():
                self.call_id = event.call_id
                self._console.print(f"[dim]☎  {event.caller} calls {event.number}[/]")
            case CallAnswered():
                milliseconds = 1000 * event.setup_seconds
                self._console.print(
                    f"[dim]   answered by {event.assistant} after {milliseconds:.0f} ms[/]"
                )
            case GreetingStarted():
                self._console.print(
                    f"[dim]   greeting on the wire after {1000 * event.after_seconds:.0f} ms[/]"
                )
            case TurnSpoken():
                self._turn(event)
            case TurnAnswered():
                self.latencies.append(event.latency)
                self._console.print(f"[dim]   {_parts(event.latency)}[/]")
            case ServiceFailed():
                self._console.print(
                    f"[yellow]   {event.kind}: {event.service} failed, now {event.instead}[/]"
                )
            case CallEnded():
                self._console.print(
                    f"[dim]☎  over after {event.seconds:.1f} s: {event.reason.replace('_', ' ')}[/]"
                )

    def _turn(self, turn: TurnSpoken) -> None:
        colour, who = ("cyan", "Caller") if turn.role == "caller" else ("green", "Assistant")
        cut = " [yellow]… (interrupted; this much was heard)[/]" if turn.interrupted else ""
        self._console.print(f"[bold {colour}]{who:>9}[/]  {turn.text}{cut}")

    def table(self) -> Table:
        """Return the latency of each turn with its parts, in milliseconds."""
        names = list(TurnLatency.__dataclass_fields__)
        table = Table("turn", *names, title="Turn latency on the wire, ms", title_justify="left")
        for n, latency in enumerate(self.latencies, start=1):
            figures = latency.as_dict()
            table.add_row(str(n), *(f"{figures[name]:.0f}" for name in names))
        return table


def _parts(latency: TurnLatency) -> str:
    figures = latency.as_dict()
    total = figures.pop("total")
    parts = " + ".join(f"{name} {value:.0f}" for name, value in figures.items() if value >= 1)
    return f"answer on the wire {total:.0f} ms after the caller's last word ({parts})"
