"""What belongs to one run and to nothing else: the machine, the state of git, the time. Never hashed."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def describe_machine() -> dict[str, Any]:
    """Processor, cores, memory and system; None for what the system does not tell. No name of the machine or user."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": _memory_gb(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
    }


def _processor() -> str | None:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text("utf-8"), flags=re.M)
    except OSError:
        found = None
    return found.group(1).strip() if found else platform.processor() or None


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, OSError, ValueError):
        return None


def now() -> str:
    """Date and time to the second, with the offset from universal time."""
    return datetime.now(UTC).astimezone().isoformat(timespec="seconds")


def git(folder: Path, *words: str) -> str | None:
    """What git answers in a folder; None without git, outside a repository, or where git refuses."""
    try:
        done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


def git_state(folder: Path) -> dict[str, Any]:
    """Commit, and whether tracked files differ from it; empty outside a repository."""
    commit = git(folder, "rev-parse", "HEAD")
    if commit is None:
        return {}
    changed = git(folder, "status", "--porcelain", "--untracked-files=no") or ""
    return {"commit": commit.strip(), "is_dirty": bool(changed.strip()), "changed_files": len(changed.splitlines())}
