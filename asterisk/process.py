"""One running Asterisk with all its directories below one folder, so that several run side by side.

Everything here blocks: from an event loop call it through :func:`asyncio.to_thread`.
Source: asterisk(8), configuration file asterisk.conf.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Final, Self

from asterisk.runtime import AsteriskUnavailable, Installation

BOOT_TIMEOUT_SECONDS: Final = 30.0
"""Precedent: 0.25 s on two idle cores; a loaded machine gets a hundred times that."""

STOP_TIMEOUT_SECONDS: Final = 10.0
"""A registration with a registrar that is away takes 2.5 s to withdraw."""

SOCKET_PATH_LIMIT: Final = 100
"""Bytes; a Unix socket's path ends at 107 (unix(7)), and Asterisk cuts a longer one silently."""

LOGGER_CONF: Final = (
    "[general]\ndateformat=%F %T.%3q\n[logfiles]\nfull => notice,warning,error,verbose\n"
)
"""One log with everything that an instance says; see :attr:`AsteriskProcess.log_path`."""

PORT_TAKEN: Final = "Address already in use"
"""What Asterisk logs, and boots on, when it cannot have the port of SIP or of HTTP."""


class AsteriskProcess:
    """One Asterisk: started, asked, stopped, killed and started again.

    Invariant: at most one process of ours uses the folder, and the only folder ever removed is the
    temporary one made here for a control socket whose path would otherwise be too long.
    Use as a context manager to have it ended in any case.
    """

    def __init__(self, installation: Installation, name: str = "asterisk") -> None:
        """Remember what to run.

        Args:
            installation: The program, from :func:`asterisk.runtime.ensure_asterisk`.
            name: Shown in errors, to tell several instances apart.
        """
        self.name = name
        self.boot_seconds = 0.0
        self._installation = installation
        self._directory: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._console: IO[bytes] | None = None
        self._short_folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def directory(self) -> Path:
        """Folder of this instance.

        Raises:
            AsteriskUnavailable: It was never started.
        """
        if self._directory is None:
            raise AsteriskUnavailable(f"{self.name} was never started")
        return self._directory

    @property
    def configuration(self) -> Path:
        """Folder with the configuration files; change one and `rx("core reload")`."""
        return self.directory / "etc"

    @property
    def log_path(self) -> Path:
        """Asterisk's full log."""
        return self.directory / "log" / "full"

    @property
    def process_id(self) -> int | None:
        """The id of the running process, None when none runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(
        self, config: Mapping[str, str], directory: Path, *, sounds: Path | None = None
    ) -> None:
        """Write the configuration and boot; returns when Asterisk is fully booted.

        Args:
            config: File name to text; `asterisk.conf` and `logger.conf` are always ours, because
                directories and logs belong to the instance.
            directory: Folder for everything of this instance; made when absent.
            sounds: Folder with a folder per language, for `Playback`.

        Raises:
            AsteriskUnavailable: It ended or hung while booting, or a port is taken; the message
                has its last words.
        """
        self.kill()
        self._directory = directory.resolve()
        self._lay_out(sounds)
        for name, text in {**config, "logger.conf": LOGGER_CONF}.items():
            (self.configuration / name).write_text(text)
        self._boot()

    def rx(self, command: str) -> str:
        """Run one command of the command line interface and return what it printed.

        Raises:
            AsteriskUnavailable: Asterisk does not answer.
        """
        done = self._remote(command)
        if done.returncode != 0:
            raise AsteriskUnavailable(f"{self.name} does not answer: {done.stdout.strip()}")
        return done.stdout

    def stop(self) -> None:
        """End it in order; kill it when that takes too long. Nothing happens when it is not up."""
        if self.process_id is not None:
            self._remote("core stop now")
            self._wait_for_end()
        self.kill()

    def kill(self) -> None:
        """End it at once, as a crash would: calls are not hung up, registrations not withdrawn."""
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._wait_for_end()
        if self._console:
            self._console.close()
            self._console = None
        if self._short_folder:
            self._short_folder.cleanup()
            self._short_folder = None

    def restart(self) -> None:
        """Stop it when it runs, then boot it again with the same folder and configuration.

        Raises:
            AsteriskUnavailable: It was never started, or ended or hung while booting.
        """
        self.stop()
        self._boot()

    def _boot(self) -> None:
        run_directory = self._make_run_directory()
        logged_before = self.log_path.stat().st_size if self.log_path.exists() else 0
        (self.configuration / "asterisk.conf").write_text(self._asterisk_conf(run_directory))
        self._console = (self.directory / "log" / "console").open("wb")
        arguments = ["-C", str(self.configuration / "asterisk.conf"), "-f", "-n"]
        started = time.monotonic()
        self._process = subprocess.Popen(  # noqa: S603 - the program was found or unpacked by us
            [*self._installation.command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=self._console,
            stderr=subprocess.STDOUT,
            cwd=self.directory,
        )
        control = run_directory / "asterisk.ctl"
        while not (control.exists() and self._is_booted()):
            if (status := self._process.poll()) is not None:
                self.kill()
                raise AsteriskUnavailable(
                    f"{self.name} ended with status {status} while booting: {self._last_words()}"
                )
            if time.monotonic() - started > BOOT_TIMEOUT_SECONDS:
                self.kill()
                raise AsteriskUnavailable(
                    f"{self.name} did not boot in {BOOT_TIMEOUT_SECONDS:.0f} s:"
                    f" {self._last_words()}"
                )
            time.sleep(0.01)
        self.boot_seconds = time.monotonic() - started
        self._check_ports(logged_before)

    def _check_ports(self, logged_before: int) -> None:
        with self.log_path.open("rb") as log:
            log.seek(logged_before)
            lines = log.read().decode(errors="replace").splitlines()
        refused = [line for line in lines if PORT_TAKEN in line]
        if refused:
            self.kill()
            raise AsteriskUnavailable(f"{self.name} lacks a port: {refused[0].strip()}")

    def _is_booted(self) -> bool:
        return "fully booted" in self._remote("core waitfullybooted").stdout

    def _remote(self, command: str) -> subprocess.CompletedProcess[str]:
        arguments = ["-C", str(self.configuration / "asterisk.conf"), "-rx", command]
        full = [*self._installation.command, *arguments]
        try:
            return subprocess.run(  # noqa: S603 - the program was found or unpacked by us
                full,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                timeout=BOOT_TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(full, 1, "no answer in time")

    def _wait_for_end(self) -> None:
        if self._process:
            try:
                self._process.wait(STOP_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                return

    def _last_words(self) -> str:
        return (self.directory / "log" / "console").read_text(errors="replace").strip()[-1500:]

    def _lay_out(self, sounds: Path | None) -> None:
        for name in ("etc", "log", "run", "varlib", "spool/recording", "data"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        data = self.directory / "data"
        targets = {path.name: path for path in self._installation.data.iterdir()}
        targets.pop("sounds", None)
        if sounds:
            targets["sounds"] = sounds.resolve()
        for name, target in targets.items():
            link = data / name
            if link.is_symlink():
                link.unlink()
            if not link.exists():
                link.symlink_to(target)

    def _make_run_directory(self) -> Path:
        """Return the folder for the control socket, elsewhere where the path would be too long."""
        wanted = self.directory / "run"
        if len(str(wanted / "asterisk.ctl").encode()) > SOCKET_PATH_LIMIT:
            self._short_folder = tempfile.TemporaryDirectory(prefix="asterisk-")
            return Path(self._short_folder.name)
        (wanted / "asterisk.ctl").unlink(missing_ok=True)
        return wanted

    def _asterisk_conf(self, run_directory: Path) -> str:
        here = self.directory
        directories = {
            "astetcdir": self.configuration,
            "astmoddir": self._installation.modules,
            "astvarlibdir": here / "varlib",
            "astdbdir": here / "varlib",
            "astkeydir": here / "varlib",
            "astdatadir": here / "data",
            "astagidir": here / "data" / "agi-bin",
            "astspooldir": here / "spool",
            "astrundir": run_directory,
            "astlogdir": here / "log",
        }
        lines = ["[directories]", *(f"{key} => {value}" for key, value in directories.items())]
        return "\n".join([*lines, "[options]", "verbose = 3", "nocolor = yes", ""])
