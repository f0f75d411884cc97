"""How soon computing ends after a stop, seen from outside."""

import asyncio
import random
import uuid
from collections.abc import Callable

import cpu
import prompts
import sse
from scenarios.base import Context, Metric, Scenario, Values
from servers import Server


class Stop(Scenario):
    """From the stop to the last growth of the process's CPU time.

    A server without a cancel route is stopped by closing the connection in both cases: that is all
    that its clients can do.
    """

    section = "Stop"

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
