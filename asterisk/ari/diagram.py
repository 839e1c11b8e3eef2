"""``docs/call-states.md``, drawn from the table of :mod:`asterisk.ari.call`. Pure."""

from asterisk.ari.call import ALIVE, TRANSITIONS, Event, State

_HEAD = """# The life of a call

Drawn from `asterisk/ari/call.py` by `python -m asterisk.ari.diagram > docs/call-states.md`;
a test keeps the two equal. Before the slash the event, behind it what is done then.

"""


def draw() -> str:
    """Return the document: a Mermaid drawing, then the table."""
    return _HEAD + _drawing() + "\n" + _table()


def _drawing() -> str:
    edges: dict[tuple[str, str], list[str]] = {}
    common = {
        event
        for event in Event
        if all((state, event) in TRANSITIONS for state in ALIVE)
        and len({TRANSITIONS[state, event] for state in ALIVE}) == 1
    }
    for (state, event), (target, actions) in TRANSITIONS.items():
        source = "alive" if event in common and state in ALIVE else str(state)
        label = " / ".join(filter(None, (event, ", ".join(actions))))
        labels = edges.setdefault((source, str(target)), [])
        if label not in labels:
            labels.append(label)
    inner = [edge for edge in edges if edge[0] in ALIVE and edge[1] in ALIVE]
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> alive", "    state alive {"]
    lines += [f"        [*] --> {State.RINGING}"]
    lines += _arrows({edge: edges[edge] for edge in inner}, "        ")
    lines += ["    }"]
    lines += _arrows({edge: labels for edge, labels in edges.items() if edge not in inner}, "    ")
    lines += [f"    {State.ENDED} --> [*]", "```", ""]
    return "\n".join(lines)


def _arrows(edges: dict[tuple[str, str], list[str]], indent: str) -> list[str]:
    return [
        f"{indent}{source} --> {target}: {'<br/>'.join(labels)}"
        for (source, target), labels in edges.items()
    ]


def _table() -> str:
    lines = ["| state | event | next state | actions |", "|---|---|---|---|"]
    lines += [
        f"| {state} | {event} | {target} | {', '.join(actions) or '-'} |"
        for (state, event), (target, actions) in TRANSITIONS.items()
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(draw())
