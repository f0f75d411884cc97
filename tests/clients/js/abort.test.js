// Every way that the openai SDK for JavaScript has to go away ends the computing, not only the stream.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { APIUserAbortError } from 'openai';

import { ENDLESS, Server, until } from './server.js';

let server;
before(async () => {
    server = await Server.start();
});
after(() => server?.stop());

const STORY = 'Tell a long story.';

/** Streams, and calls `leave` once text has come. What the stream ended with is returned. */
async function leaveStream(leave, options) {
    const stream = await server.ask(STORY, { ...ENDLESS, stream: true }, options);
    let reason;
    for await (const { choices } of stream) {
        if (choices[0].delta.content && leave(stream) === 'break') break;
        reason = choices[0].finish_reason ?? reason;
    }
    return reason;
}

/** A forced call whose arguments take as long as an endless story. */
const LONG_CALL = {
    max_tokens: ENDLESS.max_tokens,
    tool_choice: 'required',
    tools: [
        {
            type: 'function',
            function: {
                name: 'write',
                parameters: {
                    type: 'object',
                    properties: { text: { type: 'string', minLength: 20_000 } },
                    required: ['text'],
                },
                function: () => assert.fail('half a call is not executed'),
                parse: JSON.parse,
            },
        },
    ],
};

const WAYS = {
    'breaking out of a stream': async () => {
        assert.equal(await leaveStream(() => 'break'), undefined);
    },
    'stream.controller.abort()': async () => {
        assert.equal(await leaveStream((stream) => stream.controller.abort()), undefined);
    },
    'the signal of a stream': async () => {
        const controller = new AbortController();
        assert.equal(await leaveStream(() => controller.abort(), { signal: controller.signal }), undefined);
    },
    'the signal of a request in one piece': async (before) => {
        const controller = new AbortController();
        const asking = server.ask(STORY, ENDLESS, { signal: controller.signal });
        const rejected = assert.rejects(asking, APIUserAbortError);
        await server.untilItDraws(before);
        controller.abort();
        await rejected;
    },
    'a signal while the prompt is read': async (before) => {
        const controller = new AbortController();
        const text = `${before.generated} `.repeat(600);
        const stream = await server.ask(text, { ...ENDLESS, stream: true }, { signal: controller.signal });
        await until(async () => (await server.computing()).running === 1);
        controller.abort();
        for await (const chunk of stream) assert(!chunk.choices[0].delta.content, 'it was read too soon');
    },
    "the stream helper's abort()": async () => {
        const stream = server.client.chat.completions.stream(server.request(STORY, ENDLESS));
        stream.on('content', () => stream.abort());
        await assert.rejects(stream.finalChatCompletion(), APIUserAbortError);
    },
    'breaking out of the stream helper': async () => {
        const stream = server.client.chat.completions.stream(server.request(STORY, ENDLESS));
        stream.on('abort', () => {});
        for await (const chunk of stream) if (chunk.choices[0].delta.content) break;
    },
    'aborting the tool runner inside a call': async () => {
        const runner = server.client.chat.completions.runTools(server.request('Write.', { ...LONG_CALL, stream: true }));
        runner.on('tool_calls.function.arguments.delta', ({ arguments: text }) => text.length > 20 && runner.abort());
        await assert.rejects(runner.done(), APIUserAbortError);
    },
};

for (const [name, way] of Object.entries(WAYS)) {
    test(`${name} stops the computing`, () => server.assertStops(way));
}

test('one that goes away does not disturb the others', async () => {
    const settings = { max_tokens: 60, ignore_eos: true };
    const others = [1, 2].map((seed) => server.ask(STORY, { ...settings, temperature: 1, seed }));
    await leaveStream((stream) => stream.controller.abort());
    for (const other of await Promise.all(others)) assert.equal(other.usage.completion_tokens, 60);
});
