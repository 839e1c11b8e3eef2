"""The shop's system: says where an order is, to whoever has its key. ``python shop.py``."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = 8123
KEY = "tea-and-biscuits"
ORDERS = {
    "4711": {"state": "sent", "carrier": "post", "arrives": "on Thursday"},
    "4523": {"state": "delivered"},
    "4600": {"state": "being packed"},
}


class Shop(BaseHTTPRequestHandler):
    """Answers ``GET /orders/NUMBER``."""

    def do_GET(self) -> None:
        """Answer."""
        number = self.path.removeprefix("/orders/")
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            self._answer(401, {"error": "who are you?"})
        elif number in ORDERS:
            self._answer(200, {"number": number, **ORDERS[number]})
        else:
            self._answer(404, {"error": "there is no such order"})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Be quiet."""

    def _answer(self, status: int, data: dict[str, str]) -> None:
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def open_shop(port: int = PORT) -> ThreadingHTTPServer:
    """Return the shop; ``serve_forever`` opens it."""
    return ThreadingHTTPServer(("127.0.0.1", port), Shop)


if __name__ == "__main__":
    open_shop().serve_forever()
