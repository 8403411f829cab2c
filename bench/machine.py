"""What the benchmarks measure with: processor time and memory of a process, percentiles, tables."""

import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """Processor time of a process and its threads so far, user and system, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S


def tree_cpu_s(pid: int) -> float:
    """Processor time of a process so far, with that of the children it has waited for, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return sum(map(int, fields[11:15])) * _TICK_S


def tree_pss_bytes(pid: int) -> int:
    """Memory of a process and its children: what each has to itself and its share of what it shares."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        rollup = _lines(f"/proc/{pid}/smaps_rollup")
        own = next(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return 0  # it ended meanwhile
    return own + sum(tree_pss_bytes(int(child)) for child in children)


def rss_bytes(pid: int) -> int:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def percentile(values: Sequence[float], share: float) -> float:
    """Give the value below which `share` (0–1) of the values lie; nan without values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write a Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def description() -> str:
    """Name the machine that the figures are of."""
    models = (line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name"))
    model = next(models, "an unnamed processor")
    memory_kb = int(next(line.split()[1] for line in _lines("/proc/meminfo") if line.startswith("MemTotal")))
    release = platform.release().partition("-")[0]
    system = f"Linux {release}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores of {model}, {memory_kb // 2**20} GiB, {system}"


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
