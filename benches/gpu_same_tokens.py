#!/usr/bin/env python3
"""Does rein draw the same tokens on the GPU as beside it? Seeded answers, one server after the other.

Each way (REIN_GPU_SAMPLING) has a server of its own, whose log must say that tokens are drawn there; every request goes to
it alone, so that both compute the same batches. The exit code is 1 where an answer or its log-probabilities differ, or
where a server draws elsewhere.

Examples:
  benches/gpu_same_tokens.py --model model.gguf
  REIN_BACKEND_DIR=stand-in benches/gpu_same_tokens.py --model model.gguf --way reference --way host   # without a GPU
"""

import argparse
import asyncio
import sys
from typing import Any

import prompts
import terminal
from servers import Rein, Settings
from terminal import say

# What the log says of each way; of the CPU's own sampler it says nothing.
DRAWN_BY = {
    "kernels": "tokens are drawn by the GPU",
    "reference": "tokens are drawn by the reference of the GPU's kernels",
    "host": None,
}
SAYS = "tokens are drawn"
CHAIN = {"temperature": 0.6, "top_k": 20, "top_p": 0.95, "min_p": 0.01}
ALONE = {"top_k": 0, "top_p": 1.0, "min_p": 0.0}
# What the kernels take, each in another way.
REQUESTS: dict[str, dict[str, Any]] = {
    "the chain of the defaults": CHAIN,
    "greedy": {"temperature": 0.0},
    "5 log-probabilities": {**CHAIN, "logprobs": True, "top_logprobs": 5},
    "penalties": {**CHAIN, "presence_penalty": 0.5, "frequency_penalty": 0.5},
    "a biased token": {**CHAIN, "logit_bias": {"260": 5}},
    "no top-k": {**CHAIN, "top_k": 0},
    "temperature alone": {**ALONE, "temperature": 1.0},
    "min-p alone": {**ALONE, "temperature": 1.0, "min_p": 0.05},
    "JSON": {**CHAIN, "response_format": {"type": "json_object"}},
}
Answers = dict[str, Any]


async def answers(args: argparse.Namespace, way: str) -> Answers:
    """The answer of each request of each seed. Raises `RuntimeError` where tokens are drawn elsewhere."""
    environment = {"REIN_GPU_SAMPLING": way, "REIN_LOG": "warn,rein=info"}
    settings = Settings(args.model, 4096, 2, args.threads, environment=environment)
    async with Rein(args.rein, settings) as server:
        said = [text for text in server.log_from(0).splitlines() if SAYS in text]
        expected = DRAWN_BY[way]
        if (expected is None) != (not said) or any(expected not in text for text in said if expected):
            raise RuntimeError(f"{way}: the log says {said or 'nothing of where tokens are drawn'}, not {expected!r}")
        found = {}
        for name, fields in REQUESTS.items():
            for seed in range(args.seeds):
                body = prompts.request(prompts.about(prompts.TOPICS[seed % 20]), args.tokens, seed=seed) | fields
                answer = await server.call("POST", "/v1/chat/completions", body)
                found[f"{name}, seed {seed}"] = answer["choices"][0]
        return found


def differences(first: Answers, second: Answers) -> list[str]:
    return [name for name in first if first[name] != second[name]]


async def run(args: argparse.Namespace) -> int:
    ways = args.way or ["kernels", "reference"]
    by_way = {}
    for way in ways:
        try:
            by_way[way] = await answers(args, way)
        except RuntimeError as error:
            say(f"error: {error}")
            return 1
    first, *others = by_way
    code = 0
    for other in others:
        different = differences(by_way[first], by_way[other])
        count = len(by_way[first])
        print(f"{first} and {other}: {count - len(different)} of {count} answers of {args.tokens} tokens are the same")
        for name in different:
            code = 1
            for way in (first, other):
                print(f"  {name}, {way}: {by_way[way][name]['message']['content']!r}")
    return code


def main() -> int:
    parser = terminal.parser(__doc__)
    parser.add_argument("--way", action="append", choices=DRAWN_BY, help="kernels and reference, unless said; two or more")
    parser.add_argument("--seeds", type=int, default=3, help="answers of each kind (%(default)s)")
    parser.add_argument("--tokens", type=int, default=48, help="tokens of an answer (%(default)s)")
    return asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
