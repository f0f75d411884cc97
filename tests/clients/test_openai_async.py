"""rein as the asynchronous client of the openai SDK sees it, and every way that the SDK has to go away."""

import asyncio
import contextlib
import os
import subprocess
import sys

import openai
import pytest
from computing import ENDLESS, HANG_SECONDS


def run(url, use):
    """`use(client)` in an event loop of its own."""

    async def within():
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
            return await use(client)

    return asyncio.run(asyncio.wait_for(within(), HANG_SECONDS))


def request(model, **settings):
    messages = [{"role": "user", "content": "Tell a long story."}]
    return {"model": model, "messages": messages, "temperature": 0, "max_tokens": 16, **settings}


def test_answers_come_whole_and_streamed_at_the_same_time(url, model):
    async def streamed(client):
        stream = await client.chat.completions.create(**request(model), stream=True)
        return "".join([choice.delta.content or "" async for chunk in stream for choice in chunk.choices])

    async def use(client):
        await client.chat.completions.create(**request(model))  # From here on the prompt is cached.
        whole = await client.chat.completions.create(**request(model))
        texts = await asyncio.gather(*(streamed(client) for _ in range(3)))
        return whole.choices[0].message.content, texts

    whole, texts = run(url, use)
    assert whole and all(texts)


def test_the_helper_puts_a_stream_together(url, model):
    async def use(client):
        # The helper takes no answers that are cut off, so this one ends by its form.
        form = {"extra_body": {"regex": "[a-z]{3} [a-z]{3,5}"}}
        async with client.chat.completions.stream(**request(model, **form)) as stream:
            text = "".join([event.delta async for event in stream if event.type == "content.delta"])
            return text, await stream.get_final_completion()

    text, answer = run(url, use)
    assert answer.choices[0].message.content == text and answer.choices[0].finish_reason == "stop"


async def first_text(stream):
    async for chunk in stream:
        if chunk.choices[0].delta.content:
            return


async def closes_a_stream(client, endless, computing):
    stream = await client.chat.completions.create(**endless, stream=True)
    await first_text(stream)
    await stream.close()


async def leaves_the_block_of_a_stream(client, endless, computing):
    async with await client.chat.completions.create(**endless, stream=True) as stream:
        await first_text(stream)


async def leaves_the_block_of_the_helper(client, endless, computing):
    async with client.chat.completions.stream(**endless) as stream:
        async for event in stream:
            if event.type == "content.delta":
                break


async def cancelled(task):
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def cancels_a_task_that_waits_for_an_answer(client, endless, computing):
    task = asyncio.create_task(client.chat.completions.create(**endless))
    await asyncio.to_thread(computing.wait_for_tokens)
    await cancelled(task)


async def cancels_a_task_that_reads_a_stream(client, endless, computing):
    has_text = asyncio.Event()

    async def read():
        async for chunk in await client.chat.completions.create(**endless, stream=True):
            if chunk.choices[0].delta.content:
                has_text.set()

    task = asyncio.create_task(read())
    await has_text.wait()
    await cancelled(task)


async def closes_the_client(client, endless, computing):
    task = asyncio.create_task(client.chat.completions.create(**endless))
    await asyncio.to_thread(computing.wait_for_tokens)
    await client.close()
    with contextlib.suppress(openai.APIConnectionError, RuntimeError):
        await task


@pytest.mark.parametrize(
    "leave",
    [
        closes_a_stream,
        leaves_the_block_of_a_stream,
        leaves_the_block_of_the_helper,
        cancels_a_task_that_waits_for_an_answer,
        cancels_a_task_that_reads_a_stream,
        closes_the_client,
    ],
)
def test_computing_stops_when_it(leave, url, model, computing):
    with computing.is_stopped():
        run(url, lambda client: leave(client, request(model, **ENDLESS), computing))


@pytest.mark.parametrize("helper", [False, True])
def test_computing_stops_when_the_other_client_leaves_a_stream(helper, client, model, computing):
    endless = request(model, **ENDLESS)
    with computing.is_stopped():
        if helper:
            with client.chat.completions.stream(**endless) as stream:
                next(event for event in stream if event.type == "content.delta")
        else:
            with client.chat.completions.create(**endless, stream=True) as stream:
                next(chunk for chunk in stream if chunk.choices[0].delta.content)


PROGRAM = """
import os, openai
client = openai.OpenAI(base_url=os.environ["URL"] + "/v1", api_key="none", max_retries=0)
messages = [{"role": "user", "content": "Tell a long story."}]
client.chat.completions.create(model="any", messages=messages, max_tokens=1900, extra_body={"ignore_eos": True})
"""


def test_computing_stops_when_a_program_is_killed(url, computing):
    with computing.is_stopped():
        program = subprocess.Popen([sys.executable, "-c", PROGRAM], env={**os.environ, "URL": url})
        try:
            computing.wait_for_tokens()
        finally:
            program.kill()
            program.wait()
