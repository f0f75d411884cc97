"""rein as LangChain's ChatOpenAI sees it."""

import asyncio
import contextlib
import threading
import typing

import openai
import pydantic
import pytest
from computing import ENDLESS_TOKENS, HANG_SECONDS
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

STORY = "Tell a long story."


@pytest.fixture(scope="module")
def run():
    """Runs coroutines in one event loop that goes on between them, as a program's does: ChatOpenAI keeps connections."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield lambda coroutine: asyncio.run_coroutine_threadsafe(coroutine, loop).result(HANG_SECONDS)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture(scope="module")
def chat(url, model):
    """Makes a ChatOpenAI: short answers at temperature 0 unless told otherwise."""

    def make(**settings):
        # No retries: an error that goes away by itself is an error here.
        settings = {"temperature": 0, "max_tokens": 16, "max_retries": 0, "timeout": HANG_SECONDS, **settings}
        return ChatOpenAI(base_url=f"{url}/v1", api_key="none", model=model, **settings)

    return make


def test_a_whole_answer(chat):
    answer = chat().invoke([SystemMessage("Be brief."), HumanMessage(STORY)])
    assert isinstance(answer, AIMessage) and answer.content
    assert answer.response_metadata["finish_reason"] == "length"
    assert answer.usage_metadata["output_tokens"] == 16
    assert answer.usage_metadata["total_tokens"] == answer.usage_metadata["input_tokens"] + 16


def test_a_stream_adds_up_to_the_whole_answer(chat):
    llm = chat(stream_usage=True)
    llm.invoke(STORY)  # From here on the prompt is cached for both.
    whole = llm.invoke(STORY)
    chunks = list(llm.stream(STORY))
    added = chunks[0]
    for chunk in chunks[1:]:
        added += chunk
    assert added.content == whole.content and len(chunks) > 3
    assert added.response_metadata["finish_reason"] == "length"
    assert added.usage_metadata["output_tokens"] == 16


def test_a_batch_is_answered_in_its_order(chat, run):
    questions = ["word " * 20 * number for number in range(1, 7)]
    llm = chat(max_tokens=4)
    for answers in (llm.batch(questions, config={"max_concurrency": 3}), run(llm.abatch(questions))):
        lengths = [answer.usage_metadata["input_tokens"] for answer in answers]
        assert len(lengths) == 6 and lengths == sorted(set(lengths))


def test_an_answer_takes_the_form_of_a_grammar(chat):
    llm = chat(extra_body={"grammar": 'root ::= "yes" | "no"'})
    assert llm.invoke("Is the sky blue?").content in ("yes", "no")


@tool
def get_weather(city: typing.Literal["Paris", "Rome"], days: typing.Literal[1, 2, 3]) -> str:
    """The weather at a place."""
    return f"{city}: sunny for {days} days"


@tool
def get_time() -> str:
    """The time."""
    return "noon"


QUESTION = "What will the weather be in Paris?"


@pytest.mark.parametrize("choice", ["required", "any", True, "get_weather"])
def test_a_forced_call_its_result_and_the_answer_to_it(chat, choice):
    tools = [get_weather] if choice != "get_weather" else [get_time, get_weather]
    forced = chat(max_tokens=200).bind_tools(tools, tool_choice=choice, parallel_tool_calls=False)
    said = forced.invoke(QUESTION)
    assert said.response_metadata["finish_reason"] == "tool_calls" and not said.invalid_tool_calls
    (call,) = said.tool_calls
    result = get_weather.invoke(call)
    assert isinstance(result, ToolMessage) and result.content.startswith(call["args"]["city"])
    answer = chat().bind_tools(tools, tool_choice="none").invoke([HumanMessage(QUESTION), said, result])
    assert answer.content and not answer.tool_calls


def test_a_streamed_call_is_put_together_from_its_chunks(chat):
    forced = chat(max_tokens=200).bind_tools([get_weather], tool_choice="required", parallel_tool_calls=False)
    chunks = list(forced.stream(QUESTION))
    pieces = [piece for chunk in chunks for piece in chunk.tool_call_chunks]
    assert pieces[0]["name"] == "get_weather" and pieces[0]["id"] and {piece["index"] for piece in pieces} == {0}
    added = chunks[0]
    for chunk in chunks[1:]:
        added += chunk
    (call,) = added.tool_calls
    assert call["id"] == pieces[0]["id"] and get_weather.invoke(call["args"])


class Pet(pydantic.BaseModel):
    """Nested, optional and enumerated; bounded, so that a small model ends it."""

    model_config = {"extra": "forbid"}

    name: typing.Annotated[str, pydantic.Field(max_length=20)]
    kind: typing.Literal["cat", "dog"]
    age: typing.Literal[1, 2] | None
    toys: typing.Annotated[list[typing.Literal["ball", "bone"]], pydantic.Field(max_length=2)]


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@pytest.mark.parametrize("form", [Pet, {"title": "Pet", **Pet.model_json_schema()}], ids=["class", "schema"])
def test_an_answer_is_parsed(chat, method, form):
    llm = chat(max_tokens=300).with_structured_output(form, method=method)
    answer = llm.invoke("Describe a pet.")
    Pet.model_validate(answer if isinstance(answer, dict) else answer.model_dump())
    (*_, last) = llm.stream("Describe a pet.")
    Pet.model_validate(last if isinstance(last, dict) else last.model_dump())


def test_errors_are_those_of_the_sdk(chat):
    with pytest.raises(openai.BadRequestError) as caught:
        chat(temperature=9).invoke(STORY)
    assert caught.value.param == "temperature"
    for ask in (lambda text: chat().invoke(text), lambda text: next(chat().stream(text))):
        with pytest.raises(openai.BadRequestError) as caught:
            ask("word " * 5000)
        assert caught.value.code == "context_length_exceeded"


@pytest.fixture
def endless(chat):
    """A ChatOpenAI whose answers run on, and one that makes a call which runs on."""
    llm = chat(max_tokens=ENDLESS_TOKENS, extra_body={"ignore_eos": True})
    write = {"name": "write", "parameters": {"type": "object", "required": ["text"]}}
    write["parameters"]["properties"] = {"text": {"type": "string", "minLength": 20_000}}
    return {"text": llm, "call": chat(max_tokens=ENDLESS_TOKENS).bind_tools([write], tool_choice="required")}


def has_begun(chunk):
    return chunk.content or any(piece["args"] for piece in chunk.tool_call_chunks)


def breaks_out_of_a_stream(llm, computing):
    for chunk in llm.stream(STORY):
        if has_begun(chunk):
            break


def closes_a_stream(llm, computing):
    stream = llm.stream(STORY)
    next(chunk for chunk in stream if has_begun(chunk))
    stream.close()


async def breaks_out_of_an_asynchronous_stream(llm, computing):
    async for chunk in llm.astream(STORY):
        if has_begun(chunk):
            break


async def closes_an_asynchronous_stream(llm, computing):
    stream = llm.astream(STORY)
    async for chunk in stream:
        if has_begun(chunk):
            break
    await stream.aclose()


async def cancelled(task):
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def cancels_a_task_that_waits_for_an_answer(llm, computing):
    task = asyncio.create_task(llm.ainvoke(STORY))
    await asyncio.to_thread(computing.wait_for_tokens)
    await cancelled(task)


async def cancels_a_task_that_reads_a_stream(llm, computing):
    begun = asyncio.Event()

    async def read():
        async for chunk in llm.astream(STORY):
            if has_begun(chunk):
                begun.set()

    task = asyncio.create_task(read())
    await begun.wait()
    await cancelled(task)


@pytest.mark.parametrize("kind", ["text", "call"])
@pytest.mark.parametrize(
    "leave",
    [
        breaks_out_of_a_stream,
        closes_a_stream,
        breaks_out_of_an_asynchronous_stream,
        closes_an_asynchronous_stream,
        cancels_a_task_that_waits_for_an_answer,
        cancels_a_task_that_reads_a_stream,
    ],
)
def test_computing_stops_when_it(leave, kind, endless, computing, run):
    with computing.is_stopped():
        leaving = leave(endless[kind], computing)
        if asyncio.iscoroutine(leaving):
            run(leaving)
