#!/usr/bin/env python3
"""How soon rein stops, phase by phase, while others are being served.

Phases: queued, prefill (a 6,000-token prompt), decode: each with 3 other runs active. load: of a
second model, alone, because a load takes the place of the model that runs would use. Each is stopped
by POST /api/inference/cancel and by closing the connection.

Two figures for each:
  outside  cancel: from sending the POST to its answer, which rein gives once the engine has let go.
           disconnect: from the close until /slots shows only the others at work (nothing shows this
           for a queued run). load: from the stop until the process's CPU time no longer grows.
  metric   rein_stop_latency_seconds{phase,cause} of GET /metrics: from the stop flag to the end of
           the last decode that contained the run.

The other runs must end with their full count of tokens; their texts are saved with the figures, so
that they can be replayed through the model. The exit code is 1 where one fell short or a stop failed.

Example: benches/stop_latency.py --rein target/release/rein --model smollm2.gguf --load-model gemma.gguf
"""

import argparse
import asyncio
import random
import sys
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import cpu
import prometheus
import prompts
import report
import sse
from others import Others, Record
from servers import Rein, Settings

CAUSES = ("cancel", "disconnect")
RUN_PHASES = ("queued", "prefill", "decode")
METRIC = "rein_stop_latency_seconds"
METRIC_CAUSE = {"cancel": "user", "disconnect": "disconnect"}
OTHERS = 3
LET_GO_SECONDS = 5.0


@dataclass
class Row:
    """All tries of one phase and cause. Times in milliseconds."""

    phase: str
    cause: str
    tries: int
    outside_ms: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    metric: prometheus.Latency = field(default_factory=prometheus.Latency)

    def cells(self) -> list[str]:
        outside = [report.figure(report.percentile(self.outside_ms, share)) if self.outside_ms else "-"
                   for share in (0.5, 0.99, 1.0)]
        inside = []
        for share in (0.5, 0.99):
            seconds = self.metric.quantile(share)
            mark = "≤ " if self.metric.buckets else ""
            inside.append("-" if seconds is None else mark + report.figure(seconds * 1000))
        count = f"{self.metric.count:.0f}" if self.metric.count else "-"
        return [self.phase, self.cause, str(self.tries), *outside, count, *inside, str(len(self.failures))]

    def as_json(self) -> dict[str, Any]:
        return {**self.__dict__, "metric": self.metric.__dict__}


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


async def metric_now(server: Rein, phase: str, cause: str) -> prometheus.Latency:
    """Zero where the server serves no metrics."""
    try:
        page = await server.call("GET", "/metrics")
    except sse.HttpError:
        return prometheus.Latency()
    return prometheus.latency(str(page), METRIC, phase=phase, cause=METRIC_CAUSE[cause])


class Victim:
    """A run that is brought into a phase and stopped there."""

    def __init__(self, server: Rein, phase: str, chance: random.Random) -> None:
        self._server, self._phase, self._chance = server, phase, chance
        self._cancel_id = str(uuid.UUID(int=chance.getrandbits(128)))
        self._stream: sse.ChatStream | None = None

    async def reach(self) -> None:
        """Starts the run and waits until it is in its phase."""
        long = self._phase == "prefill"
        messages = prompts.words(6000 if long else 20, self._cancel_id)
        if self._phase == "decode":
            messages = prompts.story(self._chance.choice(prompts.SUBJECTS))
        self._stream = await self._server.stream(prompts.request(messages, 1400, cancel_id=self._cancel_id))
        if self._phase == "decode":
            await self._stream.text_events(self._chance.randint(3, 20))
            if self._stream.answer.ended:
                raise RuntimeError("the answer ended before the stop")
        else:
            await asyncio.sleep(self._chance.uniform(0.05, 3.0 if long else 0.3))
            if self._stream.answer.arrivals:
                raise RuntimeError(f"the run had left the phase {self._phase} before the stop")

    async def cancel(self) -> float:
        """Seconds from sending the cancel to its answer."""
        began = time.perf_counter()
        count = await self._server.cancel(self._cancel_id)
        taken = time.perf_counter() - began
        if count != 1:
            raise RuntimeError(f"the cancel answered {count} instead of 1")
        answer = await asyncio.wait_for(self._stream.finish(), LET_GO_SECONDS)
        if answer.finish_reason != "stop":
            raise RuntimeError(f"the stopped stream ended with {answer.finish_reason}")
        return taken

    async def disconnect(self, others: int) -> float | None:
        """Seconds from the close until no more than the others are at work; None while queued."""
        began = time.perf_counter()
        await self._stream.drop()
        if self._phase == "queued":
            return None
        slots = await sse.Connection.open(self._server.host, self._server.port)
        try:
            while time.perf_counter() - began < LET_GO_SECONDS:
                listing = await slots.ask("GET", "/slots")
                if sum(bool(slot["is_processing"]) for slot in listing) <= others:
                    return time.perf_counter() - began
        finally:
            slots.drop()
        raise RuntimeError(f"the run was still at work {LET_GO_SECONDS:.0f} s after the close")

    async def end(self) -> None:
        if self._stream:
            await self._stream.drop()


