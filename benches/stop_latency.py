#!/usr/bin/env python3
"""How soon rein stops, phase by phase, while others are being served.

Phases: queued, prefill (a prompt of --prompt-words), decode: each with 3 other runs active. load: of a
second model, alone, because a load takes the place of the model that runs would use. Each is stopped
by POST /api/inference/cancel and by closing the connection.

The latency is exact: from just before the stop leaves this process (the cancel is sent on a connection that
stands already; the disconnect shuts the stream's own) to the end of the last computing for that run,
which rein logs in microseconds of the same clock (REIN_LOG=rein::stop=debug). "beyond its step" is that without
the length of the decode that was running: what a decode in flight cannot explain. "answered" is the time until
the cancel's own answer.

The other runs must end with their full count of tokens; their texts are saved with the figures, so
that they can be replayed through the model. The exit code is 1 where one fell short or a stop failed.

Example: benches/stop_latency.py --rein target/release/rein --model smollm2.gguf --load-model gemma.gguf
"""

import argparse
import asyncio
import random
import re
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import prompts
import report
import sse
import terminal
from others import Others, Record
from servers import Rein, Settings
from terminal import say

CAUSES = ("cancel", "disconnect")
RUN_PHASES = ("queued", "prefill", "decode")
LOGGED_CAUSE = {"cancel": "user", "disconnect": "disconnect"}
LOG = {"REIN_LOG": "warn,rein::stop=debug"}
OTHERS = 3
USUAL_WORDS = 6000
# Until a prompt of that many words is being computed.
LEAST_WAIT_SECONDS = 0.05
LET_GO_SECONDS = 5.0
# A field of a line in the log: name=value or name="value".
FIELD = re.compile(r'(\w+)="?([\w.]+)"?')


@dataclass
class Row:
    """All tries of one phase and cause. Times in milliseconds."""

    phase: str
    cause: str
    tries: int
    latency_ms: list[float] = field(default_factory=list)
    beyond_step_ms: list[float] = field(default_factory=list)
    answered_ms: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def cells(self) -> list[str]:
        def figures(values: list[float], *shares: float) -> list[str]:
            return [report.figure(report.percentile(values, share)) if values else "-" for share in shares]

        return [self.phase, self.cause, str(self.tries), *figures(self.latency_ms, 0.5, 0.99, 1.0),
                *figures(self.beyond_step_ms, 0.99, 1.0), *figures(self.answered_ms, 0.5, 0.99), str(len(self.failures))]

    def as_json(self) -> dict[str, Any]:
        return dict(self.__dict__)


class StopLog:
    """The stops that rein has logged since this was made."""

    def __init__(self, server: Rein, row: Row) -> None:
        self._server, self._row = server, row
        self._offset = server.log_size()

    async def take(self, left: float) -> None:
        """Adds the one stop that was asked for at `left` (`time.time()`) to the row."""
        for record in await self._records():
            if record["phase"] == self._row.phase and record["cause"] == LOGGED_CAUSE[self._row.cause]:
                idle = int(record["idle_unix_us"]) / 1e6
                self._row.latency_ms.append(1000 * (idle - left))
                self._row.beyond_step_ms.append(1000 * (idle - left) - int(record["step_us"]) / 1000)
                return
            raise RuntimeError(f"stopped in the phase {record['phase']} by {record['cause']}")

    async def _records(self) -> list[dict[str, str]]:
        until = time.perf_counter() + LET_GO_SECONDS
        while time.perf_counter() < until:
            lines = self._server.log_from(self._offset).splitlines()
            if records := [dict(FIELD.findall(line)) for line in lines if "rein::stop" in line]:
                return records
            await asyncio.sleep(0.01)
        raise RuntimeError("the stop was not logged")


@dataclass(frozen=True)
class Waits:
    """How long a run is left in its phase before it is stopped: between two times, in seconds."""

    words: int
    least: float
    most: float


