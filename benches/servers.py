"""The servers that are compared: how each is started, seen to be ready, told to cancel, and ended."""

import asyncio
import os
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from typing import Any

import cpu
import models
import prompts
import sse

START_SECONDS = 120
STOP_SECONDS = 20
READY_POLL_SECONDS = 0.005


@dataclass(frozen=True)
class Settings:
    """What both servers are given alike."""

    model: str
    context: int = 32768
    parallel: int = 4
    threads: int = 2
    extra: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server process. Use as an asynchronous context manager; `load_seconds` is set once it is ready."""

    name = ""
    ready_path = ""
    # Whether POST /api/inference/cancel stops a run by its cancel_id.
    has_cancel = False

    def __init__(self, binary: str, settings: Settings) -> None:
        self.binary = binary
        self.settings = settings
        self.host, self.port = "127.0.0.1", free_port()
        self.load_seconds = 0.0
        self._log = tempfile.TemporaryFile()
        self._process: subprocess.Popen[bytes] | None = None
        self._endless: dict[str, Any] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    @property
    def pid(self) -> int:
        return self._process.pid

    async def __aenter__(self) -> "Server":
        began = time.perf_counter()
        env = {**os.environ, **self.settings.environment}
        self._process = subprocess.Popen(self.command(), stdout=self._log, stderr=self._log, env=env)
        try:
            while not await self._is_ready():
                if self._process.poll() is not None:
                    raise RuntimeError(f"{self.name} ended with {self._process.returncode}:\n{self.log_tail()}")
                if time.perf_counter() - began > START_SECONDS:
                    raise RuntimeError(f"{self.name} was not ready after {START_SECONDS} s:\n{self.log_tail()}")
                await asyncio.sleep(READY_POLL_SECONDS)
        except BaseException:
            self._end()
            raise
        self.load_seconds = time.perf_counter() - began
        return self

    async def __aexit__(self, *_: object) -> None:
        self._end()

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        return await sse.call(self.host, self.port, method, path, body)

    async def chat(self, body: dict[str, Any]) -> sse.Answer:
        return await sse.chat(self.host, self.port, body)

    async def stream(self, body: dict[str, Any]) -> sse.ChatStream:
        return await sse.ChatStream.start(self.host, self.port, body)

    async def endless(self) -> dict[str, Any]:
        """The fields of a request whose answer must not end before max_tokens.

        ignore_eos; for a server that refuses it, a ban of the model's end tokens. Asked once a start.
        """
        if self._endless is None:
            try:
                await self.chat(prompts.request(prompts.user("Hello."), 1, ignore_eos=True))
                self._endless = {"ignore_eos": True}
            except sse.HttpError as error:
                banned = models.end_tokens(self.settings.model)
                if error.status != 400 or not banned:
                    raise
                self._endless = {"logit_bias": {str(token): -100 for token in banned}}
        return self._endless

    async def settle(self) -> None:
        await cpu.settle(self.pid)

    def log_from(self, offset: int) -> str:
        """What was logged after that many bytes."""
        file = self._log.fileno()
        return os.pread(file, os.fstat(file).st_size - offset, offset).decode(errors="replace")

    def log_size(self) -> int:
        return os.fstat(self._log.fileno()).st_size

    def log_tail(self, size: int = 3000) -> str:
        # Not read(): the position is shared with the process that writes.
        file = self._log.fileno()
        return os.pread(file, size, max(0, os.fstat(file).st_size - size)).decode(errors="replace")

    async def _is_ready(self) -> bool:
        try:
            await self.call("GET", self.ready_path)
        except (OSError, EOFError, sse.HttpError):
            return False
        return True

    def _end(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()


class Rein(Server):
    name = "rein"
    ready_path = "/readyz"
    has_cancel = True

    def command(self) -> list[str]:
        s = self.settings
        return [self.binary, "serve", "-m", s.model, "--host", self.host, "--port", str(self.port),
                "-c", str(s.context), "--parallel", str(s.parallel), "-t", str(s.threads), *s.extra]

    async def cancel(self, cancel_id: str) -> int:
        """Stops the run of that id; returns how many runs were stopped, once they are."""
        answer = await self.call("POST", "/api/inference/cancel", {"cancel_id": cancel_id})
        return answer["cancelled"]


class LlamaServer(Server):
    name = "llama-server"
    ready_path = "/health"

    def command(self) -> list[str]:
        s = self.settings
        return [self.binary, "-m", s.model, "--host", self.host, "--port", str(self.port),
                "-c", str(s.context), "--parallel", str(s.parallel), "-t", str(s.threads), "--no-ui", *s.extra]
