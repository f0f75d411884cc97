#!/usr/bin/env python3
"""rein and llama-server on the same machine, models and settings: bounds, tables of ratios, curves.

The servers run one after the other, interleaved in rounds, because a machine's speed moves from
minute to minute: only figures of one round are compared, and what counts is the ratio and its
spread over the rounds. Results are saved after every start of a server.

Examples:
  benches/compare.py --model smollm2.gguf --model gemma.gguf --llama-server path/llama-server
  benches/compare.py ... --rounds 1 --scenario single_stream --only rein
  benches/compare.py ... --rounds 1 --scenario drafts --append bench-results/today.json
  benches/compare.py --from bench-results/today.json --docs
  benches/compare.py --suite gpu --model random-8b-q4_0.gguf --llama-server path/llama-server --rounds 3
"""

import argparse
import asyncio
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import bounds
import document
import models
import report
import scenarios
import sse
import suites
import terminal
from results import Key, Results
from scenarios import Arm, Scenario, Setup
from servers import LlamaServer, Rein, Settings
from suites import Suite
from terminal import say

FAILURES = (RuntimeError, OSError, EOFError, TimeoutError, ZeroDivisionError, IndexError, sse.HttpError)


@dataclass
class Group:
    """Scenarios that share the starts of their servers."""

    path: str
    setup: Setup
    chosen: list[Scenario] = field(default_factory=list)

    @property
    def model(self) -> str:
        return models.name(self.path)


def groups(paths: list[str], chosen: list[Scenario]) -> list[Group]:
    """In the order of the scenarios; a model that none of them is about is not started."""
    made: dict[tuple[str, Setup], Group] = {}
    for path in paths:
        for scenario in chosen:
            if scenario.runs_on(models.name(path)):
                made.setdefault((path, scenario.setup), Group(path, scenario.setup)).chosen.append(scenario)
    return list(made.values())


class Comparison:
    """One run of the command."""

    def __init__(self, args: argparse.Namespace, suite: Suite, results: Results, path: Path) -> None:
        self._args, self._suite, self._results, self._path = args, suite, results, path
        self.failed = False

    async def round(self, group: Group) -> None:
        """Each arm of the group once; scenarios that have had their rounds are left out."""
        arms = [arm for arm in group.setup.arms if self._args.only in (None, arm.server.name)]
        number = max(self._results.rounds_of(group.model, one.name) for one in group.chosen)
        due = [one for one in group.chosen if self._results.rounds_of(group.model, one.name) < one.most_rounds]
        if not due:
            return
        # Who goes first changes, so that neither always has the cooler machine.
        for arm in arms if number % 2 == 0 else reversed(arms):
            await self._start(group, arm, due, number)
            self._results.save(self._path)

    async def _start(self, group: Group, arm: Arm, due: list[Scenario], number: int) -> None:
        """The scenarios on one start of a server. One that fails is said and left out."""
        args = self._args
        context = scenarios.Context(number, args.stop_tries, args.idle_seconds)
        settings = Settings(group.path, group.setup.context or args.ctx_size, group.setup.parallel or args.parallel,
                            args.threads, extra=[*self._suite.options(arm.server), *arm.extra])
        binary = args.rein if arm.server is Rein else args.llama_server
        try:
            async with arm.server(binary, settings) as server:
                for scenario in due:
                    began = time.perf_counter()
                    shown = f"  {group.model:8} {arm.name:13} {scenario.name:28}"
                    try:
                        values = await scenario.run(server, context)
                    except FAILURES as error:
                        self._fail(f"{shown} FAILED: {error}")
                        await server.settle()
                        continue
                    for metric, row in values.items():
                        self._results.add(Key(group.model, arm.name, scenario.name, metric), number, row)
                    figures = (f"{metric} {report.figure(statistics.median(row))}" for metric, row in values.items())
                    say(f"{shown} {'  '.join(figures)}   ({time.perf_counter() - began:.0f} s)")
        except FAILURES as error:
            self._fail(f"  {group.model:8} {arm.name:13} FAILED: {error}")

    def _fail(self, text: str) -> None:
        self.failed = True
        say(text)


def arguments() -> argparse.Namespace:
    names = list(dict.fromkeys(one.name for name in suites.NAMES for one in suites.suite(name).scenarios))
    parser = terminal.parser(__doc__, several_models=True)
    parser.add_argument("--llama-server", help="llama-server's binary (scripts/peer.sh installs one and prints its path)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each server is started (%(default)s)")
    parser.add_argument("--suite", choices=suites.NAMES, default="cpu",
                        help="which scenarios, and the bounds on them; gpu-trial is gpu in small (%(default)s)")
    parser.add_argument("--scenario", action="append", metavar="NAME", choices=names,
                        help="only this one; may be repeated: " + ", ".join(names))
    parser.add_argument("--only", choices=(Rein.name, LlamaServer.name), help="one server, no ratios")
    parser.add_argument("--stop-tries", type=int, default=1, help="stops of each kind in a round (%(default)s)")
    parser.add_argument("--idle-seconds", type=float, default=10, help="how long idleness is watched (%(default)s)")
    parser.add_argument("-c", "--ctx-size", type=int, default=32768,
                        help="context for all slots, where the scenario does not say (%(default)s)")
    parser.add_argument("-np", "--parallel", type=int, default=4,
                        help="slots, where the scenario does not say (%(default)s)")
    parser.add_argument("--append", type=Path, metavar="FILE", help="add the rounds to these results; made if missing")
    parser.add_argument("--from", dest="source", type=Path, metavar="FILE", help="measure nothing: report these results")
    parser.add_argument("--docs", action="store_true", help="write the report into docs/benchmarks.md, and its plots")
    parsed = parser.parse_args()
    if not parsed.source:
        if not parsed.model:
            parser.error("--model is needed")
        if parsed.only != Rein.name and not parsed.llama_server:
            parser.error("--llama-server is needed; scripts/peer.sh installs one and prints its path")
    if parsed.docs and parsed.suite != "cpu":
        parser.error("--docs writes the comparison of CPUs")
    return parsed


async def measure(args: argparse.Namespace, suite: Suite, results: Results, path: Path) -> bool:
    """Returns whether everything could be measured."""
    results.arguments = {name: str(value) if isinstance(value, Path) else value for name, value in vars(args).items()}
    chosen = [one for one in suite.scenarios if not args.scenario or one.name in args.scenario]
    found = groups(args.model, chosen)
    if not found:
        say("none of these scenarios is about these models")
        return False
    comparison = Comparison(args, suite, results, path)
    for number in range(args.rounds):
        say(f"round {number + 1} of {args.rounds}")
        began = time.perf_counter()
        for group in found:
            await comparison.round(group)
        say(f"  took {time.perf_counter() - began:.0f} s")
    say(f"saved {path}")
    return not comparison.failed


def main() -> int:
    args = arguments()
    complete = True
    if args.source:
        results = Results.load(args.source)
        suite = suites.suite(results.arguments.get("suite", "cpu"))
    else:
        suite = suites.suite(args.suite)
        path = args.append or report.new_path("compare")
        results = Results.load(path) if path.exists() else Results()
        complete = asyncio.run(measure(args, suite, results, path))
    print(document.markdown(results, suite))
    if args.docs:
        document.write(results)
        say(f"wrote {document.DOCUMENT}")
    say(bounds.verdict(bounds.judge(results, suite.scenarios, suite.bounds)))
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
