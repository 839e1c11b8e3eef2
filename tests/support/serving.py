"""`voiceai serve` as its operator runs it: a process of its own, asked over HTTP and commands."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

import aiohttp
import psutil

from asterisk.params import AriParams
from tests.support.ports import free_port
from voiceai.store.cluster import Cluster
from voiceai.store.embedded import EmbeddedPostgres

ROOT: Final = Path(__file__).resolve().parents[2]
READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 15.0


class Serving:
    """The process.

    Attributes:
        data: Its data folder.
        log_path: Its standard error, a JSON document per line.
        url: Of its HTTP server.
    """

    def __init__(self, ari: AriParams, folder: Path, **settings: str) -> None:
        """Remember how to start.

        Args:
            ari: The Asterisk to connect to.
            folder: Data and log; the embedded database is in it.
            settings: Environment variables; they win over ours.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.data = folder / "data"
        self.log_path = folder / "log.jsonl"
        port = free_port("127.0.0.1", socket.SOCK_STREAM)
        self.url = f"http://127.0.0.1:{port}"
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "PYTHONPATH": str(ROOT),
            "ARI_URL": ari.url,
            "ARI_USERNAME": ari.username,
            "ARI_PASSWORD": ari.password.get_secret_value(),
            "ARI_APP": ari.app,
            "HTTP_PORT": str(port),
            "VOICEAI_DATA_DIR": str(self.data),
            "VOICEAI_LOG_FORMAT": "json",
            **settings,
        }
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        await self.wait_ready()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        if Cluster(self.data).running():  # outlives a killed one, for the next to go on with
            postgres = EmbeddedPostgres(self.data)
            await postgres.open(owner=True)
            await postgres.close()

    @property
    def process(self) -> psutil.Process:
        """The running process."""
        if self._process is None:
            raise RuntimeError("it was never started")
        return psutil.Process(self._process.pid)

    async def start(self) -> None:
        """Start it; returns at once."""
        with self.log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "voiceai", "serve"),
                cwd=self._folder,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def stop(self) -> int:
        """Ask it to stop, as systemd does; return its exit code."""
        return await self._end(signal.SIGTERM)

    async def kill(self) -> int:
        """End it without a warning."""
        return await self._end(signal.SIGKILL)

    async def _end(self, number: signal.Signals) -> int:
        process = self._process
        if process is None:
            return 0
        if process.returncode is None:
            process.send_signal(number)
        async with asyncio.timeout(STOP_SECONDS):
            return await process.wait()

    async def ready(self) -> tuple[int, list[str]]:
        """Return status and reasons of /health/ready; status 0 while nobody listens."""
        try:
            async with aiohttp.request("GET", f"{self.url}/health/ready") as response:
                return response.status, (await response.json()).get("reasons", [])
        except aiohttp.ClientError:
            return 0, []

    async def download(self, path: str) -> bytes:
        """Return what its HTTP server answers, as it is.

        Raises:
            aiohttp.ClientError: Nobody listens, or it refuses.
        """
        async with aiohttp.request(
            "GET", self.url + path, headers=self._token(), raise_for_status=True
        ) as response:
            return await response.read()

    def _token(self) -> dict[str, str]:
        token = (self.data / "api-token").read_text().strip()
        return {"Authorization": f"Bearer {token}"}

    async def get(self, path: str) -> Any:
        """Return what its HTTP server answers, such as `/calls`, decoded.

        Raises:
            aiohttp.ClientError: Nobody listens, or it refuses.
        """
        async with aiohttp.request(
            "GET", self.url + path, headers=self._token(), raise_for_status=True
        ) as response:
            is_json = response.content_type == "application/json"
            return await response.json() if is_json else await response.text()

    async def wait_ready(self, within: float = READY_SECONDS) -> float:
        """Return how many seconds it took until calls can be taken.

        Raises:
            TimeoutError: They cannot; the message has the reasons and the last of the log.
        """
        return await self._wait_for(200, within)

    async def wait_unready(self, within: float = READY_SECONDS) -> list[str]:
        """Return why calls cannot be taken, once that is said.

        Raises:
            TimeoutError: It is not said.
        """
        await self._wait_for(503, within)
        return (await self.ready())[1]

    async def _wait_for(self, wanted: int, within: float) -> float:
        started = time.monotonic()
        while True:
            status, reasons = await self.ready()
            if status == wanted:
                return time.monotonic() - started
            ended = self._process is not None and self._process.returncode is not None
            if ended or time.monotonic() - started > within:
                log = self.log_path.read_text(errors="replace")[-2000:]
                raise TimeoutError(f"/health/ready says {status} {reasons}, not {wanted}: {log}")
            await asyncio.sleep(0.05)

    async def run(self, *arguments: str) -> tuple[int, str]:
        """Run a command beside it, such as `calls list --json`; return exit code and output."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "voiceai", *arguments),
            cwd=self._folder,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        text = output.decode() if process.returncode == 0 else (output + errors).decode()
        return process.returncode or 0, text

    async def json(self, *arguments: str) -> Any:
        """Run a command with --json and return what it printed.

        Raises:
            AssertionError: It failed.
        """
        code, text = await self.run(*arguments, "--json")
        if code:
            raise AssertionError(f"voiceai {' '.join(arguments)} ended with {code}: {text}")
        return json.loads(text)

    async def last_call(self, within: float = 5.0) -> dict[str, Any]:
        """Return the newest call with its turns, once it has ended.

        Raises:
            TimeoutError: It has not.
        """
        async with asyncio.timeout(within):
            while True:
                calls = await self.json("calls", "list", "--limit", "1")
                if calls and calls[0]["ended_at"]:
                    call: dict[str, Any] = await self.json("calls", "show", calls[0]["id"])
                    return call
                await asyncio.sleep(0.1)

    def log(self) -> list[Mapping[str, Any]]:
        """Return its log lines; what is no JSON is left out."""
        lines = []
        for line in self.log_path.read_text(errors="replace").splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                continue
        return lines
