#!/usr/bin/env python3
"""What HTTP costs a single stream: rein's server against its own bare decode loop, interleaved.

Example:
  cargo build --release --example decode_loop
  benches/bare_loop.py --model model.gguf --loop target/release/examples/decode_loop
"""

import argparse
import asyncio
import statistics
import subprocess
import sys

import prompts
import report
import terminal
from servers import Rein, Settings

TOKENS = 128
PROMPT = "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"


def bare(args: argparse.Namespace) -> float:
    """Tokens a second of the loop without server, the better of two in a row (the first warms the caches)."""
    prompt = PROMPT.format(prompts.story(prompts.SUBJECTS[0])[-1]["content"])
    command = [args.loop, args.model, prompt, str(TOKENS), str(args.threads), "3"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return max((TOKENS - 1) / float(line) * 1000 for line in lines)


async def served(args: argparse.Namespace) -> float:
    """The same over HTTP, as a client sees it."""
    async with Rein(args.rein, Settings(args.model, threads=args.threads)) as server:
        request = prompts.request(prompts.story(prompts.SUBJECTS[0]), TOKENS)
        return max([(await server.chat(request)).decode_rate for _ in range(3)])


def main() -> int:
    parser = terminal.parser(__doc__)
    parser.add_argument("--loop", default="target/release/examples/decode_loop", help="the bare loop (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (%(default)s)")
    args = parser.parse_args()
    rows = []
    for number in range(args.rounds):
        steps = [lambda: bare(args), lambda: asyncio.run(served(args))]
        order = [0, 1] if number % 2 == 0 else [1, 0]
        figures = {step: steps[step]() for step in order}
        rows.append((figures[1], figures[0]))
        terminal.say(f"round {number + 1}: over HTTP {figures[1]:.1f}, bare {figures[0]:.1f} tok/s")
    ratios = [http / loop for http, loop in rows]
    print(report.markdown(
        ["", "over HTTP", "bare loop", "ratio: median [least..most]"],
        [["single stream, tok/s", *(report.figure(statistics.median(column)) for column in zip(*rows)), report.spread(ratios, 3)]],
    ))
    return 0


if __name__ == "__main__":
    sys.exit(main())
