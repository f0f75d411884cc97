"""Line charts as SVG: small, without a library, readable on light and dark pages."""

import math
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 460, 280
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 58, 44
# Told apart without colour too: by the shape of the marks.
COLOURS = ("#0072b2", "#d55e00", "#009e73")


@dataclass(frozen=True)
class Point:
    """A median, and the least and the most of what it is the median of."""

    label: str
    median: float
    least: float
    most: float


@dataclass(frozen=True)
class Series:
    name: str
    points: list[Point]


@dataclass(frozen=True)
class Chart:
    """The x axis has the labels of all points at equal distances, in the order of the first series that has them."""

    title: str
    x_label: str
    y_label: str
    series: list[Series]


def nice_step(top: float, steps: int = 5) -> float:
    """A round number of which about `steps` reach `top`."""
    if top <= 0:
        return 1.0
    raw = top / steps
    magnitude = 10.0 ** math.floor(math.log10(raw))
    return next(factor * magnitude for factor in (1, 2, 2.5, 5, 10) if factor * magnitude >= raw * 0.999)


def svg(chart: Chart) -> str:
    """The chart as a document of its own; its y axis begins at 0."""
    labels = list(dict.fromkeys(point.label for series in chart.series for point in series.points))
    step = nice_step(max((point.most for series in chart.series for point in series.points), default=1.0))
    top = step * math.ceil(max((point.most for series in chart.series for point in series.points), default=1.0) / step)

    def x(label: str) -> float:
        inside = WIDTH - LEFT - RIGHT
        return LEFT + inside * (labels.index(label) + 0.5) / max(1, len(labels))

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="sans-serif" font-size="12" role="img" aria-label="{escape(chart.title)}">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="6" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="22" font-size="14" font-weight="bold" fill="#1f2328">{escape(chart.title)}</text>',
        _text(LEFT + (WIDTH - LEFT - RIGHT) / 2, HEIGHT - 8, chart.x_label, "middle"),
        f'<text transform="translate(14 {TOP + (HEIGHT - TOP - BOTTOM) / 2:.0f}) rotate(-90)" text-anchor="middle" '
        f'fill="#57606a">{escape(chart.y_label)}</text>',
    ]
    for number in range(round(top / step) + 1):
        height = y(number * step)
        parts.append(f'<path d="M{LEFT} {height:.1f}H{WIDTH - RIGHT}" stroke="#d8dee4"/>')
        parts.append(_text(LEFT - 6, height + 4, f"{number * step:g}", "end"))
    parts += [_text(x(label), HEIGHT - BOTTOM + 17, label, "middle") for label in labels]
    for number, series in enumerate(chart.series):
        parts += _line(series, number, x, y)
        parts += _legend(series.name, number)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#57606a">{escape(text)}</text>'


def _mark(x: float, y: float, number: int) -> str:
    colour = COLOURS[number % len(COLOURS)]
    if number % 2:
        return f'<rect x="{x - 3.5:.1f}" y="{y - 3.5:.1f}" width="7" height="7" fill="{colour}"/>'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>'


def _line(series: Series, number: int, x, y) -> list[str]:
    """The line through the medians, the marks, and a bar from the least to the most."""
    colour = COLOURS[number % len(COLOURS)]
    path = "L".join(f"{x(point.label):.1f} {y(point.median):.1f}" for point in series.points)
    parts = [f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>'] if path else []
    for point in series.points:
        if point.most > point.least:
            bar = f"M{x(point.label):.1f} {y(point.least):.1f}V{y(point.most):.1f}"
            parts.append(f'<path d="{bar}" stroke="{colour}" stroke-width="5" stroke-opacity="0.25"/>')
        parts.append(_mark(x(point.label), y(point.median), number))
    return parts


def _legend(name: str, number: int) -> list[str]:
    left = LEFT + 4 + 130 * number
    return [_mark(left, 41, number), f'<text x="{left + 10}" y="45" fill="#1f2328">{escape(name)}</text>']
