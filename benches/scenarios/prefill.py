"""A prompt that is read while others wait for their next token."""

import asyncio

import prompts
import sse
from scenarios.base import Context, Metric, Scenario, Setup, Values
from servers import Server


class LongPromptBeside(Scenario):
    """A stream of a known story and a prompt of 2,000 tokens."""

    name = "long_prompt_beside"
    words = 2000
    streams = 1

    def __init__(self) -> None:
        length = f"{self.words:,}-token prompt"
        whose = "running stream's" if self.streams == 1 else f"{self.streams} running streams'"
        self.metrics = (
            Metric("gap", f"{whose} largest gap beside a {length}", "s"),
            Metric("ttft", "TTFT of that prompt", "s"),
        )

    async def run(self, server: Server, context: Context) -> Values:
        requests = await self._requests(server, context)
        running = [await server.stream(request) for request in requests]
        try:
            for stream in running:
                await stream.text_events(30)
            newcomer = await server.chat(prompts.request(prompts.words(self.words, f"beside {context.round}"), 8))
            gaps = [await self._gap(stream, newcomer) for stream in running]
        finally:
            await asyncio.gather(*(stream.drop() for stream in running))
        await server.settle()
        return {"gap": [max(gaps)], "ttft": [newcomer.ttft]}

    async def _requests(self, server: Server, context: Context) -> list[dict]:
        """Those of the running streams."""
        return [prompts.request(prompts.story(prompts.SUBJECTS[0]), 1400)]

    @staticmethod
    async def _gap(stream: sse.ChatStream, newcomer: sse.Answer) -> float:
        # The gap may reach past the newcomer's first token: let the stream go on a little.
        await stream.text_events(len(stream.answer.arrivals) + 5)
        # Where the stream ended before, it was not beside the prompt for its whole length.
        if stream.answer.ended:
            raise RuntimeError("the running stream ended too soon")
        return stream.answer.largest_gap(newcomer.sent, stream.answer.arrivals[-1])


class LongPromptBesideMany(LongPromptBeside):
    """A prompt of any length beside several sampled streams of any model."""

    # More than any of them emits while the prompt is read.
    tokens = 4000

    def __init__(self, words: int, streams: int, prefix: str) -> None:
        self.words, self.streams = words, streams
        super().__init__()
        self.name = f"{prefix}long_prompt_beside"
        slots = streams + 1
        self.setup = Setup(context=slots * 2 * max(words, self.tokens), parallel=slots)

    async def _requests(self, server: Server, context: Context) -> list[dict]:
        endless = await server.endless()
        # The first prompt of this length is read before anyone measures: a GPU prepares itself for each size.
        await server.chat(prompts.request(prompts.words(self.words, f"warm {context.round}"), 8, **endless))
        return [
            prompts.sampled(prompts.about(topic), self.tokens, context.round, **endless)
            for topic in prompts.topics(self.streams)
        ]
