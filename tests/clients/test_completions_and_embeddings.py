"""Completions and embeddings as the openai SDK sees them."""

import json
import math
import urllib.request

import openai
import pytest
from computing import HANG_SECONDS, busy_slots, wait_until

PROMPT = "Once upon a time, there was"


def complete(client, model, prompt=PROMPT, **settings):
    settings = {"temperature": 0, "max_tokens": 12, **settings}
    extra = {"deterministic": True, **settings.pop("extra_body", {})}
    return client.completions.create(model=model, prompt=prompt, extra_body=extra, **settings)


def post(url, path, body):
    request = urllib.request.Request(url + path, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=HANG_SECONDS) as answer:
        return json.load(answer)


def test_a_text_is_continued(client, model):
    answer = complete(client, model)
    assert answer.object == "text_completion" and answer.id.startswith("cmpl-")
    assert answer.choices[0].text and answer.choices[0].finish_reason == "length"
    assert answer.choices[0].logprobs is None
    assert answer.usage.completion_tokens == 12
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 12


def test_a_stream_says_what_the_whole_answer_says(client, model):
    whole = complete(client, model)
    chunks = list(complete(client, model, stream=True, stream_options={"include_usage": True}))
    text = "".join(choice.text for chunk in chunks for choice in chunk.choices)
    assert text == whole.choices[0].text
    reasons = [choice.finish_reason for chunk in chunks for choice in chunk.choices]
    assert reasons[-1] == "length" and not any(reasons[:-1])
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens == 12
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_many_prompts_are_continued_in_order(client, model, url):
    texts = [PROMPT, "The capital of France is"]
    alone = [complete(client, model, text).choices[0].text for text in texts]
    answer = complete(client, model, texts, n=2, echo=True)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    wanted = [text + end for text, end in zip(texts, alone) for _ in range(2)]
    assert [choice.text for choice in answer.choices] == wanted
    tokens = [post(url, "/tokenize", {"content": text})["tokens"] for text in texts]
    assert [choice.text for choice in complete(client, model, tokens).choices] == alone
    assert complete(client, model, tokens[0]).choices[0].text == alone[0]


def test_logprobs_lie_side_by_side(client, model):
    answer = complete(client, model, logprobs=2)
    logprobs, text = answer.choices[0].logprobs, answer.choices[0].text
    assert "".join(logprobs.tokens) == text
    for token, logprob, top, offset in zip(
        logprobs.tokens, logprobs.token_logprobs, logprobs.top_logprobs, logprobs.text_offset, strict=True
    ):
        assert text[offset:].startswith(token)
        assert top[token] == logprob and len(top) == 2
        assert sum(math.exp(value) for value in top.values()) <= 1.001


def test_a_suffix_needs_a_model_that_can_fill_in(client, model):
    with pytest.raises(openai.BadRequestError) as caught:
        complete(client, model, suffix="the end.")
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", "suffix")


def test_closing_a_stream_of_several_answers_frees_their_slots(client, model, url):
    stream = complete(client, model, n=3, max_tokens=1900, stream=True, temperature=1)
    for chunk in stream:
        if chunk.choices[0].text:
            break
    stream.close()
    wait_until(lambda: not busy_slots(url))


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def test_embeddings_come_as_base64_unless_floats_are_asked_for(client, model):
    texts = ["a cat sleeps", "the stock market fell sharply", "a kitten naps"]
    # The SDK itself asks for base64, and decodes it as little-endian floats.
    answer = client.embeddings.create(model=model, input=texts)
    rows = [item.embedding for item in answer.data]
    assert [item.index for item in answer.data] == [0, 1, 2]
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 0
    floats = client.embeddings.create(model=model, input=texts, encoding_format="float")
    raw = client.embeddings.with_raw_response.create(model=model, input=texts, encoding_format="base64")
    assert isinstance(json.loads(raw.content)["data"][0]["embedding"], str)
    for row, item in zip(rows, floats.data, strict=True):
        assert cosine(row, row) == pytest.approx(1, abs=1e-4)
        assert cosine(row, item.embedding) == pytest.approx(1, abs=1e-3)
    assert cosine(rows[0], rows[2]) > cosine(rows[0], rows[1])


def test_embeddings_take_tokens_and_dimensions(client, model, url):
    text = "a cat sleeps"
    tokens = post(url, "/tokenize", {"content": text, "add_special": True})["tokens"]
    whole = client.embeddings.create(model=model, input=text).data[0].embedding
    for given in (tokens, [tokens]):
        answer = client.embeddings.create(model=model, input=given)
        assert answer.usage.prompt_tokens == len(tokens)
        assert cosine(answer.data[0].embedding, whole) == pytest.approx(1, abs=1e-3)
    cut = client.embeddings.create(model=model, input=text, dimensions=16).data[0].embedding
    assert len(cut) == 16 and cosine(cut, cut) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("settings", "code", "param"),
    [
        ({"input": []}, "invalid_value", "input"),
        ({"input": ["x", "word " * 9000]}, "context_length_exceeded", "input[1]"),
        ({"input": "x", "dimensions": 10**6}, "invalid_value", "dimensions"),
        ({"input": [10**8]}, "invalid_value", "input"),
    ],
)
def test_a_bad_request_for_embeddings_is_a_bad_request_error(client, model, settings, code, param):
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model=model, **settings)
    assert (caught.value.code, caught.value.param) == (code, param)
