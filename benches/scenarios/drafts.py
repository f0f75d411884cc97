"""What drafted tokens bring where an answer repeats its prompt, and cost where it does not."""

import prompts
from scenarios.base import REIN, Arm, Context, Metric, Scenario, Setup, Values, expect_full
from servers import Server

WITH_DRAFTS = Arm("rein, drafts", REIN.server, ("--speculative-type", "default"))
WITHOUT = Arm(REIN.name, REIN.server, ("--speculative-type", "off"))

# Plain prose, and as much of it as a model of this size copies word for word: where it drifts into a text of its own,
# nobody can foretell that.
PAGE = (
    "The harbour of Brenmouth lies where the river Aske meets the sea. "
    "Every morning at six, the ferry leaves for the island with the post, the bread and the school children. "
    "Captain Tom Hale has steered it for thirty years. "
    "He knows each rock by its name, and each gull, he says, by its temper. "
    "In winter, the crossing takes an hour."
)


class Drafts(Scenario):
    """rein with drafts by rein without."""

    name = "drafts"
    metrics = (
        Metric("rewrite", "a page written again with one change, decode with drafts", "tok/s", higher=True),
        Metric("story", "a sampled story, decode with drafts", "tok/s", higher=True),
    )
    setup = Setup(arms=(WITH_DRAFTS, WITHOUT))
    rewrite_tokens, story_tokens, stories = 76, 128, 2

    async def run(self, server: Server, context: Context) -> Values:
        endless = await server.endless()
        page = prompts.user(f"Copy this text word for word, but write Anna instead of Tom:\n\n{PAGE}")
        rewrite = prompts.request(page, self.rewrite_tokens, **endless)
        # Once a start: a second time, drafts would come from the first answer.
        rewritten = await self._rate(server, rewrite, self.rewrite_tokens)
        stories = []
        for number in range(self.stories):
            seed = self.stories * context.round + number
            story = prompts.request(prompts.about(prompts.TOPICS[seed % 20]), self.story_tokens, **endless)
            story |= {"temperature": 1.0, "seed": seed}
            stories.append(await self._rate(server, story, self.story_tokens))
        return {"rewrite": [rewritten], "story": stories}

    @staticmethod
    async def _rate(server: Server, request: dict, tokens: int) -> float:
        answer = await server.chat(request)
        expect_full(answer, tokens)
        return answer.decode_rate
