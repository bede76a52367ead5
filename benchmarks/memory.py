"""Memory a benchmark's own process came to hold."""

import resource
from pathlib import Path


def peak_bytes() -> int:
    """Most resident memory this program had; what its parent held before it was started does not count."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = (line.split() for line in status.read_text(encoding="ascii").splitlines())
        return next(int(words[1]) for words in lines if words[0] == "VmHWM:") * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
