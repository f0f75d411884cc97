"""What a process costs, seen from outside: CPU time by thread, and memory, from /proc."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

# The list of threads is read again this often while watching; reading it each time costs too much.
RESCAN_SECONDS = 0.05


class CpuClock:
    """CPU time of all threads of a process, living or ended since the clock was made, in seconds.

    Threads of the names in `without` are left out; a thread that gives itself no name has that of the one that started
    it. The kernel brings a running thread's figure up to date at its timer tick (1 to 4 ms), that of one that sleeps is
    exact. Who ended between two looks counts with the first.
    """

    def __init__(self, pid: int, without: frozenset[str] = frozenset()) -> None:
        self._tasks = f"/proc/{pid}/task"
        self._without = without
        self._files: dict[str, int] = {}
        self._last: dict[str, int] = {}
        self._scanned = 0.0
        self._scan()

    def seconds(self) -> float:
        if time.perf_counter() - self._scanned > RESCAN_SECONDS:
            self._scan()
        for thread, file in list(self._files.items()):
            try:
                self._last[thread] = int(os.pread(file, 64, 0).split(b" ", 1)[0])
            except (ProcessLookupError, ValueError):
                os.close(self._files.pop(thread))
        return sum(self._last.values()) / 1e9

    def close(self) -> None:
        for file in self._files.values():
            os.close(file)
        self._files.clear()

    def _scan(self) -> None:
        self._scanned = time.perf_counter()
        for thread in os.listdir(self._tasks):
            if thread not in self._files:
                try:
                    if self._without and self._name(thread) in self._without:
                        continue
                    self._files[thread] = os.open(f"{self._tasks}/{thread}/schedstat", os.O_RDONLY)
                except FileNotFoundError:
                    continue

    def _name(self, thread: str) -> str:
        with open(f"{self._tasks}/{thread}/comm", encoding="utf-8") as file:
            return file.read().rstrip("\n")


@dataclass(frozen=True)
class Quiet:
    """When a process counts as doing nothing."""

    # CPU time that is no computing: an answer written, a metric updated.
    noise_seconds: float = 0.001
    # No more than the noise for so long means that it is over.
    quiet_seconds: float = 0.3
    sample_seconds: float = 0.001
    give_up_seconds: float = 120.0


def last_growth(clock: CpuClock, since: float, quiet: Quiet = Quiet()) -> float:
    """Seconds from `since` (perf_counter) until all CPU time but the noise had been spent.

    Blocks until the process has been quiet; run it in a thread. Raises `TimeoutError`.
    """
    samples = [(time.perf_counter(), clock.seconds())]
    window = 0  # the first sample that is at most quiet_seconds old
    while True:
        time.sleep(quiet.sample_seconds)
        now, spent = time.perf_counter(), clock.seconds()
        samples.append((now, spent))
        while samples[window][0] < now - quiet.quiet_seconds:
            window += 1
        if window and spent - samples[window - 1][1] <= quiet.noise_seconds:
            break
        if now - since > quiet.give_up_seconds:
            raise TimeoutError(f"still computing after {quiet.give_up_seconds:.0f} s")
    total = samples[-1][1]
    busy = [moment for moment, spent in samples if total - spent > quiet.noise_seconds]
    return max(0.0, busy[-1] - since) if busy else 0.0


@asynccontextmanager
async def growth_from_now(pid: int) -> AsyncIterator[asyncio.Task[float]]:
    """Watches a process; await what it gives for the seconds from here to the last growth of its CPU time."""
    clock = CpuClock(pid)
    watch = asyncio.create_task(asyncio.to_thread(last_growth, clock, time.perf_counter()))
    try:
        yield watch
    finally:
        # Its thread reads the clock until it ends, whatever became of the one who asked.
        await asyncio.gather(watch, return_exceptions=True)
        clock.close()


async def settle(pid: int) -> None:
    """Waits until a process does nothing."""
    async with growth_from_now(pid) as growth:
        await growth


def memory_mib(pid: int) -> dict[str, float]:
    """RssAnon, RssFile and VmHWM (the peak of all resident memory) in MiB."""
    wanted = ("RssAnon", "RssFile", "VmHWM")
    found = {}
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            name, _, value = line.partition(":")
            if name in wanted:
                found[name] = int(value.split()[0]) / 1024
    return found


def resident_mib(pid: int) -> float:
    """All resident memory, its own and mapped, in MiB."""
    found = memory_mib(pid)
    return found["RssAnon"] + found["RssFile"]
