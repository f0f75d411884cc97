"""rein as the openai SDK sees it.

REIN_BIN is the binary to start and REIN_MODEL the chat model to load; scripts/client-tests.sh sets both.
"""

import json
import math
import re
import typing
import urllib.request

import openai
import pydantic
import pytest
from computing import HANG_SECONDS, busy_slots, wait_until


def ask(client, model, text="Tell a long story.", **settings):
    messages = [{"role": "user", "content": text}]
    settings = {"temperature": 0, "max_tokens": 16, **settings}
    return client.chat.completions.create(model=model, messages=messages, **settings)


def test_models_are_listed_and_found(client, model):
    assert client.models.retrieve(model).id == model
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nobody")


def test_a_whole_answer(client, model):
    answer = ask(client, model)
    assert answer.object == "chat.completion" and answer.id.startswith("chatcmpl-")
    choice = answer.choices[0]
    assert choice.message.role == "assistant" and choice.message.content
    assert choice.finish_reason == "length"
    assert answer.usage.completion_tokens == 16
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 16


def test_a_stream_with_usage_says_what_the_whole_answer_says(client, model):
    ask(client, model)  # From here on the prompt is cached for both.
    whole = ask(client, model)
    chunks = list(ask(client, model, stream=True, stream_options={"include_usage": True}))
    assert chunks[0].choices[0].delta.role == "assistant"
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert text == whole.choices[0].message.content
    reasons = [choice.finish_reason for chunk in chunks for choice in chunk.choices]
    assert reasons[-1] == "length" and not any(reasons[:-1])
    assert chunks[-1].choices == [] and chunks[-1].usage == whole.usage
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_logprobs_are_read_from_whole_answers_and_from_streams(client, model):
    settings = {"logprobs": True, "top_logprobs": 3}
    ask(client, model, **settings)  # From here on the prompt is cached for both.
    whole = ask(client, model, **settings)
    entries = whole.choices[0].logprobs.content
    assert len(entries) == whole.usage.completion_tokens
    assert bytes(byte for entry in entries for byte in entry.bytes).decode() == whole.choices[0].message.content
    for entry in entries:
        assert len(entry.top_logprobs) == 3 and sum(math.exp(top.logprob) for top in entry.top_logprobs) <= 1.001
        assert entry.logprob == entry.top_logprobs[0].logprob, "the most likely is drawn at temperature 0"
    chunks = ask(client, model, stream=True, **settings)
    choices = [choice for chunk in chunks for choice in chunk.choices if choice.logprobs]
    assert [entry for choice in choices for entry in choice.logprobs.content] == entries
    assert ask(client, model).choices[0].logprobs is None


def test_samplers_beyond_openais_are_taken(client, model):
    extra = {
        "typical_p": 0.9, "top_n_sigma": 2, "xtc_probability": 0.5, "dynatemp_range": 0.5, "dry_multiplier": 0.8,
        "repeat_last_n": -1, "repeat_penalty": 1.1,
    }
    first, second = (ask(client, model, temperature=1, seed=5, extra_body=extra) for _ in range(2))
    assert first.choices[0].message.content == second.choices[0].message.content
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, model, extra_body={"xtc_probability": 2})
    assert caught.value.param == "xtc_probability"


def test_a_stop_string_ends_the_answer_and_is_not_part_of_it(client, model):
    text = ask(client, model).choices[0].message.content
    stop = text[5:12]
    answer = ask(client, model, stop=[stop]).choices[0]
    assert answer.finish_reason == "stop"
    assert answer.message.content == text[: text.index(stop)]


class Pet(pydantic.BaseModel):
    """What a client may ask for: nested, optional and enumerated."""

    name: typing.Annotated[str, pydantic.Field(max_length=20)]
    kind: typing.Literal["cat", "dog"]
    age: int | None
    toys: typing.Annotated[list[str], pydantic.Field(max_length=2)]


def schema_format(schema):
    return {"type": "json_schema", "json_schema": {"name": "pet", "strict": True, "schema": schema}}


