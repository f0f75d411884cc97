"""A small HTTP/1.1 client over asyncio: JSON requests, and server-sent events with arrival times.

Our own because the benchmarks must see each event when it arrives, and must be able to drop a
connection at a chosen moment; a general client buffers and pools.
"""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

READ_BYTES = 1 << 16


class HttpError(Exception):
    """An answer with a status that was not expected."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"HTTP {status}: {body[:300]}")
        self.status = status
        self.body = body


class Connection:
    """One connection for one request after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.status = 0
        self.headers: dict[str, str] = {}

    @classmethod
    async def open(cls, host: str, port: int) -> "Connection":
        return cls(*await asyncio.open_connection(host, port, limit=1 << 20))

    async def send(self, method: str, path: str, body: Any = None) -> None:
        """Sends a request; the body as JSON. Returns once the kernel has it."""
        content = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        self._writer.write(head.encode() + content)
        await self._writer.drain()

    async def head(self) -> None:
        """Reads the status line and the headers into `status` and `headers`."""
        block = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = block.strip().split("\r\n")
        self.status = int(first.split(" ", 2)[1])
        self.headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body, as it arrives."""
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            while size := int((await self._reader.readline()).split(b";")[0], 16):
                yield await self._reader.readexactly(size)
                await self._reader.readexactly(2)
            await self._reader.readline()
        elif "content-length" in self.headers:
            left = int(self.headers["content-length"])
            while left:
                piece = await self._reader.read(min(left, READ_BYTES))
                if not piece:
                    raise ConnectionError("the connection ended inside a body")
                left -= len(piece)
                yield piece
        else:
            while piece := await self._reader.read(READ_BYTES):
                yield piece

    async def body(self) -> str:
        """The whole body as text."""
        return b"".join([piece async for piece in self.pieces()]).decode()

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """A request and its answer: JSON, else text. Raises `HttpError` unless the status is 2xx."""
        await self.send(method, path, body)
        await self.head()
        text = await self.body()
        if not 200 <= self.status < 300:
            raise HttpError(self.status, text)
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text

    def close(self) -> None:
        """Closes before it returns; `drop` does so in the next turn of the event loop."""
        with contextlib.suppress(OSError):
            self._writer.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        self.drop()

    def drop(self) -> None:
        """Closes at once, as a client does that goes away."""
        self._writer.transport.abort()


async def call(host: str, port: int, method: str, path: str, body: Any = None) -> Any:
    """One request on a connection of its own; see `Connection.ask`."""
    connection = await Connection.open(host, port)
    try:
        return await connection.ask(method, path, body)
    finally:
        connection.drop()


@dataclass
class Answer:
    """What a streamed chat completion brought. Times are `time.perf_counter()` seconds."""

    sent: float = 0.0
    ended: float = 0.0
    arrivals: list[float] = field(default_factory=list)
    text: str = ""
    finish_reason: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    # Tokens of the prompt that were computed, and not found in a cache.
    computed_tokens: int = 0

    @property
    def ttft(self) -> float:
        """Seconds from the request to the first event that carries text."""
        return self.arrivals[0] - self.sent

    @property
    def decode_rate(self) -> float:
        """Tokens a second after the first."""
        return (self.completion_tokens - 1) / (self.arrivals[-1] - self.arrivals[0])

    def tokens_between(self, since: float, until: float) -> float:
        """Tokens that came after one moment and up to another, where an event may carry several or a part."""
        events = sum(since < moment <= until for moment in self.arrivals)
        return events * self.completion_tokens / len(self.arrivals)

    def largest_gap(self, since: float, until: float) -> float:
        """The longest time without text between two moments, in seconds."""
        inside = [moment for moment in self.arrivals if since <= moment <= until]
        marks = [since, *inside, until]
        return max(later - earlier for earlier, later in zip(marks, marks[1:]))


class ChatStream:
    """A streamed chat completion that can be watched, awaited and dropped."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.answer = Answer()
        self._some_text = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, host: str, port: int, body: dict[str, Any]) -> "ChatStream":
        """Sends the request and begins to read in the background."""
        stream = cls(await Connection.open(host, port))
        request = {**body, "stream": True, "stream_options": {"include_usage": True}}
        stream.answer.sent = time.perf_counter()
        await stream._connection.send("POST", "/v1/chat/completions", request)
        stream._reading = asyncio.create_task(stream._read())
        return stream

    async def text_events(self, count: int) -> None:
        """Waits until `count` events with text have come, or the stream has ended."""
        while len(self.answer.arrivals) < count and not self._reading.done():
            self._some_text.clear()
            waiter = asyncio.create_task(self._some_text.wait())
            await asyncio.wait({waiter, self._reading}, return_when=asyncio.FIRST_COMPLETED)
            waiter.cancel()

    async def finish(self) -> Answer:
        """Reads to the end; raises what went wrong."""
        await self._reading
        return self.answer

    async def drop(self) -> float:
        """Closes the connection at once and forgets the rest. Returns `time.time()` just before."""
        closed = time.time()
        self._connection.close()
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        return closed

    async def _read(self) -> None:
        await self._connection.head()
        if self._connection.status != 200:
            raise HttpError(self._connection.status, await self._connection.body())
        pending = b""
        async for piece in self._connection.pieces():
            now = time.perf_counter()
            *lines, pending = (pending + piece).split(b"\n")
            for line in lines:
                if line.startswith(b"data: ") and line != b"data: [DONE]":
                    self._take(json.loads(line[6:]), now)
        self.answer.ended = time.perf_counter()
        self._connection.drop()

    def _take(self, event: dict[str, Any], now: float) -> None:
        if "error" in event:
            raise HttpError(200, json.dumps(event["error"]))
        if usage := event.get("usage"):
            self.answer.prompt_tokens = usage["prompt_tokens"]
            self.answer.completion_tokens = usage["completion_tokens"]
            self.answer.cached_tokens = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
            self.answer.computed_tokens = self.answer.prompt_tokens - self.answer.cached_tokens
        if "timings" in event:
            self.answer.computed_tokens = event["timings"]["prompt_n"]
        for choice in event.get("choices", []):
            if text := choice["delta"].get("content"):
                self.answer.text += text
                self.answer.arrivals.append(now)
                self._some_text.set()
            self.answer.finish_reason = choice.get("finish_reason") or self.answer.finish_reason


async def chat(host: str, port: int, body: dict[str, Any]) -> Answer:
    """A streamed chat completion, read to its end."""
    return await (await ChatStream.start(host, port, body)).finish()
