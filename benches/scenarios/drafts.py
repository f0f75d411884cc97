"""What drafted tokens bring where an answer repeats its prompt, and cost where it does not."""

import prompts
from scenarios.base import REIN, Arm, Context, Metric, Scenario, Setup, Values, expect_full
from servers import Server

WITH_DRAFTS = Arm("rein, drafts", REIN.server, ("--speculative-type", "default"))

PAGE = """def total_price(items, tax_rate):
    subtotal = 0
    for item in items:
        subtotal = subtotal + item.price * item.quantity
    tax = subtotal * tax_rate
    return subtotal + tax


def print_receipt(items, tax_rate):
    print("Receipt")
    print("-------")
    for item in items:
        print(item.name, item.quantity, item.price)
    print("-------")
    print("Total:", total_price(items, tax_rate))
"""


class Drafts(Scenario):
    """rein with drafts by rein without."""

    name = "drafts"
    metrics = (
        Metric("rewrite", "a page written again with one change, decode with drafts", "tok/s", higher=True),
        Metric("story", "a sampled story, decode with drafts", "tok/s", higher=True),
    )
    setup = Setup(arms=(WITH_DRAFTS, REIN))
    rewrite_tokens, story_tokens, tries = 160, 128, 2

    async def run(self, server: Server, context: Context) -> Values:
        endless = await server.endless()
        page = prompts.user(f"Repeat this text, and write Invoice instead of Receipt:\n\n{PAGE}\n\nRepeat it all again.")
        rewrite = prompts.request(page, self.rewrite_tokens, **endless)
        values: Values = {"rewrite": [], "story": []}
        for number in range(self.tries):
            seed = 10 * context.round + number
            story = prompts.request(prompts.about(prompts.TOPICS[seed % 20]), self.story_tokens, **endless)
            story |= {"temperature": 1.0, "seed": seed}
            values["rewrite"].append(await self._rate(server, rewrite, self.rewrite_tokens))
            values["story"].append(await self._rate(server, story, self.story_tokens))
        return values

    @staticmethod
    async def _rate(server: Server, request: dict, tokens: int) -> float:
        answer = await server.chat(request)
        expect_full(answer, tokens)
        return answer.decode_rate
