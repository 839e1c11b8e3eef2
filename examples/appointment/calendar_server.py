"""The practice's calendar, this week: says what is free and takes appointments.

``python calendar_server.py`` opens it.
"""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PORT = 8125
KEY = "sun-and-shade"
FREE = {
    "monday": ["9:00"],
    "tuesday": ["9:00", "10:30"],
    "wednesday": [],
    "thursday": ["14:00"],
    "friday": ["9:00", "14:00"],
}
GERMAN = dict(zip(("montag", "dienstag", "mittwoch", "donnerstag", "freitag"), FREE, strict=True))


class Calendar(BaseHTTPRequestHandler):
    """Answers ``GET /days/DAY`` and ``POST /appointments``; days are English or German."""

    free: dict[str, list[str]]
    booked: list[dict[str, str]]

    def do_GET(self) -> None:
        """Say what is free on a day."""
        day = self.path.removeprefix("/days/")
        times = self._free(day)
        if not self._is_known():
            return
        if times is None:
            self._answer(404, {"error": "there is no such day"})
            return
        self._answer(200, {"day": day.capitalize(), "times": times, "free": len(times)})

    def do_POST(self) -> None:
        """Take an appointment, unless the time is gone."""
        wanted = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))))
        if not self._is_known():
            return
        times = self._free(str(wanted.get("day", ""))) or []
        if wanted.get("time") not in times:
            self._answer(409, {"error": "that time is not free"})
            return
        times.remove(wanted["time"])
        self.booked.append(wanted)
        self._answer(201, {"booked": True})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Be quiet."""

    def _free(self, day: str) -> list[str] | None:
        return self.free.get(GERMAN.get(day.lower(), day.lower()))

    def _is_known(self) -> bool:
        known = self.headers.get("Authorization") == f"Bearer {KEY}"
        if not known:
            self._answer(401, {"error": "who are you?"})
        return known

    def _answer(self, status: int, data: dict[str, Any]) -> None:
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def open_calendar(port: int = PORT) -> ThreadingHTTPServer:
    """Return a calendar of this week; ``serve_forever`` opens it."""
    own = {"free": {day: list(times) for day, times in FREE.items()}, "booked": []}
    return ThreadingHTTPServer(("127.0.0.1", port), type("OwnCalendar", (Calendar,), own))


if __name__ == "__main__":
    open_calendar().serve_forever()