async def waits(server: Rein, phase: str, words: int) -> Waits:
    """For a prefill by how long that prompt takes alone: beside others it takes longer, so the stop is inside it."""
    if phase != "prefill":
        return Waits(20, 0.05, 0.3)
    alone = [await server.chat(prompts.request(prompts.words(words, f"alone {n}"), 1, **await server.endless()))
             for n in range(2)]
    # To read the text takes its time, too; that is not yet the phase.
    least = LEAST_WAIT_SECONDS * words / USUAL_WORDS
    return Waits(words, least, max(1.1 * least, min(3.0, 0.6 * alone[-1].ttft)))


class Victim:
    """A run that is brought into a phase and stopped there."""

    def __init__(self, server: Rein, phase: str, times: Waits, chance: random.Random) -> None:
        self._server, self._phase, self._waits, self._chance = server, phase, times, chance
        self._cancel_id = str(uuid.UUID(int=chance.getrandbits(128)))
        self._stream: sse.ChatStream | None = None

    async def reach(self) -> None:
        """Starts the run and waits until it is in its phase."""
        messages = prompts.words(self._waits.words, self._cancel_id)
        if self._phase == "decode":
            messages = prompts.story(self._chance.choice(prompts.SUBJECTS))
        endless = await self._server.endless()
        self._stream = await self._server.stream(prompts.request(messages, 1400, cancel_id=self._cancel_id, **endless))
        if self._phase == "decode":
            await self._stream.text_events(self._chance.randint(3, 20))
            if self._stream.answer.ended:
                raise RuntimeError("the answer ended before the stop")
        else:
            await asyncio.sleep(self._chance.uniform(self._waits.least, self._waits.most))
            if self._stream.answer.arrivals:
                raise RuntimeError(f"the run had left the phase {self._phase} before the stop")

    async def cancel(self, row: Row) -> float:
        """Stops by cancel_id; returns `time.time()` just before."""
        connection = await sse.Connection.open(self._server.host, self._server.port)
        try:
            left = time.time()
            answer = await connection.ask("POST", "/api/inference/cancel", {"cancel_id": self._cancel_id})
            row.answered_ms.append(1000 * (time.time() - left))
        finally:
            connection.drop()
        if answer["cancelled"] != 1:
            raise RuntimeError(f"the cancel answered {answer['cancelled']} instead of 1")
        ended = await asyncio.wait_for(self._stream.finish(), LET_GO_SECONDS)
        if ended.finish_reason != "stop":
            raise RuntimeError(f"the stopped stream ended with {ended.finish_reason}")
        return left

    async def disconnect(self) -> float:
        """Closes the connection; returns `time.time()` just before."""
        return await self._stream.drop()

    async def end(self) -> None:
        if self._stream:
            await self._stream.drop()


async def try_run(server: Rein, others: Others, row: Row, times: Waits, chance: random.Random) -> None:
    """One stop of a run beside the others."""
    await others.hold()
    victim = Victim(server, row.phase, times, chance)
    try:
        await victim.reach()
        log = StopLog(server, row)
        await log.take(await (victim.cancel(row) if row.cause == "cancel" else victim.disconnect()))
    except (RuntimeError, OSError, EOFError, TimeoutError, sse.HttpError) as error:
        row.failures.append(str(error))
    finally:
        await victim.end()
        others.release()


async def run_phase(args: argparse.Namespace, settings: Settings, phase: str) -> tuple[list[Row], list[Record]]:
    """Both causes for one phase, on a server of its own."""
    rows = [Row(phase, cause, args.tries) for cause in CAUSES]
    async with Rein(args.rein, settings) as server:
        times = await waits(server, phase, args.prompt_words)
        others = Others(server, OTHERS)
        try:
            for row in rows:
                chance = random.Random(f"{phase} {row.cause}")
                for _ in range(row.tries):
                    await try_run(server, others, row, times, chance)
                say(f"{phase} by {row.cause}: {row.tries - len(row.failures)} of {row.tries} stops")
            return rows, await others.finish()
        finally:
            await others.abandon()


