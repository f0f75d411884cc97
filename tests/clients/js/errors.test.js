// Refusals as the openai SDK for JavaScript sees them: each is the error class that it has for its cause.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import OpenAI from 'openai';
import { LengthFinishReasonError } from 'openai/error';

import { ENDLESS, Server, collect, until } from './server.js';

const KEY = 'a key';

let server;
before(async () => {
    // One run computes and one may wait, so that a third is refused.
    server = await Server.start('--api-key', KEY, '--parallel', '1', '--max-queue', '1');
});
after(() => server?.stop());

/** Asking is refused with that class and these fields. */
async function refused(asking, kind, fields = {}) {
    await assert.rejects(asking, (error) => {
        assert.equal(error.constructor, kind, error.message);
        for (const [name, value] of Object.entries(fields)) assert.equal(error[name], value, error.message);
        assert(error.message);
        return true;
    });
}

const BAD = [
    [{ temperature: 9 }, 'invalid_value', 'temperature'],
    [{ max_tokens: 0 }, 'invalid_value', 'max_tokens'],
    [{ response_format: { type: 'xml' } }, 'invalid_value', 'response_format.type'],
    [{ messages: [] }, 'invalid_value', 'messages'],
    [{ tools: [{ type: 'function', function: {} }] }, 'invalid_value', 'tools[0].function.name'],
    [{ tool_choice: 'required' }, 'invalid_value', 'tool_choice'],
    [{ response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { not: {} } } } }, 'invalid_constraint'],
    [{ messages: [{ role: 'user', content: 'word '.repeat(9000) }] }, 'context_length_exceeded', 'messages'],
];

for (const stream of [false, true]) {
    test(`a bad request is a BadRequestError, ${stream ? 'streamed' : 'whole'}`, async () => {
        for (const [settings, code, param] of BAD) {
            const fields = { status: 400, type: 'invalid_request_error', code, ...(param && { param }) };
            await refused(server.ask('Hello.', { ...settings, stream }), OpenAI.BadRequestError, fields);
        }
    });
}

test('a key that is wrong is an AuthenticationError', async () => {
    const { chat } = server.clientWith('another key');
    await refused(chat.completions.create(server.request()), OpenAI.AuthenticationError, { status: 401 });
});

test('what is not there is a NotFoundError', async () => {
    await refused(server.client.models.retrieve('nobody'), OpenAI.NotFoundError, { status: 404 });
    await refused(server.client.fineTuning.jobs.retrieve('nothing'), OpenAI.NotFoundError, { status: 404 });
});

test('a full queue is a RateLimitError', async () => {
    const held = new AbortController();
    const busy = await server.ask('Tell a long story.', { ...ENDLESS, stream: true }, { signal: held.signal });
    await until(async () => (await server.computing()).running === 1);
    const waiting = await server.ask('Wait.', { ...ENDLESS, stream: true }, { signal: held.signal });
    await refused(server.ask('Refuse me.'), OpenAI.RateLimitError, { status: 429 });
    held.abort();
    for (const stream of [busy, waiting]) await collect(stream);
    await until(async () => (await server.computing()).running === 0);
    assert((await server.ask('Hello.')).choices[0].message.content);
});

test('an answer that the limit cut off is no parsed answer', async () => {
    const schema = { type: 'string', minLength: 99 };
    const response_format = { type: 'json_schema', json_schema: { name: 'long', schema } };
    const settings = { max_tokens: 4, response_format };
    await refused(server.client.chat.completions.parse(server.request('Write.', settings)), LengthFinishReasonError);
});