def test_an_answer_is_valid_under_a_json_schema(client, model):
    response_format = schema_format(Pet.model_json_schema())
    settings = {"max_tokens": 300, "response_format": response_format}
    whole = ask(client, model, "Describe a pet, as JSON.", **settings).choices[0]
    assert whole.finish_reason == "stop"
    Pet.model_validate_json(whole.message.content)
    chunks = ask(client, model, "Describe a pet, as JSON.", stream=True, **settings)
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    Pet.model_validate_json(text)


def test_the_sdk_parses_an_answer_into_a_class(client, model):
    messages = [{"role": "user", "content": "Describe a pet, as JSON."}]
    answer = client.chat.completions.parse(
        model=model, messages=messages, response_format=Pet, temperature=0, max_tokens=300
    )
    assert isinstance(answer.choices[0].message.parsed, Pet)


def test_the_sdk_parses_a_stream_into_a_class(client, model):
    messages = [{"role": "user", "content": "Describe a pet, as JSON."}]
    with client.chat.completions.stream(
        model=model, messages=messages, response_format=Pet, temperature=0, max_tokens=300
    ) as stream:
        done = [event.parsed for event in stream if event.type == "content.done"]
        message = stream.get_final_completion().choices[0].message
    assert isinstance(message.parsed, Pet) and done == [message.parsed]


def test_what_the_limit_cuts_off_is_not_parsed(client, model):
    messages = [{"role": "user", "content": "Describe a pet, as JSON."}]
    with pytest.raises(openai.LengthFinishReasonError):
        client.chat.completions.parse(model=model, messages=messages, response_format=Pet, max_tokens=3)


def test_the_helper_puts_a_stream_together(client, model):
    # The helper takes no answers that are cut off, so this one ends by its form.
    settings = {"extra_body": {"regex": "[a-z]{3} [a-z]{3,5}"}, "stream_options": {"include_usage": True}, "logprobs": True}
    messages = [{"role": "user", "content": "Say two words."}]
    with client.chat.completions.stream(model=model, messages=messages, temperature=0, **settings) as stream:
        text = "".join(event.delta for event in stream if event.type == "content.delta")
        answer = stream.get_final_completion()
    choice = answer.choices[0]
    assert choice.message.role == "assistant" and choice.finish_reason == "stop"
    assert choice.message.content == text and re.fullmatch("[a-z]{3} [a-z]{3,5}", text)
    assert len(choice.logprobs.content) == answer.usage.completion_tokens > 0


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"temperature": 9}, "invalid_value"),
        ({"max_tokens": 0}, "invalid_value"),
        ({"response_format": {"type": "xml"}}, "invalid_value"),
        ({"response_format": schema_format({"not": {}})}, "invalid_constraint"),
        ({"text": "word " * 5000}, "context_length_exceeded"),
        ({"text": ""}, "invalid_value"),
        ({"text": "word " * 5000, "stream": True}, "context_length_exceeded"),
    ],
)
def test_a_bad_request_is_a_bad_request_error(client, model, settings, code):
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, model, **settings)
    assert caught.value.code == code
    assert caught.value.type == "invalid_request_error"


def test_a_path_that_is_not_there_is_a_not_found_error(client, model):
    with pytest.raises(openai.NotFoundError):
        client.moderations.create(model=model, input="x")


def test_closing_a_stream_frees_its_slot(client, model, url):
    stream = ask(client, model, stream=True, max_tokens=1900)
    for chunk in stream:
        if chunk.choices[0].delta.content:
            break
    assert busy_slots(url)
    stream.close()
    wait_until(lambda: not busy_slots(url))
    assert ask(client, model, max_tokens=1).usage.completion_tokens == 1


def test_the_stop_button_ends_a_stream_cleanly(client, model, url):
    extra = {"cancel_id": "from the SDK"}
    stream = ask(client, model, stream=True, max_tokens=1900, extra_body=extra)
    reasons = []
    for chunk in stream:
        choice = chunk.choices[0]
        if choice.delta.content and extra:
            body, extra = json.dumps(extra).encode(), None
            request = urllib.request.Request(f"{url}/api/inference/cancel", body)
            with urllib.request.urlopen(request, timeout=HANG_SECONDS) as answer:
                assert json.load(answer) == {"cancelled": 1}
        reasons.append(choice.finish_reason)
    assert reasons[-1] == "stop"
    wait_until(lambda: not busy_slots(url))
