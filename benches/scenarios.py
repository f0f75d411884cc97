"""What is measured: a class for each scenario, each run on a server that has just started or is idle."""

import asyncio
import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import cpu
import prompts
import sse
from servers import Server


@dataclass(frozen=True)
class Metric:
    """A figure that a scenario gives; `higher` says which way is better."""

    name: str
    label: str
    unit: str
    higher: bool = False


@dataclass(frozen=True)
class Context:
    """What a scenario may vary by."""

    round: int
    stop_tries: int
    idle_seconds: float


# Metric name -> one value, or several where each try counts.
Values = dict[str, list[float]]


class Scenario:
    """One kind of load. `run` leaves the server idle."""

    name = ""
    metrics: tuple[Metric, ...] = ()

    async def run(self, server: Server, context: Context) -> Values:
        raise NotImplementedError


def expect_full(answer: sse.Answer, wanted: int) -> None:
    """A rate over fewer tokens than the other server's would not compare."""
    if answer.completion_tokens != wanted:
        raise RuntimeError(f"expected {wanted} tokens, got {answer.completion_tokens} ({answer.finish_reason})")


class SingleStream(Scenario):
    name = "single_stream"
    metrics = (Metric("decode", "single stream, decode", "tok/s", higher=True),)
    tokens = 128

    async def run(self, server: Server, context: Context) -> Values:
        answer = await server.chat(prompts.request(prompts.story(prompts.SUBJECTS[0]), self.tokens))
        expect_full(answer, self.tokens)
        return {"decode": [answer.decode_rate]}


class FourStreams(Scenario):
    name = "four_streams"
    metrics = (Metric("total", "4 streams, all tokens by wall time", "tok/s", higher=True),)
    tokens = 128

    async def run(self, server: Server, context: Context) -> Values:
        began = time.perf_counter()
        answers = await asyncio.gather(
            *(server.chat(prompts.request(prompts.story(subject), self.tokens)) for subject in prompts.SUBJECTS)
        )
        for answer in answers:
            expect_full(answer, self.tokens)
        wall = max(answer.ended for answer in answers) - began
        return {"total": [len(answers) * self.tokens / wall]}


class TwoTurns(Scenario):
    name = "two_turns"
    metrics = (
        Metric("cold", "TTFT, cold, 1,000-token prompt", "s"),
        Metric("second", "TTFT, second turn of it", "s"),
    )

    async def run(self, server: Server, context: Context) -> Values:
        conversation = prompts.words(1000, f"two turns {context.round}")
        first = await server.chat(prompts.request(conversation, 32))
        conversation += [{"role": "assistant", "content": first.text}, *prompts.user("Say that in other words.")]
        second = await server.chat(prompts.request(conversation, 32))
        return {"cold": [first.ttft], "second": [second.ttft]}


class LongPromptBeside(Scenario):
    name = "long_prompt_beside"
    metrics = (
        Metric("gap", "running stream's largest gap beside a 2,000-token prompt", "s"),
        Metric("ttft", "TTFT of that prompt", "s"),
    )

    async def run(self, server: Server, context: Context) -> Values:
        running = await server.stream(prompts.request(prompts.story(prompts.SUBJECTS[0]), 1400))
        await running.text_events(30)
        newcomer = await server.chat(prompts.request(prompts.words(2000, f"beside {context.round}"), 8))
        # The gap may reach past the newcomer's first token: let the stream go on a little.
        await running.text_events(len(running.answer.arrivals) + 5)
        # Where the stream ended before, it was not beside the prompt for its whole length.
        if running.answer.ended:
            raise RuntimeError("the running stream ended too soon")
        gap = running.answer.largest_gap(newcomer.sent, running.answer.arrivals[-1])
        await running.drop()
        await server.settle()
        return {"gap": [gap], "ttft": [newcomer.ttft]}


