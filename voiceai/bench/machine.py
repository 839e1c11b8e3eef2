"""The machine that a bench runs on, and the scheduling class that it asks for."""

import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Final

from voiceai.bench.errors import BenchUnavailable
from voiceai.bench.report import Machine

__all__ = ["MODELS_PRIORITY", "describe_machine", "scheduling_class", "take_realtime_class"]

MODELS_PRIORITY: Final = 10
MEDIA_PRIORITY: Final = 20
"""Above every ordinary process, below the kernel's own threads; media above models, because a
thread of this class gives way to higher ones only."""

CLASSES = {
    getattr(os, name): name
    for name in ("SCHED_OTHER", "SCHED_BATCH", "SCHED_IDLE", "SCHED_FIFO", "SCHED_RR")
    if hasattr(os, name)
}


def describe_machine() -> Machine:
    """Look at this machine and this process."""
    return Machine(
        cpu=_cpu_model(),
        cores=len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1,
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        scheduling=scheduling_class(),
        commit=_commit(),
        load=round(os.getloadavg()[0], 2),
    )


def scheduling_class() -> str:
    """Name the class that the calling thread is scheduled in."""
    if not hasattr(os, "sched_getscheduler"):
        return "unknown"
    name = CLASSES.get(os.sched_getscheduler(0), "another class")
    priority = os.sched_getparam(0).sched_priority
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    return f"{name} {priority}" if priority else f"{name} nice {nice}" if nice else name


def take_realtime_class(priority: int = MEDIA_PRIORITY) -> None:
    """Ask for SCHED_FIFO for this thread and those that it starts from now on.

    Args:
        priority: `MODELS_PRIORITY` until the models' threads have begun, then the default.

    Raises:
        BenchUnavailable: The system does not allow it.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except (AttributeError, OSError) as error:
        raise BenchUnavailable(
            f"SCHED_FIFO is not allowed ({error}). Run as root, or with CAP_SYS_NICE: "
            "setcap cap_sys_nice+ep on the interpreter, or docker run --cap-add SYS_NICE"
        ) from error


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    """Return the commit of a checkout, else the version of the installed package."""
    folder = Path(__file__).parent
    try:
        commit = _git(folder, "rev-parse", "--short", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        try:
            return metadata.version("voiceai")
        except metadata.PackageNotFoundError:
            return "unknown"
    return commit + ("+" if changed else "")


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=5)  # noqa: S603 - arguments are ours
    return done.stdout.strip()
