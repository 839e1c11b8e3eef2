"""``docs/call-states.md``, drawn from the tables of a call and of its transfers. Pure."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TypeVar

from asterisk.ari import call, consultation, refer
from asterisk.ari.call import ALIVE, TRANSITIONS, Event, State

_HEAD = """# The life of a call

Drawn from `call.py`, `consultation.py` and `refer.py` in `asterisk/ari/` by
`python -m asterisk.ari.diagram > docs/call-states.md`; a test keeps page and tables equal. Before
the slash the event, behind it what is done then. An event without a row changes nothing.

"""

_CONSULTATION = """
## A consultation

The assistant asks somebody (`transfer` with `mode: attended`) while the call above goes on in
`talking`: the caller, outside of the bridge, hears ringing. `connect_caller` gives the caller to
the dialplan (`hand_over` above), whose `Bridge()` takes the target: `target_left`, the good end.
From `failed` the caller comes back into the bridge.

"""

_REFER = """
## A caller's phone hands the call over

A REFER of SIP, while the call above goes on in `talking`: caller and assistant hear each other
until the successor has answered. `replace_caller` makes the successor's channel the caller's in
the call above; the phone that handed over is told and leaves, which is no `caller_left` any more. A
phone that does not wait and leaves earlier ends the call only if nobody takes its place.

"""

StateName = TypeVar("StateName", bound=StrEnum)
EventName = TypeVar("EventName", bound=StrEnum)
ActionName = TypeVar("ActionName", bound=StrEnum)

Table = Mapping[tuple[StateName, EventName], tuple[StateName, tuple[ActionName, ...]]]


def draw() -> str:
    """Return the document: for each table a Mermaid drawing, then its rows."""
    return (
        _HEAD
        + _call_drawing()
        + "\n"
        + _rows(call.TRANSITIONS)
        + _CONSULTATION
        + _drawing(consultation.TRANSITIONS, consultation.State.CALLING)
        + "\n"
        + _rows(consultation.TRANSITIONS)
        + _REFER
        + _drawing(refer.TRANSITIONS, refer.State.ASKED)
        + "\n"
        + _rows(refer.TRANSITIONS)
    )


def _call_drawing() -> str:
    edges: dict[tuple[str, str], list[str]] = {}
    common = {
        event
        for event in Event
        if all((state, event) in TRANSITIONS for state in ALIVE)
        and len({TRANSITIONS[state, event] for state in ALIVE}) == 1
    }
    for (state, event), (target, actions) in TRANSITIONS.items():
        source = "alive" if event in common and state in ALIVE else str(state)
        _add(edges, (source, str(target)), event, actions)
    inner = [edge for edge in edges if edge[0] in ALIVE and edge[1] in ALIVE]
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> alive", "    state alive {"]
    lines += [f"        [*] --> {State.RINGING}"]
    lines += _arrows({edge: edges[edge] for edge in inner}, "        ")
    lines += ["    }"]
    lines += _arrows({edge: labels for edge, labels in edges.items() if edge not in inner}, "    ")
    lines += [f"    {State.ENDED} --> [*]", "```", ""]
    return "\n".join(lines)


def _drawing(table: Table[StateName, EventName, ActionName], first: StateName) -> str:
    edges: dict[tuple[str, str], list[str]] = {}
    for (state, event), (target, actions) in table.items():
        _add(edges, (str(state), str(target)), event, actions)
    ends = dict.fromkeys(target for _, target in edges if target not in {one for one, _ in edges})
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {first}", *_arrows(edges, "    ")]
    lines += [f"    {end} --> [*]" for end in ends]
    return "\n".join([*lines, "```", ""])


def _add(
    edges: dict[tuple[str, str], list[str]],
    edge: tuple[str, str],
    event: StrEnum,
    actions: Iterable[StrEnum],
) -> None:
    label = " / ".join(filter(None, (event, ", ".join(actions))))
    labels = edges.setdefault(edge, [])
    if label not in labels:
        labels.append(label)


def _arrows(edges: dict[tuple[str, str], list[str]], indent: str) -> list[str]:
    return [
        f"{indent}{source} --> {target}: {'<br/>'.join(labels)}"
        for (source, target), labels in edges.items()
    ]


def _rows(table: Table[StateName, EventName, ActionName]) -> str:
    lines = ["| state | event | next state | actions |", "|---|---|---|---|"]
    lines += [
        f"| {state} | {event} | {target} | {', '.join(actions) or '-'} |"
        for (state, event), (target, actions) in table.items()
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(draw())
