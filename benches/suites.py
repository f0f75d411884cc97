"""What is measured and judged together: the comparison of CPUs, and that of GPUs at full size and at one to try it with."""

from collections.abc import Callable
from dataclasses import dataclass

import bounds
import scenarios
from bounds import Bound
from scenarios import Scenario
from servers import LlamaServer


@dataclass(frozen=True)
class Suite:
    """Scenarios in the order in which they run, the bounds on them, and options of llama-server for all of them."""

    name: str
    scenarios: tuple[Scenario, ...]
    bounds: tuple[Bound, ...]
    llama_server: tuple[str, ...] = ()

    def options(self, server: type) -> tuple[str, ...]:
        return self.llama_server if server is LlamaServer else ()


@dataclass(frozen=True)
class GpuSizes:
    """How much the scenarios of a GPU ask for. `beside` streams run while a prompt of `prompt` words is read."""

    streams: int
    tokens: int
    prompt: int
    beside: int


# rein keeps all layers on the GPU where nothing is said. All else is llama-server's default: flash attention (auto),
# batches of 2048 and micro-batches of 512 tokens, where sampling takes place.
ALL_LAYERS = ("-ngl", "99")
GPU_SIZES = {"gpu": GpuSizes(32, 512, 8000, 3), "gpu-trial": GpuSizes(4, 24, 300, 2)}


def _gpu(name: str) -> Suite:
    sizes = GPU_SIZES[name]
    return Suite(name, tuple(scenarios.gpu_scenarios(**vars(sizes))), bounds.gpu_bounds(**vars(sizes)), ALL_LAYERS)


_SUITES: dict[str, Callable[[], Suite]] = {
    "cpu": lambda: Suite("cpu", tuple(scenarios.all_scenarios()), bounds.BOUNDS),
    **{name: (lambda name=name: _gpu(name)) for name in GPU_SIZES},
}
NAMES = tuple(_SUITES)


def suite(name: str) -> Suite:
    """Raises `KeyError` where the name is none of `NAMES`."""
    return _SUITES[name]()