async def try_load(server: Rein, row: Row, model: str, usual: float, chance: random.Random) -> None:
    """One stop of a load, somewhere in the part of it that comes before the end."""
    cancel_id = str(uuid.UUID(int=chance.getrandbits(128)))
    connection = await sse.Connection.open(server.host, server.port)
    log = StopLog(server, row)
    try:
        await connection.send("POST", "/api/inference/load", {"model_path": model, "cancel_id": cancel_id})
        await asyncio.sleep(chance.uniform(0.0, 0.8 * usual))
        left = time.time()
        if row.cause == "cancel":
            await server.cancel(cancel_id)
            row.answered_ms.append(1000 * (time.time() - left))
        else:
            connection.close()
        await log.take(left)
    finally:
        connection.drop()


async def load_phase(binary: str, settings: Settings, model: str, tries: int) -> list[Row]:
    """Both causes for a load; nobody else is there."""
    rows = [Row("load", cause, tries) for cause in CAUSES]
    async with Rein(binary, settings) as server:
        for row in rows:
            chance = random.Random(f"load {row.cause}")
            for _ in range(tries):
                # How long this load takes now; then away with it, so that there is something to load.
                try:
                    began = time.perf_counter()
                    await server.call("POST", "/api/inference/load", {"model_path": model})
                    usual = time.perf_counter() - began
                    await server.call("POST", "/api/inference/unload", {"model_path": model})
                    await server.settle()
                    await try_load(server, row, model, usual, chance)
                except (RuntimeError, OSError, EOFError, TimeoutError, sse.HttpError) as error:
                    row.failures.append(str(error))
            say(f"load by {row.cause}: {tries - len(row.failures)} of {tries} stops")
    return rows


def table(rows: list[Row]) -> str:
    head = ["phase", "by", "tries", "p50 ms", "p99 ms", "max ms", "beyond its step: p99 ms", "max ms",
            "answered: p50 ms", "p99 ms", "failures"]
    return report.markdown(head, [row.cells() for row in rows])


def arguments() -> argparse.Namespace:
    parser = terminal.parser(__doc__)
    parser.add_argument("--load-model", help="the GGUF file whose load is stopped; without it that phase is left out")
    parser.add_argument("--tries", type=int, default=50, help="stops for each phase and cause (%(default)s)")
    parser.add_argument("--phase", action="append", choices=(*RUN_PHASES, "load"), help="only this one; may be repeated")
    parser.add_argument("-c", "--ctx-size", type=int, default=32768, help="context for all slots (%(default)s)")
    parser.add_argument("--prompt-words", type=int, default=USUAL_WORDS,
                        help="of the prompt that is stopped: for a second or more of computing (%(default)s)")
    parser.add_argument("--save", type=Path, metavar="FILE", help="where the figures go, instead of bench-results/")
    return parser.parse_args()


async def main() -> int:
    args = arguments()
    rows: list[Row] = []
    records: list[Record] = []
    for phase in args.phase or (*RUN_PHASES, "load"):
        # One slot more than the others need, but for the phase where the run must wait for one.
        slots = OTHERS if phase == "queued" else OTHERS + 1
        settings = Settings(args.model, args.ctx_size, slots, args.threads, environment=LOG)
        if phase != "load":
            more, ran = await run_phase(args, settings, phase)
            rows += more
            records += ran
        elif args.load_model:
            rows += await load_phase(args.rein, settings, args.load_model, args.tries)
    short = [record for record in records if not record.full]
    print(table(rows))
    print(f"\nOther runs: {len(records)}, of them with their full count of tokens: {len(records) - len(short)}.")
    for row in rows:
        for failure in sorted(set(row.failures)):
            say(f"{row.phase} by {row.cause}: {row.failures.count(failure)} times: {failure}")
    path = report.save("stop-latency", {
        "arguments": {**vars(args), "save": str(args.save)},
        "rows": [row.as_json() for row in rows],
        "others": [record.as_json() for record in records],
    }, args.save)
    say(f"saved {path}")
    return 1 if short or any(row.failures for row in rows) else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
