"""What the length of the context costs."""

import cpu
import prompts
from scenarios.base import Context, Metric, Scenario, Setup, Values, expect_full
from servers import Server


class Depth(Scenario):
    """Decode speed and memory of one conversation that grows."""

    name = "depth"
    section = "Context length"
    depths = (250, 1000, 2000, 4000, 8000)
    metrics = (
        *(Metric(f"decode_{n}", f"decode behind {n:,} tokens", "tok/s", higher=True) for n in depths),
        *(Metric(f"memory_{n}", f"resident memory behind {n:,} tokens", "MiB") for n in depths),
    )
    setup = Setup(context=9216, parallel=1)
    # A curve, and reading 8,000 tokens takes a minute.
    most_rounds = 2
    tokens = 48

    async def run(self, server: Server, context: Context) -> Values:
        endless = await server.endless()
        values: Values = {}
        for depth in self.depths:
            # The same seed: each prompt begins with the one before, which is cached.
            conversation = prompts.words(depth, f"depth {context.round}")
            answer = await server.chat(prompts.request(conversation, self.tokens, **endless))
            expect_full(answer, self.tokens)
            values[f"decode_{depth}"] = [answer.decode_rate]
            values[f"memory_{depth}"] = [cpu.resident_mib(server.pid)]
        return values
