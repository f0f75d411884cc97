"""The report of a GPU and the models of random weights, without a server or a GPU.
Run: python3 -m unittest discover benches"""

import json
import struct
import tempfile
import unittest
from pathlib import Path

import gguf
import gpu_report
import prompts
import random_model
import suites
from gguf import Value
from results import Key, Results

SAMPLED = """NVIDIA H200: 32 rows of 150000 logits, 1000 rounds
| chain | kernels, µs | step, µs | 90th | CPU, one thread, µs |
| --- | --- | --- | --- | --- |
| temperature 0.6, top-k 20, top-p 0.95, min-p 0.01 | 61.0 | {step} | 99.0 | 4000 |

bound: {step} of 150 µs, {word}
"""


def stop_row(phase: str, cause: str, latency: list[float], beyond: list[float], failures: list[str]) -> dict:
    return {"phase": phase, "cause": cause, "latency_ms": latency, "beyond_step_ms": beyond, "failures": failures}


class Reported(unittest.TestCase):
    def check(self, found: list[gpu_report.Line], text: str, measured: str, holds: bool | None) -> None:
        chosen = [one for one in found if one.cells[0] == text]
        self.assertEqual([(one.cells[3], one.holds) for one in chosen], [(measured, holds)], text)

    def test_a_stop_is_judged_by_its_99th_percentile_and_by_what_failed(self) -> None:
        rows = [
            stop_row("prefill", "cancel", [10.0] * 9 + [60.0], [1.0], []),
            stop_row("prefill", "disconnect", [10.0] * 9 + [60.1], [1.0], []),
            stop_row("decode", "cancel", [30.0], [-2.0, 4.0], []),
            stop_row("decode", "disconnect", [30.0], [1.0], ["the stop was not logged"]),
        ]
        found = gpu_report.stops({"arguments": {"model": "/x/random-8b-q4_0.gguf"}, "rows": rows})
        self.check(found, "stop in a prefill, by cancel, ms", "p50 10.0, p99 60.0", True)
        self.check(found, "stop in a prefill, by disconnect, ms", "p50 10.0, p99 60.1", False)
        self.check(found, "stop in a decode, beyond the step that runs, by cancel, ms", "p50 -2.0, p99 4.0", True)
        text = "stop in a decode, beyond the step that runs, by disconnect, ms"
        self.check(found, text, "p50 1.0, p99 1.0; 1 failed", False)
        self.assertEqual([one.holds for one in gpu_report.stops(None)], [None] * 4)

    def test_sampling_is_judged_by_the_line_of_the_example(self) -> None:
        text = "32 rows of 150,000 logits sampled, with upload and download, ms"
        self.check(gpu_report.sampling(SAMPLED.format(step="80.5", word="kept")), text, "0.081", True)
        self.check(gpu_report.sampling(SAMPLED.format(step="150.1", word="missed")), text, "0.150", False)
        for nothing in ("", "skipped: there is no GPU\n"):
            self.assertEqual([one.holds for one in gpu_report.sampling(nothing)], [None])

    def test_a_folder_makes_one_table_of_what_is_there(self) -> None:
        results = Results()
        results.arguments = {"suite": "gpu"}
        for scenario, metric, ours, theirs in (
            ("gpu_throughput_1", "total", 210.0, 200.0),
            ("gpu_throughput_32", "total", 2600.0, 2000.0),
            ("gpu_long_prompt_beside", "gap", 0.0641, 0.9),
        ):
            results.add(Key("random", "rein", scenario, metric), 0, [ours])
            results.add(Key("random", "llama-server", scenario, metric), 0, [theirs])
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            self.assertEqual({one.holds for one in gpu_report.lines(folder)}, {None})
            results.save(folder / gpu_report.COMPARE)
            (folder / gpu_report.STOPS).write_text(json.dumps({"arguments": {"model": "m"}, "rows": []}))
            (folder / gpu_report.SAMPLING).write_text(SAMPLED.format(step="80.5", word="kept"), encoding="utf-8")
            found = gpu_report.lines(folder)
        self.assertEqual([one.holds for one in found], [True, False, False, None, None, None, None, True])
        # By hundredths of a second it would look as if it held.
        self.assertEqual(found[2].cells[3], "0.064 [0.064..0.064]")

    def test_the_trial_measures_what_the_gpu_does(self) -> None:
        full, trial = suites.suite("gpu"), suites.suite("gpu-trial")
        kinds = [[(type(one), [metric.name for metric in one.metrics]) for one in suite.scenarios] for suite in (full, trial)]
        self.assertEqual(*kinds)
        limits = [[(bound.metric, bound.limit) for bound in suite.bounds] for suite in (full, trial)]
        self.assertEqual(*limits)

    def test_streams_have_different_subjects(self) -> None:
        for count in (1, 20, 32, 64):
            self.assertEqual(len(set(prompts.topics(count))), count)


