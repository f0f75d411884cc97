"""What the benchmarks are asked on a command line, and what they say while they run."""

import argparse
import sys


def parser(purpose: str | None, several_models: bool = False) -> argparse.ArgumentParser:
    """A parser for the options that all of them have."""
    made = argparse.ArgumentParser(description=purpose, formatter_class=argparse.RawDescriptionHelpFormatter)
    if several_models:
        made.add_argument("--model", action="append", help="a GGUF file to serve; may be given twice")
    else:
        made.add_argument("--model", required=True, help="the GGUF file to serve")
    made.add_argument("--rein", default="target/release/rein", help="rein's binary (%(default)s)")
    made.add_argument("-t", "--threads", type=int, default=2, help="threads (%(default)s)")
    return made


def say(text: str) -> None:
    """Progress goes to standard error: standard output carries the results."""
    print(text, file=sys.stderr, flush=True)
