"""Calls of tools as the openai SDK sees them."""

import json
import typing

import openai
import pydantic
import pytest

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "pattern": "^[A-Z][a-z]{2,10}$"}, "days": {"type": "integer"}},
            "required": ["city", "days"],
            "additionalProperties": False,
        },
    },
}


def ask(client, model, **settings):
    messages = [{"role": "user", "content": "What will the weather be in Paris?"}]
    settings = {"temperature": 0, "max_tokens": 200, "tools": [WEATHER], "tool_choice": "required", **settings}
    return client.chat.completions.create(model=model, messages=messages, parallel_tool_calls=False, **settings)


def check(arguments):
    arguments = json.loads(arguments)
    assert set(arguments) == {"city", "days"} and isinstance(arguments["days"], int)


def test_a_forced_call_and_the_conversation_after_it(client, model):
    choice = ask(client, model).choices[0]
    assert choice.finish_reason == "tool_calls" and choice.message.content is None
    (call,) = choice.message.tool_calls
    assert call.type == "function" and call.function.name == "get_weather"
    check(call.function.arguments)
    messages = [
        {"role": "user", "content": "What will the weather be in Paris?"},
        choice.message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "Sunny."},
    ]
    answer = client.chat.completions.create(model=model, messages=messages, tools=[WEATHER], max_tokens=4)
    assert answer.choices[0].message.content


def test_a_streamed_call_is_put_together_by_the_sdk(client, model):
    with client.chat.completions.stream(
        model=model,
        messages=[{"role": "user", "content": "What will the weather be in Paris?"}],
        tools=[WEATHER],
        tool_choice={"type": "function", "function": {"name": "get_weather"}},
        parallel_tool_calls=False,
        max_tokens=200,
        seed=1,
    ) as stream:
        kinds = {event.type for event in stream}
        choice = stream.get_final_completion().choices[0]
    assert "tool_calls.function.arguments.delta" in kinds
    assert choice.finish_reason == "tool_calls"
    check(choice.message.tool_calls[0].function.arguments)


class Paint(pydantic.BaseModel):
    """Paints a thing."""

    thing: typing.Literal["door", "wall"]
    layers: typing.Literal[1, 2, 3]
    is_wet: bool


def test_a_strict_tool_of_pydantic_is_parsed(client, model):
    answer = client.chat.completions.parse(
        model=model,
        messages=[{"role": "user", "content": "Paint the door."}],
        tools=[openai.pydantic_function_tool(Paint)],
        tool_choice="required",
        parallel_tool_calls=False,
        max_tokens=300,
        temperature=0,
    )
    (call,) = answer.choices[0].message.tool_calls
    assert isinstance(call.function.parsed_arguments, Paint)


def test_what_is_no_tool_is_a_bad_request(client, model):
    for settings in ({"tools": []}, {"tools": [{"type": "function", "function": {}}]}):
        with pytest.raises(openai.BadRequestError):
            ask(client, model, **settings)