def text_array(texts: list[bytes]) -> Value:
    return Value(gguf.ARRAY, struct.pack("<IQ", gguf.TEXT, len(texts)) + b"".join(map(gguf.string, texts)))


class Written(unittest.TestCase):
    SHAPE = random_model.Shape(layers=1, width=64, heads=2, kv_heads=1, feed_forward=96, vocabulary=8, context=64)
    # A tokenizer that has one of the new tokens already.
    TOKENIZER = {
        "general.name": Value.text("another"),
        "tokenizer.ggml.model": Value.text("gpt2"),
        "tokenizer.ggml.tokens": text_array(["a".encode(), "Ġx1".encode()]),
        "tokenizer.ggml.token_type": Value(gguf.ARRAY, struct.pack("<IQ2i", gguf.I32, 2, 1, 1)),
    }

    def written(self, quant: random_model.Quant) -> tuple[dict[str, Value], bytes]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "made.gguf"
            random_model.write(path, self.SHAPE, quant, self.TOKENIZER)
            return gguf.read_metadata(path), path.read_bytes()

    def test_a_file_has_its_shape_and_the_tokenizer_with_more_tokens(self) -> None:
        found, _ = self.written(random_model.QUANTS["q4_0"])
        self.assertEqual(found["llama.embedding_length"], Value.u32(64))
        self.assertEqual(found["tokenizer.ggml.model"], Value.text("gpt2"))
        self.assertEqual(found["general.name"], Value.text("made"))
        tokens = found["tokenizer.ggml.tokens"].strings()
        self.assertEqual(tokens, [text.encode() for text in ("a", "Ġx1", "Ġx0", "Ġx2", "Ġx3", "Ġx4", "Ġx5", "Ġx6")])
        self.assertEqual(len(found["tokenizer.ggml.token_type"]), 8)

    def test_scales_are_small_and_the_tokenizers_own_tokens_are_silent(self) -> None:
        for quant in random_model.QUANTS.values():
            _, content = self.written(quant)
            every = list(random_model.tensors(self.SHAPE, quant))
            data = len(content) - sum(one.size + gguf.padding(one.size) for one in every)
            self.assertEqual(data % gguf.ALIGNMENT, 0)
            for tensor in every:
                raw = content[data:data + tensor.size]
                data += tensor.size + gguf.padding(tensor.size)
                if len(tensor.shape) == 1:
                    continue
                scales = [struct.unpack_from("<e", raw, at)[0] for at in range(0, len(raw), quant.block)]
                silent = 4 if tensor.name == "output.weight" else 0
                self.assertEqual(set(scales[:silent]), {0.0} if silent else set())
                for scale in scales[silent:]:
                    self.assertAlmostEqual(scale * quant.deviation, random_model.DEVIATION, places=4)

    def test_what_is_cut_within_the_metadata_is_refused(self) -> None:
        _, content = self.written(random_model.QUANTS["q4_0"])
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "cut.gguf"
            for size in (1, 20, 100, 300):
                path.write_bytes(content[:size])
                self.assertRaises(ValueError, gguf.read_metadata, path)


if __name__ == "__main__":
    unittest.main()
