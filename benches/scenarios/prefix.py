"""Prompts that were seen before, whole or in part: how much of them is computed again."""

import asyncio
import statistics

import models
import prompts
import sse
from scenarios.base import REIN, Arm, Context, Metric, Scenario, Setup, Values, expect_full
from servers import Server


class TwoTurns(Scenario):
    name = "two_turns"
    section = "Prefixes"
    metrics = (
        Metric("cold", "TTFT, cold, 1,800-token prompt", "s"),
        Metric("second", "TTFT, second turn of it", "s"),
        Metric("share", "prompt tokens that the second turn computes, by the first's", "%"),
    )
    on = models.BOTH

    async def run(self, server: Server, context: Context) -> Values:
        endless = await server.endless()
        conversation = prompts.words(1800, f"two turns {context.round}")
        first = await server.chat(prompts.request(conversation, 32, **endless))
        conversation += [{"role": "assistant", "content": first.text}, *prompts.user("Say that in other words.")]
        second = await server.chat(prompts.request(conversation, 32, **endless))
        share = 100 * second.computed_tokens / first.computed_tokens
        return {"cold": [first.ttft], "second": [second.ttft], "share": [share]}


class SharedPrefix(Scenario):
    """Four requests at once that have their system prompt in common."""

    name = "shared_prefix"
    section = "Prefixes"
    metrics = (
        Metric("last", "4 requests sharing 1,200 words, last first token", "s"),
        Metric("computed", "prompt tokens that they compute, by those of one of them", "x"),
    )
    questions = ("Who are you?", "What is the sea?", "Name a colour.", "Is it late?")

    async def run(self, server: Server, context: Context) -> Values:
        system = {"role": "system", "content": prompts.words(1200, f"shared {context.round}")[0]["content"]}
        answers = await asyncio.gather(
            *(server.chat(prompts.request([system, *prompts.user(question)], 8)) for question in self.questions)
        )
        last = max(answer.arrivals[0] for answer in answers) - answers[0].sent
        computed = sum(answer.computed_tokens for answer in answers)
        return {"last": [last], "computed": [computed / max(answer.prompt_tokens for answer in answers)]}


class IdleConversations(Scenario):
    """A short run beside 16,000 tokens of conversations that wait, and in a server without any.

    Both servers stand at the same time and take turns, so that the machine's moods hit them alike.
    """

    name = "idle_conversations"
    section = "Prefixes"
    metrics = (
        Metric("relative", "decode with 16,000 idle tokens cached, by that of an empty server", "x", higher=True),
        Metric("again", "prompt tokens that such a conversation computes to go on, the most of 8", "%"),
    )
    setup = Setup(context=32768, parallel=4, arms=(Arm(REIN.name, REIN.server, ("--cache-ram", "4096")),))
    on = models.BOTH
    # 16,000 tokens take a while to read, and each round has four pairs.
    most_rounds = 2
    conversations, words, tokens, pairs = 8, 2000, 100, 4

    async def run(self, server: Server, context: Context) -> Values:
        waiting = [
            prompts.words(self.words, f"idle {context.round} {number}") for number in range(self.conversations)
        ]
        for conversation in waiting:
            answer = await server.chat(prompts.request(conversation, 1))
            conversation += [{"role": "assistant", "content": answer.text}, *prompts.user("Go on.")]
        async with type(server)(server.binary, server.settings) as empty:
            # The first pair warms both.
            relative = [await self._relative(server, empty, number) for number in range(-1, self.pairs)]
        resumed = [await server.chat(prompts.request(conversation, 1)) for conversation in waiting]
        again = max(100 * answer.computed_tokens / answer.prompt_tokens for answer in resumed)
        return {"relative": relative[1:], "again": [again]}

    async def _relative(self, full: Server, empty: Server, number: int) -> float:
        """The empty one runs before and after, so that a slow minute in between does not count for one of them."""
        rates = [await self._decode(one, number) for one in (empty, full, empty)]
        return rates[1] / statistics.mean((rates[0], rates[2]))

    async def _decode(self, server: Server, number: int) -> float:
        answer: sse.Answer = await server.chat(
            prompts.request(prompts.about(prompts.TOPICS[number]), self.tokens, **await server.endless())
        )
        expect_full(answer, self.tokens)
        return answer.decode_rate
