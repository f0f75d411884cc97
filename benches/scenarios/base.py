"""What a scenario is: its metrics, the servers it is run on, and how those are started."""

from dataclasses import dataclass, field

import models
import sse
from servers import LlamaServer, Rein, Server


@dataclass(frozen=True)
class Metric:
    """A figure that a scenario gives; `higher` says which way is better."""

    name: str
    label: str
    unit: str
    higher: bool = False

    @property
    def head(self) -> str:
        """The first cell of its row: '+' marks where more is better."""
        return f"{self.label}{' +' if self.higher else ''}, {self.unit}"


@dataclass(frozen=True)
class Context:
    """What a scenario may vary by. `round` seeds the prompts, so that no round finds those of another."""

    round: int
    stop_tries: int
    idle_seconds: float


@dataclass(frozen=True)
class Arm:
    """One side of a comparison: a server, and options that only it is given."""

    name: str
    server: type[Server]
    extra: tuple[str, ...] = ()


REIN = Arm(Rein.name, Rein)
LLAMA_SERVER = Arm(LlamaServer.name, LlamaServer)


@dataclass(frozen=True)
class Setup:
    """How the servers are started; None takes what the command line says. Scenarios that agree share a start."""

    context: int | None = None
    parallel: int | None = None
    # The first by the second is the ratio.
    arms: tuple[Arm, ...] = field(default=(REIN, LLAMA_SERVER))


# Metric name -> one value, or several where each try counts.
Values = dict[str, list[float]]


class Scenario:
    """One kind of load. `run` leaves the server idle."""

    name = ""
    section = "Speed"
    metrics: tuple[Metric, ...] = ()
    setup = Setup()
    # Short names of the known models that it says something about; an unknown model runs everything.
    on: tuple[str, ...] = (models.SMOLLM2,)
    # It is left out of later rounds: for curves, and for what repeats itself within a round.
    most_rounds = 1000

    async def run(self, server: Server, context: Context) -> Values:
        raise NotImplementedError

    def runs_on(self, model: str) -> bool:
        return model in self.on or not models.is_known(model)


def expect_full(answer: sse.Answer, wanted: int) -> None:
    """A rate over fewer tokens than the other server's would not compare."""
    if answer.completion_tokens != wanted:
        raise RuntimeError(f"expected {wanted} tokens, got {answer.completion_tokens} ({answer.finish_reason})")
