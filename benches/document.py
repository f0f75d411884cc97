"""The report of a comparison: a pure function of its saved results. Bounds, tables and curves, as Markdown and SVG."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import bounds
import models
import plots
import report
import scenarios
import suites
from results import Key, Results
from scenarios import Scenario
from suites import Suite

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
PLOTS = "plots"
BEGIN, END = "<!-- measured: written by benches/compare.py -->", "<!-- end of what is measured -->"


@dataclass(frozen=True)
class Curve:
    """A metric that is measured at several sizes."""

    file: str
    section: str
    title: str
    x_label: str
    y_label: str
    model: str
    # Label on the x axis, scenario and metric.
    points: tuple[tuple[str, str, str], ...]


def _streams(metric: str) -> tuple[tuple[str, str, str], ...]:
    return tuple((str(n), f"throughput_{n}", metric) for n in scenarios.STREAMS)


def _depths(metric: str) -> tuple[tuple[str, str, str], ...]:
    return tuple((f"{n:,}", "depth", f"{metric}_{n}") for n in scenarios.Depth.depths)


CURVES = (
    Curve("streams-throughput", "Streams", "Throughput by streams (gemma-3-270m)", "streams at once", "tokens / s",
          models.GEMMA, _streams("total")),
    Curve("streams-memory", "Streams", "Memory by streams of 2,048 tokens (gemma-3-270m)", "streams at once",
          "resident MiB", models.GEMMA, _streams("memory")),
    Curve("depth-speed", "Context length", "Decode speed by context (SmolLM2)", "tokens of context", "tokens / s",
          models.SMOLLM2, _depths("decode")),
    Curve("depth-memory", "Context length", "Memory by context (SmolLM2)", "tokens of context", "resident MiB",
          models.SMOLLM2, _depths("memory")),
)


def chart(results: Results, curve: Curve) -> plots.Chart:
    """The curve of each server; points that were not measured are absent."""
    series = []
    for arm in (scenarios.REIN, scenarios.LLAMA_SERVER):
        points = []
        for label, scenario, metric in curve.points:
            if values := results.medians(Key(curve.model, arm.name, scenario, metric)):
                points.append(plots.Point(label, statistics.median(values), min(values), max(values)))
        if points:
            series.append(plots.Series(arm.name, points))
    return plots.Chart(curve.title, curve.x_label, curve.y_label, series)


def charts(results: Results) -> dict[str, str]:
    """File name -> SVG, of every curve that has a point."""
    made = {curve: chart(results, curve) for curve in CURVES}
    return {f"{curve.file}.svg": plots.svg(drawn) for curve, drawn in made.items() if drawn.series}


def comparison(results: Results, section: str, chosen: Iterable[Scenario]) -> list[str]:
    """The tables of a section: one for each pair of servers that its scenarios compare."""
    by_arms: dict[tuple[str, ...], list[list[str]]] = {}
    for scenario in chosen:
        if scenario.section == section:
            arms = tuple(arm.name for arm in scenario.setup.arms)
            by_arms.setdefault(arms, []).extend(_rows(results, scenario))
    return [
        report.markdown(["scenario", "model", *arms, *(["ratio: median [least..most]"] if len(arms) > 1 else [])], rows)
        for arms, rows in by_arms.items() if rows
    ]


def _rows(results: Results, scenario: Scenario) -> list[list[str]]:
    rows = []
    for model in results.models():
        for metric in scenario.metrics:
            keys = [Key(model, arm.name, scenario.name, metric.name) for arm in scenario.setup.arms]
            medians = [results.medians(key) for key in keys]
            if any(medians):
                cells = [report.figure(statistics.median(values)) if values else "-" for values in medians]
                if len(keys) > 1:
                    ratios = results.ratios(*keys)
                    cells.append(report.spread(ratios) if ratios else "-")
                rows.append([metric.head, model, *cells])
    return rows


def stops(results: Results, chosen: Iterable[Scenario]) -> str:
    """The percentiles over all tries of every stop; empty where there was none."""
    rows = []
    for scenario in chosen:
        if isinstance(scenario, scenarios.Stop):
            for model in results.models():
                for arm in scenario.setup.arms:
                    if values := results.every(Key(model, arm.name, scenario.name, "stop")):
                        label = scenario.metrics[0].label
                        rows.append([label, model, arm.name, str(len(values)), *report.percentiles(values)])
    return report.markdown(["stop", "model", "server", "tries", "p50 ms", "p99 ms", "max ms"], rows) if rows else ""


def measured_on(results: Results, every: Iterable[Scenario]) -> str:
    machine = results.machine
    rounds = max((results.rounds_of(model, one.name) for model in results.models() for one in every), default=0)
    return (
        f"{machine['cores']} cores of {machine['cpu']}, {machine['memory_gib']} GiB, from {results.began} on; "
        f"{rounds} rounds at most, each server started anew in each; {results.arguments.get('threads')} threads. "
        "'+' marks figures of which more is better; a ratio is the first server's by the second's, round by round."
    )


def markdown(results: Results, suite: Suite | None = None, with_plots: bool = False) -> str:
    """The whole report of a suite (that of CPUs if none is given); `with_plots` refers to the charts, which the caller
    writes."""
    suite = suite or suites.suite("cpu")
    every = suite.scenarios
    drawn = charts(results) if with_plots else {}
    judged = bounds.judge(results, every, suite.bounds)
    parts = [measured_on(results, every), "### Bounds", bounds.table(judged)]
    for section in dict.fromkeys(one.section for one in every):
        tables = comparison(results, section, every)
        if section == scenarios.Stop.section:
            tables += [table for table in [stops(results, every)] if table]
        plotted = [f"![{c.title}]({PLOTS}/{c.file}.svg)" for c in CURVES if c.section == section and f"{c.file}.svg" in drawn]
        if tables:
            parts += [f"### {section}", *tables, *([" ".join(plotted)] if plotted else [])]
    return "\n\n".join(parts)


def write(results: Results, document: Path = DOCUMENT) -> None:
    """Puts the report between the marks of the document, and the charts beside it. Raises `ValueError` without marks."""
    text = document.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise ValueError(f"{document} lacks the lines {BEGIN!r} and {END!r}")
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    document.write_text(f"{before}{BEGIN}\n\n{markdown(results, with_plots=True)}\n\n{END}{after}", encoding="utf-8")
    folder = document.parent / PLOTS
    folder.mkdir(exist_ok=True)
    for name, drawing in charts(results).items():
        (folder / name).write_text(drawing, encoding="utf-8")
