"""What is measured: a class for each scenario, each run on a server that has just started or is idle."""

import models
from scenarios.base import LLAMA_SERVER, REIN, Arm, Context, Metric, Scenario, Setup, Values
from scenarios.depth import Depth
from scenarios.drafts import Drafts
from scenarios.overcommit import Overcommit
from scenarios.prefill import LongPromptBeside, LongPromptBesideMany
from scenarios.prefix import IdleConversations, SharedPrefix, TwoTurns
from scenarios.process import Idle, Load, Memory
from scenarios.stops import Stop
from scenarios.streams import FourStreams, LongStreams, SingleStream, Throughput
from scenarios.structured import JsonSchema

__all__ = [
    "LLAMA_SERVER", "REIN", "STREAMS", "Arm", "Context", "Depth", "Metric", "Scenario", "Setup", "Stop", "Values",
    "all_scenarios", "gpu_scenarios",
]

STREAMS = (1, 2, 4, 8, 16)


# Before the names of scenarios that a GPU has in other sizes.
GPU_PREFIX = "gpu_"


def all_scenarios() -> list[Scenario]:
    """In the order in which they run; those that agree on the setup share a start of the servers."""
    return [
        Load(),
        Memory("after load"),
        Idle(),
        SingleStream(),
        FourStreams(),
        TwoTurns(),
        SharedPrefix(),
        LongPromptBeside(),
        JsonSchema(),
        *(Stop(phase, by_cancel) for phase in ("decode", "prefill") for by_cancel in (True, False)),
        Memory("after the scenarios"),
        *(Throughput(streams) for streams in STREAMS),
        LongStreams(),
        IdleConversations(),
        Drafts(),
        Overcommit(),
        Depth(),
    ]


def gpu_scenarios(streams: int, tokens: int, prompt: int, beside: int) -> list[Scenario]:
    """One stream and `streams`, of `tokens` tokens each; a prompt of `prompt` words beside `beside` streams."""
    made = [
        *(Throughput(count, tokens, tokens, GPU_PREFIX, warm=True) for count in (1, streams)),
        LongPromptBesideMany(prompt, beside, GPU_PREFIX),
    ]
    for one in made:
        # Speed alone: of any model.
        one.on = models.BOTH
    return made
