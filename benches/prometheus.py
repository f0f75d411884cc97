"""One latency metric out of a Prometheus text page, as a histogram or as a summary."""

import re
from dataclasses import dataclass, field

LINE = re.compile(r"^(?P<name>[a-zA-Z_:]+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass
class Latency:
    """A latency in seconds for one set of labels. Histograms can be subtracted, summaries cannot."""

    count: float = 0.0
    sum: float = 0.0
    buckets: dict[float, float] = field(default_factory=dict)
    quantiles: dict[float, float] = field(default_factory=dict)

    def since(self, earlier: "Latency") -> "Latency":
        """What was recorded after `earlier`."""
        buckets = {bound: count - earlier.buckets.get(bound, 0.0) for bound, count in self.buckets.items()}
        return Latency(self.count - earlier.count, self.sum - earlier.sum, buckets, self.quantiles)

    def quantile(self, share: float) -> float | None:
        """Of a histogram the upper bound of the bucket that holds it; of a summary what it says."""
        for bound, count in sorted(self.buckets.items()):
            if self.count and count >= share * self.count:
                return bound
        return self.quantiles.get(share)


def latency(page: str, name: str, **labels: str) -> Latency:
    """The metric `name` whose labels include all of `labels`; zero where the page has none."""
    found = Latency()
    for line in page.splitlines():
        match = LINE.match(line)
        if not match or not match["name"].startswith(name):
            continue
        has = dict(LABEL.findall(match["labels"] or ""))
        if any(has.get(key) != value for key, value in labels.items()):
            continue
        value = float(match["value"])
        suffix = match["name"][len(name):]
        if suffix == "_count":
            found.count += value
        elif suffix == "_sum":
            found.sum += value
        elif suffix == "_bucket":
            bound = float(has["le"].replace("+Inf", "inf"))
            found.buckets[bound] = found.buckets.get(bound, 0.0) + value
        elif suffix == "" and "quantile" in has:
            found.quantiles[float(has["quantile"])] = value
    return found
