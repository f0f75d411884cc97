"""What a server's process costs: start, memory, idleness."""

import asyncio

import cpu
from scenarios.base import Context, Metric, Scenario, Values
from servers import Server


class Load(Scenario):
    """The time from the start of the process until it says that it is ready."""

    name = "load"
    section = "Process"
    metrics = (Metric("load", "start to ready", "s"),)

    async def run(self, server: Server, context: Context) -> Values:
        return {"load": [server.load_seconds]}


class Memory(Scenario):
    """Run twice: before and after the others."""

    section = "Process"

    def __init__(self, when: str) -> None:
        self.name = "memory_" + when.replace(" ", "_")
        self.metrics = (
            Metric("RssAnon", f"own memory, {when}", "MiB"),
            Metric("RssFile", f"mapped files, {when}", "MiB"),
            Metric("VmHWM", f"peak, {when}", "MiB"),
        )

    async def run(self, server: Server, context: Context) -> Values:
        await server.settle()
        return {name: [value] for name, value in cpu.memory_mib(server.pid).items()}


class Idle(Scenario):
    name = "idle"
    section = "Process"
    metrics = (Metric("cpu", "CPU time while idle", "ms/min"),)

    async def run(self, server: Server, context: Context) -> Values:
        await server.settle()
        clock = cpu.CpuClock(server.pid)
        before = clock.seconds()
        await asyncio.sleep(context.idle_seconds)
        spent = clock.seconds() - before
        clock.close()
        return {"cpu": [spent * 1000 * 60 / context.idle_seconds]}
