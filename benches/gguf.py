"""As much of the GGUF format (version 3, little-endian) as it takes to copy metadata and to write a model.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import mmap
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

MAGIC, VERSION, ALIGNMENT = b"GGUF", 3, 32
U32, I32, F32, TEXT, ARRAY = 4, 5, 6, 8, 9
# Type of a value -> its bytes.
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, U32: 4, I32: 4, F32: 4, 7: 1, 10: 8, 11: 8, 12: 8}


@dataclass(frozen=True)
class Value:
    """A value of the metadata as it lies in the file: its type, and its bytes."""

    kind: int
    raw: bytes

    @classmethod
    def u32(cls, number: int) -> "Value":
        return cls(U32, struct.pack("<I", number))

    @classmethod
    def f32(cls, number: float) -> "Value":
        return cls(F32, struct.pack("<f", number))

    @classmethod
    def text(cls, text: str) -> "Value":
        return cls(TEXT, string(text.encode()))

    def __len__(self) -> int:
        """The items of an array."""
        return struct.unpack_from("<IQ", self.raw)[1]

    def longer(self, count: int, items: bytes) -> "Value":
        """An array with `count` more items at its end, given as they lie in a file."""
        of, length = struct.unpack_from("<IQ", self.raw)
        return Value(ARRAY, struct.pack("<IQ", of, length + count) + self.raw[12:] + items)

    def strings(self) -> list[bytes]:
        """The items of an array of texts."""
        found, at = [], 12
        for _ in range(len(self)):
            (size,) = struct.unpack_from("<Q", self.raw, at)
            found.append(self.raw[at + 8:at + 8 + size])
            at += 8 + size
        return found


def string(content: bytes) -> bytes:
    return struct.pack("<Q", len(content)) + content


def read_metadata(path: Path) -> dict[str, Value]:
    """The metadata by key. What follows it in the file need not be there. Raises `OSError`, `ValueError`."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            magic, version, _, count = struct.unpack_from("<4sIQQ", data)
            if (magic, version) != (MAGIC, VERSION):
                raise ValueError(f"{path} is not GGUF of version {VERSION}")
            found, at = {}, 24
            for _ in range(count):
                (size,) = struct.unpack_from("<Q", data, at)
                key = data[at + 8:at + 8 + size].decode()
                at += 8 + size
                (kind,) = struct.unpack_from("<I", data, at)
                end = _end(data, kind, at + 4)
                if end > len(data):
                    raise ValueError(f"{path} ends inside {key}")
                found[key] = Value(kind, data[at + 4:end])
                at = end
        except (struct.error, KeyError) as error:
            raise ValueError(f"{path} is cut or no GGUF: {error}") from error
    return found


def _end(data: mmap.mmap, kind: int, at: int) -> int:
    """Where a value ends that begins at `at`."""
    if kind == TEXT:
        return at + 8 + struct.unpack_from("<Q", data, at)[0]
    if kind != ARRAY:
        return at + SIZES[kind]
    of, count = struct.unpack_from("<IQ", data, at)
    at += 12
    if of not in (TEXT, ARRAY):
        return at + count * SIZES[of]
    for _ in range(count):
        at = _end(data, of, at)
    return at


@dataclass(frozen=True)
class Tensor:
    """What the header says of a tensor. `shape` has the fastest dimension first; `size` is in bytes."""

    name: str
    shape: tuple[int, ...]
    kind: int
    size: int


def header(metadata: dict[str, Value], tensors: Iterable[Tensor]) -> bytes:
    """All that comes before the data, padded. Each tensor's data follows the one before, padded to `ALIGNMENT`."""
    tensors = list(tensors)
    parts = [struct.pack("<4sIQQ", MAGIC, VERSION, len(tensors), len(metadata))]
    parts += (string(key.encode()) + struct.pack("<I", value.kind) + value.raw for key, value in metadata.items())
    offset = 0
    for one in tensors:
        parts.append(string(one.name.encode()))
        parts.append(struct.pack(f"<I{len(one.shape)}QIQ", len(one.shape), *one.shape, one.kind, offset))
        offset += one.size + padding(one.size)
    whole = b"".join(parts)
    return whole + bytes(padding(len(whole)))


def padding(size: int) -> int:
    """Bytes from there to the next multiple of `ALIGNMENT`."""
    return -size % ALIGNMENT
