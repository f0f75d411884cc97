#!/usr/bin/env python3
"""Does rein embed as llama-server does? 24 texts of 1 to 350 words over HTTP, each alone and all in one request; the least cosine.

Each server's own rows, alone and together, are compared too: so much do they depend on the batch. llama-server's rows of texts
together may be further from its own of each alone than the bound, so what is judged are rein's rows, alone and together, beside
llama-server's of each text alone. The exit code is 1 where the bound is missed.

Example:
  benches/embeddings.py --model model.gguf --llama-server path/llama-server
"""

import argparse
import asyncio
import base64
import math
import struct
import sys
from dataclasses import replace

import terminal
from servers import LlamaServer, Rein, Server, Settings

WORDS = "river stone cloud lantern meadow copper violin harbour winter garden engine paper".split()
LENGTHS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 18, 22, 26, 30, 40, 50, 70, 90, 120, 180, 250, 350]

Row = list[float]
BOUND = 0.999


def text(seed: int, words: int) -> str:
    return " ".join(WORDS[(seed * 7 + i * i + i // 3) % len(WORDS)] for i in range(words))


TEXTS = [text(seed, words) for seed, words in enumerate(LENGTHS)]


def cosine(a: Row, b: Row) -> float:
    product = sum(x * y for x, y in zip(a, b, strict=True))
    return product / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def least(ones: list[Row], others: list[Row]) -> float:
    return min(cosine(a, b) for a, b in zip(ones, others, strict=True))


async def embed(server: Server, texts: list[str]) -> list[Row]:
    # Base64 keeps all bits of the numbers.
    answer = await server.call("POST", "/v1/embeddings", {"input": texts, "encoding_format": "base64"})
    rows = [base64.b64decode(item["embedding"]) for item in sorted(answer["data"], key=lambda item: item["index"])]
    return [list(struct.unpack(f"<{len(row) // 4}f", row)) for row in rows]


async def alone_and_together(server: Server) -> tuple[list[Row], list[Row]]:
    async with server:
        alone = [(await embed(server, [text]))[0] for text in TEXTS]
        return alone, await embed(server, TEXTS)


async def run(args: argparse.Namespace) -> int:
    settings = Settings(args.model, context=2048, parallel=1, threads=args.threads)
    # A sequence for each text, over one stream of cells: texts of one request then share
    # its batches too. (It ends with an assertion where -ub is no multiple of them.)
    theirs = replace(settings, parallel=len(TEXTS), context=4096,
                     extra=["--embedding", "--pooling", "mean", "-ub", "2040", "-b", "2040", "--kv-unified"])
    our_alone, our_together = await alone_and_together(Rein(args.rein, settings))
    their_alone, their_together = await alone_and_together(LlamaServer(args.llama_server, theirs))
    print(f"{len(TEXTS)} texts of {len(our_alone[0])} elements")
    print(f"alone, rein and llama-server: {least(our_alone, their_alone):.6f}")
    print(f"together, rein and llama-server: {least(our_together, their_together):.6f}")
    print(f"rein together, llama-server alone: {least(our_together, their_alone):.6f}")
    judged = min(least(our_alone, their_alone), least(our_together, their_alone))
    print(f"rein, alone and together: {least(our_alone, our_together):.6f}")
    print(f"llama-server, alone and together: {least(their_alone, their_together):.6f}")
    print(f"- least cosine to llama-server's: {judged:.6f}, above {BOUND}: {'holds' if judged > BOUND else '**missed**'}")
    return 0 if judged > BOUND else 1


def main() -> int:
    parser = terminal.parser(__doc__)
    parser.add_argument("--llama-server", required=True, help="llama-server's binary")
    return asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
