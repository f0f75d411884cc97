"""What was measured, by model, server, scenario and metric: kept as JSON, merged, and turned into ratios."""

import json
import statistics
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import report

# round -> the values of that round; a round that failed is absent
Rounds = dict[int, list[float]]


@dataclass(frozen=True)
class Key:
    """One figure of one server."""

    model: str
    server: str
    scenario: str
    metric: str


class Results:
    """Figures of several rounds, of one command or of several with `--append`."""

    def __init__(self) -> None:
        self._rounds: dict[Key, Rounds] = defaultdict(dict)
        self.machine: dict[str, Any] = report.machine()
        self.began = time.strftime("%Y-%m-%d")
        self.arguments: dict[str, Any] = {}

    @classmethod
    def load(cls, path: Path) -> "Results":
        """Reads what `save` wrote. Raises `OSError`, `ValueError`, `KeyError`."""
        read = json.loads(path.read_text(encoding="utf-8"))
        made = cls()
        made.machine, made.began, made.arguments = read["machine"], read["began"], read["arguments"]
        for row in read["results"]:
            key = Key(row["model"], row["server"], row["scenario"], row["metric"])
            made._rounds[key] = {int(number): values for number, values in row["rounds"].items()}
        return made

    def save(self, path: Path) -> None:
        """Replaces the file in one step: what was measured before is not lost when this is interrupted."""
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [{**key.__dict__, "rounds": rounds} for key, rounds in self._rounds.items() if rounds]
        text = json.dumps({"machine": self.machine, "began": self.began, "arguments": self.arguments, "results": rows}, indent=1)
        beside = path.with_suffix(".part")
        beside.write_text(text + "\n", encoding="utf-8")
        beside.replace(path)

    def add(self, key: Key, number: int, values: list[float]) -> None:
        self._rounds[key][number] = values

    def rounds(self, key: Key) -> Rounds:
        return self._rounds.get(key, {})

    def models(self) -> list[str]:
        """In the order in which they were first measured."""
        return list(dict.fromkeys(key.model for key, rounds in self._rounds.items() if rounds))

    def rounds_of(self, model: str, scenario: str) -> int:
        """One more than the last round of any server in that scenario."""
        numbers = (number for key, rounds in self._rounds.items() for number in rounds
                   if (key.model, key.scenario) == (model, scenario))
        return max(numbers, default=-1) + 1

    def medians(self, key: Key) -> list[float]:
        """One of each round, in the order of the rounds."""
        return [statistics.median(values) for _, values in sorted(self.rounds(key).items())]

    def every(self, key: Key) -> list[float]:
        return [value for values in self.rounds(key).values() for value in values]

    def ratios(self, first: Key, second: Key) -> list[float]:
        """The first by the second: the medians of each round that both have."""
        above, below = self.rounds(first), self.rounds(second)
        pairs = [(statistics.median(above[n]), statistics.median(below[n])) for n in sorted(above.keys() & below.keys())]
        return [ours / theirs for ours, theirs in pairs if theirs > 0]
