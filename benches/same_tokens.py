#!/usr/bin/env python3
"""Does rein say what llama-server says? Greedy answers to 20 prompts, compared text by text.

Where two answers part ways, llama-server is asked for the logit gap between the two tokens at that place: a
small one means that rounding decided (results depend on batch shapes), a large one is a fault.

Example:
  benches/same_tokens.py --model model.gguf --llama-server path/llama-server
"""

import argparse
import asyncio
import sys
from dataclasses import replace

import prompts
import terminal
from servers import LlamaServer, Rein, Server, Settings


async def answers(server: Server, tokens: int) -> list[str]:
    """One after the other, each on its own prompt: single stream."""
    async with server:
        return [(await server.chat(prompts.request(prompts.about(subject), tokens))).text for subject in prompts.TOPICS]


async def gap(server: Server, subject: str, ours: str, theirs: str) -> str:
    """How much less likely rein's continuation is, by llama-server's own probabilities at the fork."""
    common = 0
    while common < min(len(ours), len(theirs)) and ours[common] == theirs[common]:
        common += 1
    body = prompts.request(prompts.about(subject), 128, stream=False, logprobs=True, top_logprobs=5)
    answer = await server.call("POST", "/v1/chat/completions", body)
    text = ""
    for token in answer["choices"][0]["logprobs"]["content"]:
        if len(text) + len(token["token"]) > common:
            top = token["top_logprobs"]
            rest = ours[len(text):]
            for other in top:
                if other["token"] != token["token"] and other["token"] and rest.startswith(other["token"]):
                    return f"gap {token['logprob'] - other['logprob']:.3f} ({token['token']!r} or {other['token']!r})"
            return f"rein's token is not among the five likeliest: {[t['token'] for t in top]}"
        text += token["token"]
    return "no fork found in llama-server's own tokens"


async def run(args: argparse.Namespace) -> int:
    settings = Settings(args.model, threads=args.threads)
    # rein's choice on the CPU; another kind of attention rounds differently.
    same_attention = replace(settings, extra=["--flash-attn", "off"])
    ours = await answers(Rein(args.rein, same_attention), args.tokens)
    theirs = await answers(LlamaServer(args.llama_server, same_attention), args.tokens)
    different = [i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b]
    print(f"{len(prompts.TOPICS) - len(different)} of {len(prompts.TOPICS)} answers of {args.tokens} tokens are the same")
    if different:
        async with LlamaServer(args.llama_server, same_attention) as server:
            for i in different:
                print(f"  {prompts.TOPICS[i]}: {await gap(server, prompts.TOPICS[i], ours[i], theirs[i])}")
    return 0


def main() -> int:
    parser = terminal.parser(__doc__)
    parser.add_argument("--llama-server", required=True, help="llama-server's binary")
    parser.add_argument("--tokens", type=int, default=128, help="tokens of an answer (%(default)s)")
    return asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
