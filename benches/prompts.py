"""Prompts of known length, and prompts whose greedy answer by the default model is long."""

import itertools
import random
from typing import Any

# Common words: one token each, with the space before, in nearly every vocabulary.
WORDS = (
    "the of and to in is you that it he was for on are as with his they at be this have from or one had by word but "
    "not what all were we when your can said there use an each which she do how their if will up other about out many "
    "then them these so some her would make like him into time has look two more write go see number no way could "
    "people my than first water been call who oil its now find long down day did get come made may part"
).split()

# Subjects whose story by SmolLM2-135M-Instruct at temperature 0 goes on for more than 1,000 tokens.
SUBJECTS = ("a river", "a mountain", "a lighthouse", "an old ship")

# Twenty subjects that have nothing in common.
TOPICS = (
    "a lighthouse keeper", "the history of tea", "how bridges are built", "a lost dog", "the moon", "a small bakery",
    "learning to swim", "an old clock", "volcanoes", "a train journey", "the first snow", "bees", "a broken radio",
    "mountains", "a letter that came late", "the sea at night", "chess", "a garden in spring", "the desert", "a violin",
)


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def story(subject: str) -> list[dict[str, str]]:
    """A conversation whose answer runs on."""
    return user(f"Write a very long story about {subject}, with many chapters.")


def topics(count: int) -> list[str]:
    """As many subjects as are asked for, all different."""
    more = (f"{first} and {second}" for first in TOPICS for second in TOPICS if first != second)
    return [*TOPICS, *itertools.islice(more, max(0, count - len(TOPICS)))][:count]


def about(topic: str) -> list[dict[str, str]]:
    return user(f"Write about {topic}.")


def words(count: int, seed: object) -> list[dict[str, str]]:
    """A conversation of about `count` tokens; a new seed shares no prefix with any other."""
    source = random.Random(str(seed))
    return user(" ".join(source.choice(WORDS) for _ in range(count)))


def request(messages: list[dict[str, str]], max_tokens: int, **more: Any) -> dict[str, Any]:
    return {"messages": messages, "temperature": 0, "max_tokens": max_tokens, **more}


def sampled(messages: list[dict[str, str]], max_tokens: int, seed: int, **more: Any) -> dict[str, Any]:
    """As a chat client asks: with sampling."""
    sampling = {"temperature": 0.6, "top_k": 20, "top_p": 0.95, "min_p": 0.01, "seed": seed}
    return request(messages, max_tokens, **sampling, **more)
