"""More runs than the KV cache has cells for."""

import asyncio

import prompts
import sse
from scenarios.base import Context, Metric, Scenario, Setup, Values
from servers import Server


class Overcommit(Scenario):
    """16 runs at once whose prompts and answers are twice the KV cache."""

    name = "overcommit"
    metrics = (
        Metric("finished", "16 runs that want twice the KV cache: finished in full", "of 16", higher=True),
        Metric("wanted", "tokens that they want, by the cells there are", "x"),
    )
    # Not a matter of speed: twice is enough.
    most_rounds = 2
    cells = 1024
    setup = Setup(context=cells, parallel=4)
    runs, words, tokens = 16, 40, 64

    async def run(self, server: Server, context: Context) -> Values:
        endless = await server.endless()
        requests = [
            prompts.request(prompts.words(self.words, f"overcommit {context.round} {number}"), self.tokens, **endless)
            for number in range(self.runs)
        ]
        answers = await asyncio.gather(*(server.chat(request) for request in requests), return_exceptions=True)
        done = [one for one in answers if isinstance(one, sse.Answer) and one.completion_tokens == self.tokens]
        if not done:
            raise RuntimeError(f"none finished: {answers[0]}")
        each = max(answer.prompt_tokens + answer.completion_tokens for answer in done)
        return {"finished": [len(done)], "wanted": [self.runs * each / self.cells]}
