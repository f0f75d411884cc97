// Chat as the openai SDK for JavaScript sees it: whole answers, streams, structured output.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';

import { Server, collect, textOf } from './server.js';

let server;
before(async () => {
    server = await Server.start();
});
after(() => server?.stop());

test('models are listed and found', async () => {
    assert.equal((await server.client.models.retrieve(server.model)).id, server.model);
});

test('a whole answer', async () => {
    const answer = await server.ask();
    assert.equal(answer.object, 'chat.completion');
    assert.match(answer.id, /^chatcmpl-/);
    const [choice] = answer.choices;
    assert.equal(choice.message.role, 'assistant');
    assert(choice.message.content);
    assert.equal(choice.finish_reason, 'length');
    assert.equal(answer.usage.completion_tokens, 16);
    assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + 16);
});

test('a stream with usage says what the whole answer says', async () => {
    await server.ask(); // From here on the prompt is cached for both.
    const whole = await server.ask();
    const chunks = await collect(await server.ask(undefined, { stream: true, stream_options: { include_usage: true } }));
    assert.equal(chunks[0].choices[0].delta.role, 'assistant');
    assert.equal(textOf(chunks), whole.choices[0].message.content);
    assert.deepEqual(chunks.at(-1).choices, []);
    assert.deepEqual(chunks.at(-1).usage, whole.usage);
    assert(chunks.slice(0, -1).every((chunk) => !chunk.usage));
    const reasons = chunks.flatMap((chunk) => chunk.choices.map((choice) => choice.finish_reason));
    assert.equal(reasons.pop(), 'length');
    assert(reasons.every((reason) => !reason));
});

test("the SDK's helper puts a stream together", async () => {
    const stream = server.client.chat.completions.stream(
        server.request('Tell a long story.', { stream_options: { include_usage: true } }),
    );
    let heard = '';
    stream.on('content', (delta) => (heard += delta));
    const answer = await stream.finalChatCompletion();
    const [{ message, finish_reason }] = answer.choices;
    assert.equal(message.role, 'assistant');
    assert.equal(message.content, heard);
    assert.equal(finish_reason, 'length');
    assert.equal(answer.usage.completion_tokens, 16);
    assert.equal((await stream.totalUsage()).completion_tokens, 16);
});

test('several answers in one stream keep their numbers', async () => {
    const settings = { stream: true, n: 3, temperature: 1, seed: 1, max_tokens: 8, ignore_eos: true };
    const chunks = await collect(await server.ask('Hello.', settings));
    const ended = chunks.flatMap((chunk) => chunk.choices.filter((choice) => choice.finish_reason));
    assert.deepEqual(ended.map((choice) => choice.index).sort(), [0, 1, 2]);
});

test('log-probabilities are those of the helper', async () => {
    const settings = { logprobs: true, top_logprobs: 2 };
    const stream = server.client.chat.completions.stream(server.request('Tell a long story.', settings));
    const answer = await stream.finalChatCompletion();
    const entries = answer.choices[0].logprobs.content;
    assert.equal(entries.length, 16);
    const text = Buffer.from(entries.flatMap((entry) => entry.bytes)).toString();
    assert.equal(text, answer.choices[0].message.content);
});

/** What a client may ask for: nested, optional, enumerated. Bounded, so that a small model ends it. */
const Pet = z.object({
    name: z.string().max(20),
    kind: z.enum(['cat', 'dog']),
    age: z.number().int().min(0).max(30).nullable(),
    toys: z.array(z.object({ colour: z.enum(['red', 'blue']) })).max(2),
});

/** It refers to itself, so its schema has definitions. */
const Person = z.object({
    kind: z.enum(['adult', 'child']),
    get friends() {
        return z.array(Person).max(1).nullable();
    },
});

/** Each of its properties has the same schema. */
const Colour = z.enum(['red', 'blue']).meta({ id: 'Colour' });
const Flag = z.object({ left: Colour, right: Colour });

for (const [name, schema] of Object.entries({ Pet, Flag })) {
    const format = () => ({ max_tokens: 400, response_format: zodResponseFormat(schema, name.toLowerCase()) });

    test(`an answer is parsed into zod's ${name}`, async () => {
        const request = server.request('Describe one, as JSON.', format());
        const answer = await server.client.chat.completions.parse(request);
        schema.parse(answer.choices[0].message.parsed);
    });

    test(`a stream is parsed into zod's ${name}`, async () => {
        const stream = server.client.chat.completions.stream(server.request('Describe one, as JSON.', format()));
        let done;
        stream.on('content.done', (event) => (done = event.parsed));
        const answer = await stream.finalChatCompletion();
        schema.parse(answer.choices[0].message.parsed);
        assert.deepEqual(done, answer.choices[0].message.parsed);
    });
}

test('a schema that refers to itself is taken', async () => {
    const settings = { max_tokens: 1, response_format: zodResponseFormat(Person, 'person') };
    const answer = await server.ask('Describe one, as JSON.', settings);
    assert.equal(answer.choices[0].finish_reason, 'length');
    assert.match(answer.choices[0].message.content, /^\{/);
});
