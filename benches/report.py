"""Figures into tables: medians and spread, as Markdown; and where they were measured."""

import json
import os
import platform
import statistics
import time
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent.parent / "bench-results"


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least `share` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * int(share * 100) // 100) - 1)]


def percentiles(values: list[float]) -> list[str]:
    """Cells for the median, the 99th percentile and the most; dashes where nothing was measured."""
    return [figure(percentile(values, share)) if values else "-" for share in (0.5, 0.99, 1.0)]


def spread(values: list[float], digits: int = 2) -> str:
    """median [least..most]"""
    return f"{statistics.median(values):.{digits}f} [{min(values):.{digits}f}..{max(values):.{digits}f}]"


def figure(value: float) -> str:
    """Three significant digits without an exponent."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:.{digits}f}"


def markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def machine() -> dict[str, Any]:
    """Where this was measured."""
    model = "unknown"
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {"cpu": model, "cores": os.cpu_count(), "memory_gib": round(memory), "system": platform.platform(),
            "load": os.getloadavg()}


def new_path(kind: str) -> Path:
    """bench-results/KIND-TIME.json"""
    return RESULTS / f"{kind}-{time.strftime('%Y%m%d-%H%M%S')}.json"


def save(kind: str, results: dict[str, Any], path: Path | None = None) -> Path:
    """Writes bench-results/KIND-TIME.json, or another file, and returns its path."""
    path = path or new_path(kind)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine(), **results}, indent=1) + "\n", encoding="utf-8")
    return path
