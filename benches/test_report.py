"""What makes a report of results, without a server. Run: python3 -m unittest discover benches"""

import tempfile
import unittest
import xml.etree.ElementTree
from pathlib import Path

import bounds
import compare
import document
import models
import plots
import scenarios
import suites
from results import Key, Results


def results_of(rows: dict[tuple[str, str, str, str], list[float]]) -> Results:
    """(model, server, scenario, metric) -> one value a round."""
    made = Results()
    for row, values in rows.items():
        for number, value in enumerate(values):
            made.add(Key(*row), number, [value])
    return made


GAP = (models.SMOLLM2, "rein", "long_prompt_beside", "gap")
OURS = (models.SMOLLM2, "rein", "long_prompt_beside", "ttft")
THEIRS = (models.SMOLLM2, "llama-server", "long_prompt_beside", "ttft")


class Judged(unittest.TestCase):
    def check(self, results: Results, text: str, expected: list[str]) -> None:
        table = bounds.table(bounds.judge(results, scenarios.all_scenarios()))
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
        self.assertIn(expected, [row[3:] for row in rows if row[0] == text])

    def test_a_figure_is_judged_by_its_median(self) -> None:
        text = "largest gap of a stream beside a 2,000-token prompt, s"
        self.check(results_of({GAP: [0.1, 0.2, 0.9]}), text, ["0.20 [0.10..0.90]", "3", "yes"])
        self.check(results_of({GAP: [0.1, 0.3, 0.9]}), text, ["0.30 [0.10..0.90]", "3", "**no**"])
        self.check(results_of({}), text, ["-", "0", "not measured"])

    def test_a_ratio_pairs_the_rounds_that_both_have(self) -> None:
        rows = results_of({OURS: [3.0, 8.0, 99.0], THEIRS: [2.0, 8.0]})
        self.check(rows, "TTFT of that prompt", ["1.25 [1.00..1.50]", "2", "yes"])

    def test_the_verdict_names_what_falls_short(self) -> None:
        rows = results_of({GAP: [0.3], OURS: [1.0], THEIRS: [2.0]})
        verdict = bounds.verdict(bounds.judge(rows, scenarios.all_scenarios()))
        self.assertTrue(verdict.startswith("1 bound holds, 1 does not, "), verdict)
        self.assertIn("\n  does not hold: largest gap of a stream beside a 2,000-token prompt, s (SmolLM2): 0.30", verdict)

    def test_every_bound_is_on_a_metric_that_is_measured_on_its_models(self) -> None:
        for suite in map(suites.suite, suites.NAMES):
            by_name = {one.name: one for one in suite.scenarios}
            for bound in suite.bounds:
                scenario = by_name[bound.scenario]
                self.assertIn(bound.metric, [metric.name for metric in scenario.metrics], bound.text)
                self.assertTrue(all(scenario.runs_on(model) for model in bound.models), bound.text)
                self.assertEqual(len(scenario.setup.arms), 2 if bound.ratio else len(scenario.setup.arms), bound.text)
                self.assertNotEqual(bound.at_most is None, bound.at_least is None, bound.text)

    def test_every_point_of_a_curve_is_measured(self) -> None:
        known = {(one.name, metric.name) for one in scenarios.all_scenarios() for metric in one.metrics}
        for curve in document.CURVES:
            self.assertEqual([point for point in curve.points if point[1:] not in known], [], curve.file)


class Kept(unittest.TestCase):
    def test_what_is_saved_is_loaded_and_goes_on(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "some" / "results.json"
            results_of({GAP: [0.1, 0.2]}).save(path)
            loaded = Results.load(path)
            self.assertEqual(loaded.rounds(Key(*GAP)), {0: [0.1], 1: [0.2]})
            self.assertEqual(loaded.rounds_of(models.SMOLLM2, "long_prompt_beside"), 2)
            self.assertEqual(loaded.rounds_of(models.GEMMA, "long_prompt_beside"), 0)


class Written(unittest.TestCase):
    def test_only_what_is_between_the_marks_is_replaced(self) -> None:
        rows = results_of({GAP: [0.1], (models.GEMMA, "rein", "throughput_4", "total"): [100.0]})
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "page.md"
            path.write_text(f"before\n\n{document.BEGIN}\nstale\n{document.END}\n\nafter\n", encoding="utf-8")
            for _ in range(2):
                document.write(rows, path)
                text = path.read_text(encoding="utf-8")
                self.assertTrue(text.startswith("before\n\n<!--") and text.endswith("-->\n\nafter\n"), text)
                self.assertNotIn("stale", text)
                self.assertIn("(plots/streams-throughput.svg)", text)
            self.assertEqual([file.name for file in (Path(folder) / "plots").iterdir()], ["streams-throughput.svg"])

    def test_a_document_without_marks_is_left_alone(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "page.md"
            path.write_text("mine", encoding="utf-8")
            self.assertRaises(ValueError, document.write, results_of({GAP: [0.1]}), path)
            self.assertEqual(path.read_text(encoding="utf-8"), "mine")

    def test_a_chart_is_sound_xml_and_small(self) -> None:
        points = [plots.Point(str(n), 10.0 * n, 9.0 * n, 12.0 * n) for n in (1, 2, 4, 8, 16)]
        series = [plots.Series(name, points) for name in ("a", "b & <c>")]
        text = plots.svg(plots.Chart('"title" & more', "x", "y", series))
        xml.etree.ElementTree.fromstring(text)
        self.assertLess(len(text), 8000)

    def test_steps_of_an_axis_are_round(self) -> None:
        for top, step in ((1.0, 0.2), (97.0, 20.0), (120.0, 25.0), (530.0, 200.0), (0.0, 1.0)):
            self.assertAlmostEqual(plots.nice_step(top), step)


class Planned(unittest.TestCase):
    def test_scenarios_of_one_setup_share_a_start_and_a_model_without_any_has_none(self) -> None:
        chosen = [one for one in scenarios.all_scenarios() if one.name in ("single_stream", "four_streams", "throughput_4")]
        found = compare.groups(["/x/SmolLM2-135M.gguf", "/x/gemma-3-270m.gguf", "/x/other.gguf"], chosen)
        names = [(group.model, [one.name for one in group.chosen]) for group in found]
        self.assertEqual(names, [
            ("SmolLM2", ["single_stream", "four_streams"]),
            ("gemma-3", ["throughput_4"]),
            ("other", ["single_stream", "four_streams"]),
            ("other", ["throughput_4"]),
        ])


if __name__ == "__main__":
    unittest.main()
