"""The runs beside a stopped one: they must go on as if nothing had happened."""

import asyncio
import itertools
from dataclasses import dataclass
from typing import Any

import prompts
import sse
from servers import Server

TOKENS = 600
# A run with fewer tokens left could end while a stop is being tried.
TOKENS_TO_SPARE = 200
POLL_SECONDS = 0.02


@dataclass
class Record:
    """A finished run, kept for the replay through the model."""

    messages: list[dict[str, str]]
    text: str
    finish_reason: str | None
    completion_tokens: int
    text_events: int

    @property
    def full(self) -> bool:
        return self.finish_reason == "length" and self.completion_tokens == TOKENS

    def as_json(self) -> dict[str, Any]:
        return {**self.__dict__, "full": self.full}


class Others:
    """Keeps `count` streams running at temperature 0; one that ends is followed by another."""

    def __init__(self, server: Server, count: int) -> None:
        self._server = server
        self._streams: list[sse.ChatStream | None] = [None] * count
        self._ending = False
        # Cleared while a stop is tried: a run that began then would blur who is computing.
        self._may_begin = asyncio.Event()
        self._may_begin.set()
        self.records: list[Record] = []
        self._tasks = [asyncio.create_task(self._keep(slot)) for slot in range(count)]

    @property
    def count(self) -> int:
        return len(self._streams)

    async def hold(self) -> None:
        """Waits until all are decoding with tokens to spare, then starts no new one until `release`."""
        while not all(self._is_steady(stream) for stream in self._streams):
            self._raise_if_broken()
            await asyncio.sleep(POLL_SECONDS)
        self._may_begin.clear()

    def release(self) -> None:
        self._may_begin.set()

    async def finish(self) -> list[Record]:
        """Lets the running ones come to their end; returns all that ran."""
        self._ending = True
        self.release()
        await asyncio.gather(*self._tasks)
        return self.records

    async def abandon(self) -> None:
        """After an error: ends all at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @staticmethod
    def _is_steady(stream: sse.ChatStream | None) -> bool:
        if stream is None or stream.answer.ended:
            return False
        return 1 <= len(stream.answer.arrivals) <= TOKENS - TOKENS_TO_SPARE

    def _raise_if_broken(self) -> None:
        for task in self._tasks:
            if task.done():
                task.result()

    async def _keep(self, slot: int) -> None:
        subjects = itertools.cycle(prompts.SUBJECTS[slot % len(prompts.SUBJECTS):] + prompts.SUBJECTS)
        while not self._ending:
            await self._may_begin.wait()
            messages = prompts.story(next(subjects))
            request = prompts.request(messages, TOKENS, **await self._server.endless())
            stream = await self._server.stream(request)
            self._streams[slot] = stream
            answer = await stream.finish()
            self._streams[slot] = None
            self.records.append(
                Record(messages, answer.text, answer.finish_reason, answer.completion_tokens, len(answer.arrivals))
            )
