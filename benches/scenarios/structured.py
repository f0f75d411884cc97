"""What it costs to keep an answer to a JSON schema."""

import models
import prompts
from scenarios.base import Context, Metric, Scenario, Values
from servers import Server

SCHEMA = {
    "type": "array",
    "minItems": 12,
    "items": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 4, "maxLength": 24},
            "kind": {"enum": ["person", "animal", "place", "thing"]},
            "age": {"type": "integer", "minimum": 0, "maximum": 999},
            "alive": {"type": "boolean"},
        },
        "required": ["name", "kind", "age", "alive"],
        "additionalProperties": False,
    },
}


class JsonSchema(Scenario):
    """The same question with and without a schema, in turns; tokens a second after the first."""

    name = "json_schema"
    metrics = (
        Metric("relative", "decode under a JSON schema, by that without", "x", higher=True),
        Metric("decode", "decode under a JSON schema", "tok/s", higher=True),
    )
    on = models.BOTH
    tokens, pairs = 96, 2
    # An answer that keeps to the schema may end where it is complete.
    least_tokens = 64

    async def run(self, server: Server, context: Context) -> Values:
        free = await server.endless()
        kept = {"response_format": {"type": "json_schema", "json_schema": {"name": "things", "schema": SCHEMA}}}
        rates = []
        # The first pair warms the server, and compiles the schema.
        for number in range(-1, self.pairs):
            # In turns, so that a machine that gets slower does not always meet the second of a pair.
            order = (free, kept) if number % 2 == 0 else (kept, free)
            pair = [await self._rate(server, number, fields) for fields in order]
            rates.append(pair if number % 2 == 0 else pair[::-1])
        relative = [with_schema / without for without, with_schema in rates[1:]]
        return {"relative": relative, "decode": [with_schema for _, with_schema in rates[1:]]}

    async def _rate(self, server: Server, number: int, fields: dict) -> float:
        question = prompts.user(f"List twelve things that a story about {prompts.TOPICS[number]} needs, as JSON.")
        answer = await server.chat(prompts.request(question, self.tokens, **fields))
        if answer.completion_tokens < self.least_tokens:
            raise RuntimeError(f"the answer has {answer.completion_tokens} tokens: too few for a rate")
        return answer.decode_rate
