"""A prompt that is read while others wait for their next token."""

import prompts
from scenarios.base import Context, Metric, Scenario, Values
from servers import Server


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
