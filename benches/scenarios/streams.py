"""How fast tokens come: one stream and several, with and without long prompts behind them."""

import asyncio
import time

import cpu
import models
import prompts
import sse
from scenarios.base import Context, Metric, Scenario, Setup, Values, expect_full
from servers import Server

SHORT_CONTEXT = 2048


def rate_beside(answers: list[sse.Answer]) -> float:
    """Tokens a second of all, from when the last has begun until the first has ended.

    Raises `RuntimeError` where that is less than half of them: then they were not beside one another.
    """
    since = max(answer.arrivals[0] for answer in answers)
    until = min(answer.arrivals[-1] for answer in answers)
    tokens = sum(answer.tokens_between(since, until) for answer in answers)
    if tokens < sum(answer.completion_tokens for answer in answers) / 2:
        raise RuntimeError("the streams were not beside one another: was a prompt read again?")
    return tokens / (until - since)


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


class Throughput(Scenario):
    """All tokens of `streams` sampled answers by wall time, and what the process holds in memory after them.

    `least_tokens`: few streams are soon over; they are repeated until about as many tokens have come as of many.
    `warm`: before that, as many answers as there are streams are thrown away.
    """

    section = "Streams"
    on = (models.GEMMA,)
    warm_tokens = 32

    def __init__(self, streams: int, tokens: int = 128, least_tokens: int = 300, prefix: str = "", warm: bool = False) -> None:
        shown = "1 stream" if streams == 1 else f"{streams} streams"
        self.streams = streams
        self.tokens = tokens
        self.name = f"{prefix}throughput_{streams}"
        self._repeats, self._warm = max(1, round(least_tokens / (streams * tokens))), warm
        self.metrics = (
            Metric("total", f"{shown}, sampled, all tokens by wall time", "tok/s", higher=True),
            Metric("decode", f"{shown}, sampled, while all decode", "tok/s", higher=True),
            Metric("memory", f"{shown}: resident memory", "MiB"),
        )
        self.setup = Setup(context=SHORT_CONTEXT * streams, parallel=streams)

    async def run(self, server: Server, context: Context) -> Values:
        endless = await server.endless()
        seeds = range(100 * context.round, 100 * context.round + self._repeats)
        if self._warm:
            await self._all(server, endless, seeds.stop, self.warm_tokens)
        rates = [await self._once(server, endless, seed) for seed in seeds]
        totals, decodes = zip(*rates)
        return {"total": [*totals], "decode": [*decodes], "memory": [cpu.resident_mib(server.pid)]}

    async def _once(self, server: Server, endless: dict, seed: int) -> tuple[float, float]:
        began = time.perf_counter()
        answers = await self._all(server, endless, seed, self.tokens)
        wall = max(answer.ended for answer in answers) - began
        return self.streams * self.tokens / wall, rate_beside(answers)

    async def _all(self, server: Server, endless: dict, seed: int, tokens: int) -> list[sse.Answer]:
        requests = [
            prompts.sampled(prompts.about(topic), tokens, seed, **endless) for topic in prompts.topics(self.streams)
        ]
        answers = await asyncio.gather(*(server.chat(request) for request in requests))
        for answer in answers:
            expect_full(answer, tokens)
        return answers


class LongStreams(Scenario):
    """Eight streams at once, each behind a prompt of its own that has been read already."""

    name = "long_streams"
    metrics = (
        Metric("decode", "8 streams behind 1,000 words each, decode", "tok/s", higher=True),
        Metric("read", "8 prompts of 1,000 words, until the last is read", "s"),
    )
    setup = Setup(context=8 * SHORT_CONTEXT, parallel=8)
    on = models.BOTH
    tokens = 64

    async def run(self, server: Server, context: Context) -> Values:
        endless = await server.endless()
        conversations = [prompts.words(1000, f"long streams {context.round} {i}") for i in range(8)]
        reading = await self._all(server, [prompts.request(one, 1, **endless) for one in conversations])
        read = max(answer.ended for answer in reading) - reading[0].sent
        answers = await self._all(server, [prompts.request(one, self.tokens, **endless) for one in conversations])
        for answer in answers:
            expect_full(answer, self.tokens)
        return {"decode": [rate_beside(answers)], "read": [read]}

    @staticmethod
    async def _all(server: Server, requests: list[dict]) -> list[sse.Answer]:
        return await asyncio.gather(*(server.chat(request) for request in requests))
