#!/usr/bin/env python3
"""Writes a GGUF file with random weights in the shape of a real model: for the speed of large models.

What such a model says means nothing; what it costs is what a trained one of that shape costs. The tokenizer and the chat
template are those of another file (SmolLM2's), whose first megabytes are enough; the vocabulary is filled up with tokens
of its own. Only these are ever likely: the output rows of the tokenizer's own tokens are zero, so that no answer ends
early and every token has a text of its own. The same arguments write the same bytes.

Example: benches/random_model.py --shape 8b --tokenizer SmolLM2-135M-Instruct-Q4_1.gguf random-8b-q4_0.gguf
"""

import argparse
import random
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import gguf
from gguf import Tensor, Value
from terminal import say


@dataclass(frozen=True)
class Shape:
    """The dimensions of a Llama; a head is `width / heads` wide."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    feed_forward: int
    vocabulary: int
    context: int = 131072


@dataclass(frozen=True)
class Quant:
    """A type of tensors whose blocks are a scale (half precision) and whole numbers, of which any bytes are valid."""

    kind: int
    # general.file_type
    file_type: int
    # Bytes of a block of 32 weights.
    block: int
    # Standard deviation of the weights of a block of random bytes whose scale is 1.
    deviation: float


SHAPES = {
    "8b": Shape(32, 4096, 32, 8, 14336, 128256),
    "small": Shape(4, 512, 8, 4, 1536, 65536),
}
QUANTS = {"q4_0": Quant(2, 2, 18, 4.61), "q8_0": Quant(8, 7, 34, 73.9)}
ELEMENTS = 32
# As trained models have them: activations stay far from what half precision holds.
DEVIATION = 0.02
# Blocks that are repeated through the file. A prime: rows (a power of two of blocks, nearly always) differ for long.
PERIOD = 1_000_003
# From one tensor to the next in these blocks, so that layers differ.
STRIDE = 314_159
GPT2_SPACE = "Ġ"
NORMAL = 1


def tensors(shape: Shape, quant: Quant) -> Iterator[Tensor]:
    def weights(name: str, inputs: int, outputs: int) -> Tensor:
        return Tensor(f"{name}.weight", (inputs, outputs), quant.kind, inputs * outputs // ELEMENTS * quant.block)

    def ones(name: str) -> Tensor:
        return Tensor(f"{name}.weight", (shape.width,), 0, 4 * shape.width)

    keys = shape.width // shape.heads * shape.kv_heads
    yield weights("token_embd", shape.width, shape.vocabulary)
    for layer in range(shape.layers):
        here = f"blk.{layer}"
        yield ones(f"{here}.attn_norm")
        yield weights(f"{here}.attn_q", shape.width, shape.width)
        yield weights(f"{here}.attn_k", shape.width, keys)
        yield weights(f"{here}.attn_v", shape.width, keys)
        yield weights(f"{here}.attn_output", shape.width, shape.width)
        yield ones(f"{here}.ffn_norm")
        yield weights(f"{here}.ffn_gate", shape.width, shape.feed_forward)
        yield weights(f"{here}.ffn_up", shape.width, shape.feed_forward)
        yield weights(f"{here}.ffn_down", shape.feed_forward, shape.width)
    yield ones("output_norm")
    yield weights("output", shape.width, shape.vocabulary)


def metadata(shape: Shape, quant: Quant, name: str, tokenizer: dict[str, Value]) -> dict[str, Value]:
    """What a header of this shape says, with the tokenizer of another."""
    numbers = {
        "vocab_size": shape.vocabulary, "context_length": shape.context, "block_count": shape.layers,
        "embedding_length": shape.width, "feed_forward_length": shape.feed_forward, "attention.head_count": shape.heads,
        "attention.head_count_kv": shape.kv_heads, "rope.dimension_count": shape.width // shape.heads,
    }
    return {
        "general.architecture": Value.text("llama"),
        "general.name": Value.text(name),
        "general.file_type": Value.u32(quant.file_type),
        "general.quantization_version": Value.u32(2),
        **{f"llama.{key}": Value.u32(number) for key, number in numbers.items()},
        "llama.attention.layer_norm_rms_epsilon": Value.f32(1e-5),
        "llama.rope.freq_base": Value.f32(500000.0),
        **padded(tokenizer, shape.vocabulary),
    }


def padded(metadata: dict[str, Value], vocabulary: int) -> dict[str, Value]:
    """The keys of the tokenizer, with tokens that no text becomes at the end of its vocabulary.

    Normal tokens that no merge makes: unlike those of other types they are not looked for in every text.
    """
    kept = {key: value for key, value in metadata.items() if key.startswith("tokenizer.")}
    tokens = kept["tokenizer.ggml.tokens"]
    missing = vocabulary - len(tokens)
    if missing <= 0:
        raise ValueError(f"the tokenizer has {len(tokens)} tokens: no room among {vocabulary} for others")
    known = set(tokens.strings())
    texts = (f"{GPT2_SPACE}x{number}".encode() for number in range(vocabulary + missing))
    new = [text for text in texts if text not in known][:missing]
    kept["tokenizer.ggml.tokens"] = tokens.longer(missing, b"".join(map(gguf.string, new)))
    for key, item in (("tokenizer.ggml.token_type", struct.pack("<i", NORMAL)), ("tokenizer.ggml.scores", bytes(4))):
        if key in kept:
            kept[key] = kept[key].longer(missing, item * missing)
    return kept


def blocks(quant: Quant) -> bytearray:
    """The period: random whole numbers, one scale."""
    made = bytearray(random.Random(0).randbytes(PERIOD * quant.block))
    low, high = struct.pack("<e", DEVIATION / quant.deviation)
    made[0::quant.block] = bytes([low]) * PERIOD
    made[1::quant.block] = bytes([high]) * PERIOD
    return made


def write(path: Path, shape: Shape, quant: Quant, tokenizer: dict[str, Value]) -> None:
    """Writes the file; it stands under its name only once it is whole."""
    own = len(tokenizer["tokenizer.ggml.tokens"])
    every = list(tensors(shape, quant))
    period = memoryview(blocks(quant))
    beside = path.with_suffix(".part")
    with open(beside, "wb") as file:
        file.write(gguf.header(metadata(shape, quant, path.stem, tokenizer), every))
        for number, tensor in enumerate(every):
            left = tensor.size
            if len(tensor.shape) == 1:
                file.write(struct.pack("<f", 1.0) * tensor.shape[0])
                left = 0
            elif tensor.name == "output.weight":
                silent = own * shape.width // ELEMENTS * quant.block
                file.write(bytes(silent))
                left -= silent
            _fill(file, period, number * STRIDE % PERIOD * quant.block, left)
            file.write(bytes(gguf.padding(tensor.size)))
    beside.replace(path)


def _fill(file: BinaryIO, period: memoryview, at: int, left: int) -> None:
    """Writes `left` bytes of the period, from `at` on and round and round."""
    while left:
        piece = period[at:at + left]
        file.write(piece)
        left -= len(piece)
        at = 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="where to write it; nothing is written where it stands")
    parser.add_argument("--shape", choices=SHAPES, default="8b", help="its dimensions (%(default)s)")
    parser.add_argument("--type", choices=QUANTS, default="q4_0", help="of its weights (%(default)s)")
    parser.add_argument("--tokenizer", type=Path, required=True, help="a GGUF file, or its first megabytes")
    args = parser.parse_args()
    if args.path.exists():
        say(f"{args.path} is there")
        return 0
    began = time.perf_counter()
    args.path.parent.mkdir(parents=True, exist_ok=True)
    write(args.path, SHAPES[args.shape], QUANTS[args.type], gguf.read_metadata(args.tokenizer))
    say(f"wrote {args.path}, {args.path.stat().st_size / 1e9:.2f} GB in {time.perf_counter() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
