#!/usr/bin/env python3
"""How soon is a hostile chat template a 400, and does a stream beside it notice?

Loads a template with five traps (tests/data/traps.jinja), streams one answer, and has each trap rendered while it streams. Prints
the seconds until each 400, and the largest gap between two tokens of the stream with and without traps beside it.

Example:
  benches/hostile_templates.py --model model.gguf --rounds 5
"""

import argparse
import asyncio
import pathlib
import sys
import time
from statistics import median

import prompts
import sse
import terminal
from servers import Rein, Server, Settings

TRAPS = ["loops", "recursion", "output", "doubling", "search"]
TEMPLATE = pathlib.Path(__file__).parent.parent / "tests/data/traps.jinja"
TOKENS = 400
BOUND_SECONDS = 1.0


async def largest_gap(server: Server) -> float:
    answer = await server.chat(prompts.request(prompts.user("Tell a story."), TOKENS, ignore_eos=True))
    assert answer.completion_tokens == TOKENS, answer
    return answer.largest_gap(answer.arrivals[0], answer.arrivals[-1])


async def spring(server: Server, trap: str) -> float:
    """The seconds until the answer, which has to be a 400."""
    request = prompts.request(prompts.user("Hello."), 4, chat_template_kwargs={"trap": trap})
    began = time.perf_counter()
    try:
        await server.chat(request)
    except sse.HttpError as error:
        if error.status == 400:
            return time.perf_counter() - began
        raise
    raise RuntimeError(f"the trap {trap!r} was rendered")


async def spring_all(server: Server) -> dict[str, float]:
    # Behind the first tokens of the stream.
    await asyncio.sleep(0.3)
    return {trap: await spring(server, trap) for trap in TRAPS}


async def run(args: argparse.Namespace) -> int:
    async with Rein(args.rein, Settings(args.model, context=2048, parallel=2, threads=args.threads)) as server:
        load = {"model_path": args.model, "chat_template_override": TEMPLATE.read_text()}
        await server.call("POST", "/api/inference/load", load)
        quiet, beside, seconds = [], [], []
        for number in range(args.rounds):
            terminal.say(f"round {number + 1} of {args.rounds}")
            quiet.append(await largest_gap(server))
            gap, found = await asyncio.gather(largest_gap(server), spring_all(server))
            beside.append(gap)
            seconds.append(found)
    worst = 0.0
    for trap in TRAPS:
        taken = [found[trap] for found in seconds]
        worst = max(worst, *taken)
        print(f"{trap:10} 400 after {median(taken):.2f} s [{min(taken):.2f}..{max(taken):.2f}]")
    for name, gaps in [("alone", quiet), ("beside", beside)]:
        print(f"largest gap of the stream, {name:6} {1e3 * median(gaps):.0f} ms [{1e3 * min(gaps):.0f}..{1e3 * max(gaps):.0f}]")
    return 0 if worst <= BOUND_SECONDS else 1


def main() -> int:
    parser = terminal.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds (%(default)s)")
    return asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
