"""What rein promises beside llama-server, in one place: each bound, and whether the figures keep it."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

import models
import report
from results import Key, Results
from scenarios import Scenario


@dataclass(frozen=True)
class Bound:
    """A limit on one metric: on the ratio of the scenario's two arms, or on the first arm's own figure."""

    text: str
    scenario: str
    metric: str
    at_most: float | None = None
    at_least: float | None = None
    # What is hoped for beyond the bound.
    aim: float | None = None
    ratio: bool = True
    # Short names; empty for all that were measured.
    models: tuple[str, ...] = (models.SMOLLM2,)

    def holds(self, value: float) -> bool:
        if self.at_most is not None:
            return value <= self.at_most
        return self.at_least is not None and value >= self.at_least

    @property
    def limit(self) -> str:
        sign, value = ("<=", self.at_most) if self.at_most is not None else (">=", self.at_least)
        return f"{sign} {value:g}{' x' if self.ratio else ''}" + (f" (aim {self.aim:g})" if self.aim else "")


def _throughput(streams: int, least: float) -> Bound:
    shown = "1 sampled stream" if streams == 1 else f"{streams} sampled streams"
    return Bound(f"throughput of {shown}", f"throughput_{streams}", "total",
                 at_least=least, aim=1.2 if least > 1 else None, models=(models.GEMMA,))


BOUNDS = (
    Bound("largest gap of a stream beside a 2,000-token prompt, s", "long_prompt_beside", "gap", at_most=0.2, ratio=False),
    Bound("TTFT of that prompt", "long_prompt_beside", "ttft", at_most=1.25),
    Bound("4 requests sharing 1,200 words: last first token", "shared_prefix", "last", at_most=0.35),
    Bound("prompt tokens they compute, in prompts", "shared_prefix", "computed", at_most=1.1, ratio=False),
    _throughput(1, 1.0),
    _throughput(4, 1.1),
    _throughput(8, 1.1),
    _throughput(16, 1.1),
    Bound("8 streams behind 1,000 words each: decode", "long_streams", "decode", at_least=1.05, models=models.BOTH),
    Bound("decode beside 16,000 idle tokens, by that of an empty cache", "idle_conversations", "relative",
          at_least=0.95, ratio=False, models=models.BOTH),
    Bound("prompt tokens computed again when they go on, %", "idle_conversations", "again",
          at_most=5, ratio=False, models=models.BOTH),
    Bound("decode under a JSON schema, by that without", "json_schema", "relative",
          at_least=0.95, ratio=False, models=models.BOTH),
    Bound("drafts: a page written again, by that without", "drafts", "rewrite", at_least=1.8),
    Bound("drafts: a sampled story, by that without", "drafts", "story", at_least=0.97),
    Bound("16 runs that want twice the KV cache: finished", "overcommit", "finished", at_least=16, ratio=False),
    Bound("prompt tokens of the second turn, % of the first's", "two_turns", "share",
          at_most=5, ratio=False, models=models.BOTH),
)


def gpu_bounds(streams: int, tokens: int, prompt: int, beside: int) -> tuple[Bound, ...]:
    """Those of `scenarios.gpu_scenarios` of the same sizes. What a GPU promises of stops is in benches/gpu_report.py."""
    shown = f"{streams} sampled streams of {tokens} tokens: all tokens by wall time"
    return (
        Bound(f"1 sampled stream of {tokens} tokens: all tokens by wall time", "gpu_throughput_1", "total",
              at_least=1.05, models=()),
        Bound(shown, f"gpu_throughput_{streams}", "total", at_least=1.4, models=()),
        Bound(f"largest gap of {beside} streams beside a prompt of {prompt:,} tokens, s", "gpu_long_prompt_beside", "gap",
              at_most=0.06, ratio=False, models=()),
    )


@dataclass(frozen=True)
class Judged:
    """A bound on one model, and one value of each round; empty where nothing was measured."""

    bound: Bound
    model: str
    values: list[float]

    @property
    def holds(self) -> bool | None:
        """By the median; None where nothing was measured."""
        return self.bound.holds(statistics.median(self.values)) if self.values else None

    def cells(self) -> list[str]:
        shown = {None: "not measured", True: "yes", False: "**no**"}[self.holds]
        # A limit of milliseconds is not judged by hundredths of a second.
        digits = 3 if self.bound.at_most and self.bound.at_most < 0.1 else 2
        figures = report.spread(self.values, digits) if self.values else "-"
        return [self.bound.text, self.model, self.bound.limit, figures, str(len(self.values)), shown]


def judge(results: Results, scenarios: Iterable[Scenario], bounds: Iterable[Bound] = BOUNDS) -> list[Judged]:
    """Every bound: on the ratio of its scenario's arms, or on the first arm's own figure."""
    by_name = {scenario.name: scenario for scenario in scenarios}
    judged = []
    for bound in bounds:
        for model in bound.models or results.models() or ["-"]:
            keys = [Key(model, arm.name, bound.scenario, bound.metric) for arm in by_name[bound.scenario].setup.arms]
            judged.append(Judged(bound, model, results.ratios(*keys) if bound.ratio else results.medians(keys[0])))
    return judged


HEAD = ["bound", "model", "limit", "measured: median [least..most]", "rounds", "holds?"]


def table(judged: list[Judged]) -> str:
    """Bound by bound: what was measured, and whether the median keeps it."""
    return report.markdown(HEAD, [one.cells() for one in judged])


def verdict(judged: list[Judged]) -> str:
    """How many bounds hold, and a line for each that does not."""
    kept, broken = ([one for one in judged if one.holds is wanted] for wanted in (True, False))
    lines = [f"{len(kept)} bound{'s hold' if len(kept) != 1 else ' holds'}, "
             f"{len(broken)} do{'' if len(broken) != 1 else 'es'} not, "
             f"{len(judged) - len(kept) - len(broken)} not measured"]
    for one in broken:
        figures = f"{report.spread(one.values)}, bound {one.bound.limit}"
        lines.append(f"  does not hold: {one.bound.text} ({one.model}): {figures}")
    return "\n".join(lines)
