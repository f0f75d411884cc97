#!/usr/bin/env python3
"""What the side of HTTP costs a streamed token in CPU time: reading what the engine sends, finding tool calls, encoding, writing.

Counted is the CPU time (/proc/PID/task/*/schedstat, nanoseconds) of every thread of the server but the decode thread, before
and after a stream of so many tokens; the model computes in the decode thread alone (--threads 1). What the idle server spends
in the same time is subtracted, and so is a stream of one token, which has all that a request costs once: parsing, rendering,
tokenising, the end. What is left is divided by the other tokens.

Streams are sampled with a seed, from a conversation with tools that the model may call and from one without, in turns. Every
round has one long stream of each kind and several short ones, whose median counts. Behind a long context the model touches more
memory between two tokens, and the caches are colder for everybody; so there are short streams behind as many tokens too as the
long stream has before it on average. The exit code is 1 where a bound is missed.

With --streams several run at once, whose tokens come together, as they do on a server that is in use; every figure is still one
of a token. One stream alone wakes the server for each token, which then finds its caches cold. `answer_cost` (benches/answer_cost.rs)
measures rein's own part without a runtime and without anybody to wake.

Example: benches/http_cost.py --model smollm2.gguf --rounds 3
"""

import argparse
import asyncio
import statistics
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import cpu
import prompts
import report
import terminal
from servers import Rein, Settings
from terminal import say

DECODE_THREAD = "rein-decode"
SHORT, LONG = 100, 4000
# Microseconds a token, and how much more a token of a long stream may cost than one of a short.
BOUND_MICROSECONDS = 30.0
BOUND_GROWTH = 1.2
IDLE_SECONDS = 5.0
# A thread that ends is seen if it lived for longer.
LOOK_SECONDS = 1.0
# So long without CPU time means that a request is over, with all that is cleared up behind it.
STILL_SECONDS = 0.1


def tool(name: str, purpose: str, **properties: dict[str, Any]) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "description": purpose, "parameters": parameters}}


TEXT = {"type": "string"}
TOOLS = [
    tool("get_weather", "The weather at a place.", city=TEXT, days={"type": "integer"}),
    tool("search", "Searches the web.", query=TEXT),
    tool("send_mail", "Sends a mail.", to=TEXT, subject=TEXT, body=TEXT),
]
KINDS: dict[str, dict[str, Any]] = {"with tools": {"tools": TOOLS, "tool_choice": "auto"}, "without": {}}


@dataclass
class Row:
    """One kind of stream. Microseconds a token; one value a round."""

    kind: str
    short: list[float] = field(default_factory=list)
    deep: list[float] = field(default_factory=list)
    long: list[float] = field(default_factory=list)
    # What a request costs once, in microseconds.
    once: list[float] = field(default_factory=list)
    # Events with text a token, of the long streams: 1 where each token has a write of its own.
    events: list[float] = field(default_factory=list)

    def growth(self, short: list[float]) -> list[float]:
        return [long / other for long, other in zip(self.long, short, strict=True)]

    def cells(self) -> list[str]:
        figures = [report.spread(values, 1) for values in (self.short, self.deep, self.long)]
        growth = [report.spread(self.growth(short)) for short in (self.short, self.deep)]
        return [self.kind, *figures, *growth, report.spread(self.events), report.spread(self.once, 0)]


class Bench:
    """A server whose side of HTTP is watched."""

    def __init__(self, server: Rein, streams: int) -> None:
        self._server = server
        self._streams = streams
        # Ready means that the decode thread has its name.
        self._clock = cpu.CpuClock(server.pid, frozenset({DECODE_THREAD}))
        self._idle = 0.0

    async def learn_idle(self) -> None:
        """Measures what the idle server spends."""
        await self._still()
        spent = self._clock.seconds()
        await asyncio.sleep(IDLE_SECONDS)
        self._idle = (self._clock.seconds() - spent) / IDLE_SECONDS

    async def stream(self, kind: str, tokens: int, seed: int, depth: int = 0) -> tuple[float, float]:
        """CPU time of a stream in microseconds, and its events with text by its tokens; where several run, the mean."""
        messages = prompts.words(depth, 0) if depth else prompts.story(prompts.SUBJECTS[0])
        bodies = [
            prompts.sampled(messages, tokens, seed * self._streams + number, ignore_eos=True, **KINDS[kind])
            for number in range(self._streams)
        ]
        began, spent = time.perf_counter(), self._clock.seconds()
        looking = asyncio.create_task(self._look())
        try:
            answers = await asyncio.gather(*(self._server.chat(body) for body in bodies))
        finally:
            looking.cancel()
        await self._still()
        for answer in answers:
            if answer.completion_tokens != tokens:
                raise RuntimeError(f"a stream ended after {answer.completion_tokens} of {tokens} tokens")
        idle = self._idle * (time.perf_counter() - began)
        events = sum(len(answer.arrivals) for answer in answers) / tokens
        return 1e6 * (self._clock.seconds() - spent - idle) / self._streams, events / self._streams

    def close(self) -> None:
        self._clock.close()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._clock.seconds()

    async def _still(self) -> None:
        last, spent = -1.0, self._clock.seconds()
        while spent > last:
            last = spent
            await asyncio.sleep(STILL_SECONDS)
            spent = self._clock.seconds()


