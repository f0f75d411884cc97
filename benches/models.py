"""The models that the benchmarks know: their short names, and how their answers are kept from ending."""

from pathlib import Path

SMOLLM2 = "SmolLM2"
GEMMA = "gemma-3"
BOTH = (SMOLLM2, GEMMA)
# What benches/random_model.py writes, of any shape, with the tokenizer of SmolLM2.
RANDOM = "random"

# Short name -> the tokens that end an answer, for servers that do not take ignore_eos.
_END_TOKENS = {
    SMOLLM2: (0, 2),  # <|endoftext|>, <|im_end|>
    GEMMA: (1, 106),  # <eos>, <end_of_turn>
    RANDOM: (0, 2),
}


def name(path: str) -> str:
    """The short name of a model file; the file's own stem where it is not one of the known."""
    stem = Path(path).stem
    return next((known for known in _END_TOKENS if stem.lower().startswith(known.lower())), stem)


def is_known(short: str) -> bool:
    return short in BOTH


def end_tokens(path: str) -> tuple[int, ...]:
    """Empty for an unknown model."""
    return _END_TOKENS.get(name(path), ())