class Load(Scenario):
    """The time from the start of the process until it says that it is ready."""

    name = "load"
    metrics = (Metric("load", "start to ready", "s"),)

    async def run(self, server: Server, context: Context) -> Values:
        return {"load": [server.load_seconds]}


class Memory(Scenario):
    """Run twice: before and after the others."""

    def __init__(self, when: str) -> None:
        self.name = "memory_" + when.replace(" ", "_")
        self.metrics = (
            Metric("RssAnon", f"own memory, {when}", "MiB"),
            Metric("RssFile", f"mapped files, {when}", "MiB"),
            Metric("VmHWM", f"peak, {when}", "MiB"),
        )

    async def run(self, server: Server, context: Context) -> Values:
        await server.settle()
        return {name: [value] for name, value in cpu.memory_mib(server.pid).items()}


class Idle(Scenario):
    name = "idle"
    metrics = (Metric("cpu", "CPU time while idle", "ms/min"),)

    async def run(self, server: Server, context: Context) -> Values:
        await server.settle()
        clock = cpu.CpuClock(server.pid)
        before = clock.seconds()
        await asyncio.sleep(context.idle_seconds)
        spent = clock.seconds() - before
        clock.close()
        return {"cpu": [spent * 1000 * 60 / context.idle_seconds]}


class Stop(Scenario):
    """From the stop to the last growth of the process's CPU time.

    A server without a cancel route is stopped by closing the connection in both cases: that is all
    that its clients can do.
    """

    def __init__(self, phase: str, by_cancel: bool) -> None:
        cause = "cancel" if by_cancel else "disconnect"
        self.name = f"stop_{phase}_{cause}"
        self.metrics = (Metric("stop", f"computing after a stop, {phase}, by {cause}", "ms"),)
        self._by_cancel = by_cancel
        self._reach: Callable = getattr(self, f"_in_{phase}")

    async def run(self, server: Server, context: Context) -> Values:
        chance = random.Random(f"{self.name} {context.round}")
        values = []
        for number in range(context.stop_tries):
            cancel_id = str(uuid.uuid4())
            stream = await self._reach(server, f"{self.name} {context.round} {number}", cancel_id, chance)
            values.append(1000 * await self._stop(server, stream, cancel_id))
        return {"stop": values}

    async def _in_decode(self, server: Server, seed: str, cancel_id: str, chance: random.Random) -> sse.ChatStream:
        body = prompts.request(prompts.story(chance.choice(prompts.SUBJECTS)), 1400, cancel_id=cancel_id)
        stream = await server.stream(body)
        await stream.text_events(chance.randint(5, 40))
        return stream

    async def _in_prefill(self, server: Server, seed: str, cancel_id: str, chance: random.Random) -> sse.ChatStream:
        stream = await server.stream(prompts.request(prompts.words(6000, seed), 16, cancel_id=cancel_id))
        # The prompt takes more than 10 s here; a stop anywhere in the first seconds is inside it.
        await asyncio.sleep(chance.uniform(0.3, 3.0))
        if stream.answer.arrivals:
            raise RuntimeError("the prompt was computed before the stop: this machine needs a longer one")
        return stream

    async def _stop(self, server: Server, stream: sse.ChatStream, cancel_id: str) -> float:
        try:
            async with cpu.growth_from_now(server.pid) as growth:
                if self._by_cancel and server.has_cancel:
                    if await server.cancel(cancel_id) != 1:
                        raise RuntimeError("cancel found no run")
                    await stream.finish()
                else:
                    await stream.drop()
                return await growth
        finally:
            await stream.drop()


def all_scenarios() -> list[Scenario]:
    """In the order in which they run on one start of a server."""
    return [
        Load(),
        Memory("after load"),
        Idle(),
        SingleStream(),
        FourStreams(),
        TwoTurns(),
        LongPromptBeside(),
        *(Stop(phase, by_cancel) for phase in ("decode", "prefill") for by_cancel in (True, False)),
        Memory("after the scenarios"),
    ]
