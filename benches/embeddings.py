#!/usr/bin/env python3
"""Does rein embed as llama-server does? Texts of 1 to some 350 words, each alone and all in one request; the least cosine.

Each server's own rows, alone and together, are compared too: so much do they depend on the batch.

Example:
  benches/embeddings.py --model model.gguf --llama-server path/llama-server
"""

import argparse
import asyncio
import json
import math
import subprocess
import sys

import terminal
from servers import LlamaServer, Settings

WORDS = "river stone cloud lantern meadow copper violin harbour winter garden engine paper".split()
LENGTHS = [1, 2, 4, 8, 15, 30, 90, 350]

Row = list[float]


def text(seed: int, words: int) -> str:
    return " ".join(WORDS[(seed * 7 + i * i + i // 3) % len(WORDS)] for i in range(words))


TEXTS = [text(seed, words) for seed, words in enumerate(LENGTHS)]


def cosine(a: Row, b: Row) -> float:
    product = sum(x * y for x, y in zip(a, b, strict=True))
    return product / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def least(ones: list[Row], others: list[Row]) -> float:
    return min(cosine(a, b) for a, b in zip(ones, others, strict=True))


def ours(program: str, model: str, texts: list[str]) -> list[Row]:
    lines = subprocess.run([program, model, *texts], stdout=subprocess.PIPE, check=True).stdout.splitlines()
    return [json.loads(line) for line in lines]


async def theirs(server: LlamaServer, texts: list[str]) -> list[Row]:
    answer = await server.call("POST", "/v1/embeddings", {"input": texts})
    return [item["embedding"] for item in sorted(answer["data"], key=lambda item: item["index"])]


async def run(args: argparse.Namespace) -> int:
    # A sequence for each text, over one stream of cells: texts of one request then share
    # its batches too. (It ends with an assertion where -ub is no multiple of them.)
    settings = Settings(args.model, context=2048, parallel=len(TEXTS), threads=args.threads,
                        extra=["--embedding", "--pooling", "mean", "-ub", "2048", "--kv-unified"])
    async with LlamaServer(args.llama_server, settings) as server:
        their_alone = [(await theirs(server, [text]))[0] for text in TEXTS]
        their_together = await theirs(server, TEXTS)
    our_alone = [ours(args.embed, args.model, [text])[0] for text in TEXTS]
    our_together = ours(args.embed, args.model, TEXTS)
    print(f"alone, rein and llama-server: {least(our_alone, their_alone):.6f}")
    print(f"together, rein and llama-server: {least(our_together, their_together):.6f}")
    print(f"rein, alone and together: {least(our_alone, our_together):.6f}")
    print(f"llama-server, alone and together: {least(their_alone, their_together):.6f}")
    return 0


def main() -> int:
    parser = terminal.parser(__doc__)
    parser.add_argument("--llama-server", required=True, help="llama-server's binary")
    parser.add_argument("--embed", default="target/release/examples/embed", help="rein's example (%(default)s)")
    return asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
