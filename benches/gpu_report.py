#!/usr/bin/env python3
"""What a GPU promises, in one table: which bounds were measured, and whether each holds.

Reads what scripts/gpu-bench.sh has left in a folder: compare.json (benches/compare.py), stops.json
(benches/stop_latency.py) and sampling.txt (example gpu_sampling). The exit code is 1 where a bound is missed.

Example: benches/gpu_report.py bench-results/gpu
"""

import argparse
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bounds
import models
import report
import suites
from results import Results

COMPARE, STOPS, SAMPLING = "compare.json", "stops.json", "sampling.txt"
# Last line of the example gpu_sampling.
SAMPLED = re.compile(r"^bound: ([\d.]+) of ([\d.]+) µs, (kept|missed)$", re.MULTILINE)
SHAPE = re.compile(r": (\d+) rows of (\d+) logits, (\d+) rounds$", re.MULTILINE)


@dataclass(frozen=True)
class StopBound:
    """A limit on the 99th percentile of one list of milliseconds of a row of benches/stop_latency.py."""

    text: str
    phase: str
    figures: str
    at_most_ms: float


STOP_BOUNDS = (
    StopBound("stop in a prefill", "prefill", "latency_ms", 60),
    # The rest of a step and the way of the request: what is beyond the step is allowed 5 ms, as on CPUs.
    StopBound("stop in a decode, beyond the step that runs", "decode", "beyond_step_ms", 5),
)
CAUSES = ("cancel", "disconnect")


@dataclass(frozen=True)
class Line:
    """A row of the table. `holds` is None where nothing was measured."""

    cells: list[str]
    holds: bool | None


def line(text: str, model: str, limit: str, measured: str, count: int, holds: bool | None) -> Line:
    shown = {None: "not measured", True: "yes", False: "**no**"}[holds]
    return Line([text, model, limit, measured, str(count), shown], holds)


def compared(results: Results) -> list[Line]:
    suite = suites.suite(results.arguments.get("suite", "gpu"))
    return [Line(one.cells(), one.holds) for one in bounds.judge(results, suite.scenarios, suite.bounds)]


def stops(saved: dict[str, Any] | None) -> list[Line]:
    """A stop that failed misses the bound, whatever the others took."""
    found = {(row["phase"], row["cause"]): row for row in saved["rows"]} if saved else {}
    model = models.name(saved["arguments"]["model"]) if saved else "-"
    lines = []
    for bound in STOP_BOUNDS:
        for cause in CAUSES:
            row = found.get((bound.phase, cause), {"failures": []})
            values, failed = row.get(bound.figures, []), len(row["failures"])
            shown = f"p50 {report.percentile(values, 0.5):.1f}, p99 {report.percentile(values, 0.99):.1f}" if values else "-"
            shown += f"; {failed} failed" if failed else ""
            holds = not failed and report.percentile(values, 0.99) <= bound.at_most_ms if values or failed else None
            lines.append(line(f"{bound.text}, by {cause}, ms", model, f"p99 <= {bound.at_most_ms:g}", shown,
                              len(values) + failed, holds))
    return lines


def sampling(text: str) -> list[Line]:
    """The first chain of the example gpu_sampling."""
    verdict, shape = SAMPLED.search(text), SHAPE.search(text)
    if not verdict or not shape:
        return [line("rows of logits sampled on the GPU, ms", "-", "<= 0.15", "-", 0, None)]
    measured, limit = (float(group) / 1000 for group in verdict.groups()[:2])
    rows, logits, rounds = map(int, shape.groups())
    return [line(f"{rows} rows of {logits:,} logits sampled, with upload and download, ms", "-", f"<= {limit:g}",
                 f"{measured:.3f}", rounds, verdict[3] == "kept")]


def lines(folder: Path) -> list[Line]:
    """Every bound, by what is in the folder. Raises `OSError`, `ValueError`, `KeyError`."""
    compare, stopped, sampled = (folder / name for name in (COMPARE, STOPS, SAMPLING))
    return [
        *compared(Results.load(compare) if compare.exists() else Results()),
        *stops(json.loads(stopped.read_text(encoding="utf-8")) if stopped.exists() else None),
        *sampling(sampled.read_text(encoding="utf-8") if sampled.exists() else ""),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the parts were saved")
    found = lines(parser.parse_args().folder)
    head = ["bound", "model", "limit", "measured", "rounds or tries", "holds?"]
    print(report.markdown(head, [one.cells for one in found]))
    return 1 if any(one.holds is False for one in found) else 0


if __name__ == "__main__":
    sys.exit(main())