async def short_streams(bench: Bench, rows: list[Row], tries: int, depth: int) -> list[tuple[float, float]]:
    """In turns; for each row the medians of streams of one token and of `SHORT`."""
    spent: dict[tuple[str, int], list[float]] = {}
    for seed in range(tries):
        for row in rows:
            for tokens in (1, SHORT):
                spent.setdefault((row.kind, tokens), []).append((await bench.stream(row.kind, tokens, seed, depth))[0])
    return [tuple(statistics.median(spent[row.kind, tokens]) for tokens in (1, SHORT)) for row in rows]


def deep(args: argparse.Namespace) -> int:
    """Words of the prompt of a short stream that is to find caches as a long one does: about as many tokens."""
    return args.long // 2


async def measure(bench: Bench, rows: list[Row], number: int, args: argparse.Namespace) -> None:
    """A round."""
    for depth in (0, deep(args)):
        for row, (once, total) in zip(rows, await short_streams(bench, rows, args.tries, depth), strict=True):
            (row.deep if depth else row.short).append((total - once) / (SHORT - 1))
            if not depth:
                row.once.append(once)
    for row in rows if number % 2 == 0 else reversed(rows):
        total, events = await bench.stream(row.kind, args.long, number)
        row.long.append((total - row.once[-1]) / (args.long - 1))
        row.events.append(events)
        say(f"round {number + 1}, {row.kind}: {row.short[-1]:.1f}, {row.deep[-1]:.1f} and {row.long[-1]:.1f} us a token")


async def run(args: argparse.Namespace) -> list[Row]:
    rows = [Row(kind) for kind in KINDS]
    settings = Settings(args.model, args.ctx_size * args.streams, args.streams, args.threads)
    for number in range(args.rounds):
        async with Rein(args.rein, settings) as server:
            bench = Bench(server, args.streams)
            try:
                # What is made once a server, and both prompts, which are cached from here on.
                for row in rows:
                    await bench.stream(row.kind, SHORT, number)
                await bench.learn_idle()
                await measure(bench, rows, number, args)
            finally:
                bench.close()
    return rows


def bounds(rows: list[Row], args: argparse.Namespace) -> list[tuple[str, bool]]:
    """What has to hold with tools, and whether it does."""
    row = rows[0]
    figures = [
        (f"{SHORT} tokens, us a token", row.short, BOUND_MICROSECONDS),
        (f"{args.long:,} tokens, us a token", row.long, BOUND_MICROSECONDS),
        (f"{args.long:,} tokens by {SHORT}", row.growth(row.short), BOUND_GROWTH),
        (f"{args.long:,} tokens by {SHORT} behind {deep(args):,} words", row.growth(row.deep), BOUND_GROWTH),
    ]
    medians = [(text, statistics.median(values), limit) for text, values, limit in figures]
    return [(f"{text}: {median:.2f}, at most {limit}", median <= limit) for text, median, limit in medians]


def arguments() -> argparse.Namespace:
    parser = terminal.parser(__doc__)
    parser.set_defaults(threads=1)
    parser.add_argument("--rounds", type=int, default=3, help="rounds, each with a server of its own (%(default)s)")
    parser.add_argument("--tries", type=int, default=8, help="short streams of each kind and length in a round (%(default)s)")
    parser.add_argument("--long", type=int, default=LONG, help="tokens of a long stream (%(default)s)")
    parser.add_argument("--streams", type=int, default=1, help="streams at once (%(default)s)")
    parser.add_argument("-c", "--ctx-size", type=int, default=8192, help="context of each (%(default)s)")
    args = parser.parse_args()
    if args.threads != 1:
        parser.error("more threads than the decode thread would compute, and be counted: leave --threads at 1")
    return args


def main() -> int:
    args = arguments()
    rows = asyncio.run(run(args))
    head = ["us a token", f"{SHORT} tokens", f"{SHORT} behind {deep(args):,} words", f"{args.long:,} tokens", f"{args.long:,} by {SHORT}",
            f"{args.long:,} by {SHORT} behind {deep(args):,}", "events a token", "once, us"]
    print(report.markdown(head, [row.cells() for row in rows]))
    judged = bounds(rows, args)
    print()
    for text, holds in judged:
        print(f"- {text}: {'holds' if holds else '**missed**'}")
    say(f"saved {report.save('http-cost', {'arguments': vars(args), 'rows': [vars(row) for row in rows]})}")
    return 0 if all(holds for _, holds in judged) else 1


if __name__ == "__main__":
    sys.exit(main())
