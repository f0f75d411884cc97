#!/usr/bin/env python3
"""rein and llama-server on the same machine, model and settings: a table of ratios.

The servers run one after the other, interleaved in rounds, because a machine's speed moves from
minute to minute: only figures of one round are compared, and what counts is the ratio and its
spread over the rounds. A ratio is rein's figure by llama-server's; '+' marks where more is better.

Examples:
  benches/compare.py --model model.gguf --rein target/release/rein --llama-server path/llama-server
  benches/compare.py ... --rounds 1 --scenario single_stream --only rein
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections import defaultdict

import report
import scenarios
import terminal
from servers import LlamaServer, Rein, Server, Settings
from terminal import say

# (server, scenario, metric) -> round -> the values of that round; a round that failed is absent
Results = dict[tuple[str, str, str], dict[int, list[float]]]


async def one_start(
    server: Server, chosen: list[scenarios.Scenario], context: scenarios.Context, results: Results
) -> None:
    """All chosen scenarios on one start of a server. One that fails is said and left out."""
    async with server:
        for scenario in chosen:
            began = time.perf_counter()
            try:
                values = await scenario.run(server, context)
            except (RuntimeError, OSError, EOFError, TimeoutError, scenarios.sse.HttpError) as error:
                say(f"  {server.name:13} {scenario.name:28} FAILED: {error}")
                await server.settle()
                continue
            for metric, row in values.items():
                results[server.name, scenario.name, metric][context.round] = row
            shown = "  ".join(f"{metric} {report.figure(statistics.median(row))}" for metric, row in values.items())
            say(f"  {server.name:13} {scenario.name:28} {shown}   ({time.perf_counter() - began:.0f} s)")


def ratios(results: Results, scenario: str, metric: str) -> list[float]:
    """rein by llama-server, the medians of each round."""
    ours_by_round, theirs_by_round = (results[name, scenario, metric] for name in (Rein.name, LlamaServer.name))
    medians = (
        (statistics.median(ours_by_round[number]), statistics.median(theirs_by_round[number]))
        for number in ours_by_round.keys() & theirs_by_round.keys()
    )
    return [ours / theirs for ours, theirs in medians if theirs > 0]


def every(rounds: dict[int, list[float]]) -> list[float]:
    return [value for row in rounds.values() for value in row]


def tables(results: Results, chosen: list[scenarios.Scenario]) -> str:
    """The table of ratios, and that of stops with the percentiles over all tries."""
    main, stops = [], []
    for scenario in chosen:
        for metric in scenario.metrics:
            row = [f"{metric.label}{' +' if metric.higher else ''}, {metric.unit}"]
            for name in (Rein.name, LlamaServer.name):
                values = every(results[name, scenario.name, metric.name])
                row.append(report.figure(statistics.median(values)) if values else "-")
                if values and isinstance(scenario, scenarios.Stop):
                    stops.append([metric.label, name, str(len(values)), *report.percentiles(values)])
            ratio = ratios(results, scenario.name, metric.name)
            row.append(report.spread(ratio) if ratio else "-")
            main.append(row)
    text = report.markdown(["scenario", Rein.name, LlamaServer.name, "ratio: median [least..most]"], main)
    if stops:
        head = ["stop", "server", "tries", "p50 ms", "p99 ms", "max ms"]
        text += "\n\n" + report.markdown(head, stops)
    return text


def arguments() -> argparse.Namespace:
    names = [scenario.name for scenario in scenarios.all_scenarios()]
    parser = terminal.parser(__doc__)
    parser.add_argument("--llama-server", help="llama-server's binary (scripts/peer.sh installs one and prints its path)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each server is started (%(default)s)")
    parser.add_argument("--scenario", action="append", metavar="NAME", choices=names,
                        help="only this one; may be repeated: " + ", ".join(names))
    parser.add_argument("--only", choices=(Rein.name, LlamaServer.name), help="one server, no ratios")
    parser.add_argument("--stop-tries", type=int, default=5, help="stops of each kind in a round (%(default)s)")
    parser.add_argument("--idle-seconds", type=float, default=20, help="how long idleness is watched (%(default)s)")
    parser.add_argument("-c", "--ctx-size", type=int, default=32768, help="context for all slots (%(default)s)")
    parser.add_argument("-np", "--parallel", type=int, default=4, help="slots (%(default)s)")
    parsed = parser.parse_args()
    if parsed.only != Rein.name and not parsed.llama_server:
        parser.error("--llama-server is needed; scripts/peer.sh installs one and prints its path")
    return parsed


async def main() -> int:
    args = arguments()
    settings = Settings(args.model, args.ctx_size, args.parallel, args.threads)
    servers = {Rein: args.rein, LlamaServer: args.llama_server}
    kinds = [kind for kind in servers if args.only in (None, kind.name)]
    chosen = [one for one in scenarios.all_scenarios() if not args.scenario or one.name in args.scenario]
    results: Results = defaultdict(dict)
    for number in range(args.rounds):
        say(f"round {number + 1} of {args.rounds}")
        context = scenarios.Context(number, args.stop_tries, args.idle_seconds)
        # Who goes first changes, so that neither always has the cooler machine.
        for kind in kinds if number % 2 == 0 else reversed(kinds):
            await one_start(kind(servers[kind], settings), chosen, context, results)
    print(tables(results, chosen))
    rows = [{"server": server, "scenario": scenario, "metric": metric, "rounds": rounds}
            for (server, scenario, metric), rounds in results.items()]
    path = report.save("compare", {"arguments": vars(args), "results": rows})
    say(f"saved {path}")
    return 0 if all(results[kind.name, one.name, metric.name]
                    for kind in kinds for one in chosen for metric in one.metrics) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
