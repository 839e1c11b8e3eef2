"""The operating-system account that PostgreSQL runs under: it refuses to run as root."""

import functools
import os
import pwd
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voiceai.errors import EmbeddedFailed

ACCOUNT = "voiceai"
"""Created when root has no other account to offer."""

CANDIDATES = (ACCOUNT, "postgres")
"""Accounts that may own the data, first existing one wins."""


@dataclass(frozen=True, slots=True)
class Account:
    """Numeric identity of the database processes."""

    uid: int
    gid: int

    def may_pass(self, folder: Path) -> bool:
        """Whether this account can traverse ``folder`` and every parent of it."""
        path = folder.resolve()
        return all(self._may_enter(place) for place in (path, *path.parents))

    def _may_enter(self, folder: Path) -> bool:
        status = folder.stat()
        if status.st_uid == self.uid:
            return bool(status.st_mode & 0o100)
        return bool(status.st_mode & (0o010 if status.st_gid == self.gid else 0o001))

    def popen_arguments(self) -> Mapping[str, Any]:
        """Arguments for ``subprocess`` that give up root; none for anybody else."""
        if os.geteuid() != 0:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def account_for(data: Path) -> Account:
    """Choose the account for the cluster folder ``data``: its owner, if it exists.

    Raises:
        EmbeddedFailed: Root, no suitable account exists and none could be created.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    if data.exists():
        status = data.stat()
        if status.st_uid != 0:
            return Account(status.st_uid, status.st_gid)
    return _service_account()


@functools.cache
def _service_account() -> Account:
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=10)  # noqa: S603 - constant
        entry = pwd.getpwnam(ACCOUNT)
    except (OSError, subprocess.SubprocessError, KeyError) as exc:
        raise EmbeddedFailed(
            "PostgreSQL refuses to run as root and no account for it could be made. "
            f"Run: {' '.join(command)}  (or run {Path(sys.argv[0]).name} as another user, "
            "or set DATABASE_URL)"
        ) from exc
    return Account(entry.pw_uid, entry.pw_gid)