async def try_run(server: Rein, others: Others, row: Row, chance: random.Random) -> None:
    """One stop of a run beside the others."""
    await others.hold()
    victim = Victim(server, row.phase, chance)
    try:
        await victim.reach()
        taken = await (victim.cancel() if row.cause == "cancel" else victim.disconnect(others.count))
        if taken is not None:
            row.outside_ms.append(1000 * taken)
    except (RuntimeError, OSError, EOFError, TimeoutError, sse.HttpError) as error:
        row.failures.append(str(error))
    finally:
        await victim.end()
        others.release()


async def run_phase(binary: str, settings: Settings, phase: str, tries: int) -> tuple[list[Row], list[Record]]:
    """Both causes for one phase, on a server of its own."""
    rows = [Row(phase, cause, tries) for cause in CAUSES]
    async with Rein(binary, settings) as server:
        others = Others(server, OTHERS)
        try:
            for row in rows:
                chance = random.Random(f"{phase} {row.cause}")
                before = await metric_now(server, phase, row.cause)
                for _ in range(row.tries):
                    await try_run(server, others, row, chance)
                row.metric = (await metric_now(server, phase, row.cause)).since(before)
                say(f"{phase} by {row.cause}: {tries - len(row.failures)} of {tries} stops")
            return rows, await others.finish()
        finally:
            await others.abandon()


async def try_load(server: Rein, row: Row, model: str, usual: float, chance: random.Random) -> None:
    """One stop of a load, somewhere in the part of it that comes before the end."""
    cancel_id = str(uuid.UUID(int=chance.getrandbits(128)))
    connection = await sse.Connection.open(server.host, server.port)
    clock = cpu.CpuClock(server.pid)
    watch = None
    try:
        await connection.send("POST", "/api/inference/load", {"model_path": model, "cancel_id": cancel_id})
        await asyncio.sleep(chance.uniform(0.0, 0.7 * usual))
        began = time.perf_counter()
        watch = asyncio.create_task(asyncio.to_thread(cpu.last_growth, clock, began))
        if row.cause == "cancel":
            await server.cancel(cancel_id)
            await connection.head()
            if connection.status == 200:
                row.failures.append("the load came to its end")
        else:
            connection.drop()
        row.outside_ms.append(1000 * await watch)
    finally:
        if watch:
            await asyncio.gather(watch, return_exceptions=True)
        connection.drop()
        clock.close()


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
                except (OSError, EOFError, TimeoutError, sse.HttpError) as error:
                    row.failures.append(str(error))
            say(f"load by {row.cause}: {tries - len(row.failures)} of {tries} stops")
    return rows


def table(rows: list[Row]) -> str:
    head = ["phase", "by", "tries", "outside p50 ms", "p99 ms", "max ms",
            "in the metric", "p50 ms", "p99 ms", "failures"]
    return report.markdown(head, [row.cells() for row in rows])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rein", default="target/release/rein", help="rein's binary (%(default)s)")
    parser.add_argument("--model", required=True, help="the GGUF file to serve")
    parser.add_argument("--load-model", help="the GGUF file whose load is stopped; without it that phase is left out")
    parser.add_argument("--tries", type=int, default=50, help="stops for each phase and cause (%(default)s)")
    parser.add_argument("--phase", action="append", choices=(*RUN_PHASES, "load"), help="only this one; may be repeated")
    parser.add_argument("-c", "--ctx-size", type=int, default=32768, help="context for all slots (%(default)s)")
    parser.add_argument("-t", "--threads", type=int, default=2, help="threads (%(default)s)")
    return parser.parse_args()


async def main() -> int:
    args = arguments()
    rows: list[Row] = []
    records: list[Record] = []
    for phase in args.phase or (*RUN_PHASES, "load"):
        # One slot more than the others need, but for the phase where the run must wait for one.
        slots = OTHERS if phase == "queued" else OTHERS + 1
        settings = Settings(args.model, args.ctx_size, slots, args.threads)
        if phase != "load":
            more, ran = await run_phase(args.rein, settings, phase, args.tries)
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
        "arguments": vars(args),
        "rows": [row.as_json() for row in rows],
        "others": [record.as_json() for record in records],
    })
    say(f"saved {path}")
    return 1 if short or any(row.failures for row in rows) else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
