// Calls of tools as the openai SDK for JavaScript sees them.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { zodFunction } from 'openai/helpers/zod';
import { z } from 'zod';

import { Server, collect } from './server.js';

let server;
before(async () => {
    server = await Server.start();
});
after(() => server?.stop());

const WEATHER = {
    type: 'function',
    function: {
        name: 'get_weather',
        description: 'The weather at a place.',
        parameters: {
            type: 'object',
            properties: {
                city: { type: 'string', pattern: '^[A-Z][a-z]{2,10}$' },
                days: { type: 'integer', minimum: 1, maximum: 7 },
            },
            required: ['city', 'days'],
            additionalProperties: false,
        },
    },
};
const CLOCK = { type: 'function', function: { name: 'get_time' } };
const WEATHER_ALONE = { type: 'function', function: { name: 'get_weather' } };
const QUESTION = 'What will the weather be in Paris?';

/** One forced call of the weather. */
const ONE_CALL = { tools: [WEATHER], tool_choice: 'required', parallel_tool_calls: false, max_tokens: 200 };

function checkArguments(text) {
    const given = JSON.parse(text);
    assert.deepEqual(Object.keys(given).sort(), ['city', 'days']);
    assert.match(given.city, /^[A-Z][a-z]{2,10}$/);
    assert(Number.isInteger(given.days) && given.days >= 1 && given.days <= 7);
}

const FORCED = {
    'by required': { tool_choice: 'required', tools: [WEATHER] },
    'by its name': { tool_choice: WEATHER_ALONE, tools: [CLOCK, WEATHER] },
};

for (const [name, forced] of Object.entries(FORCED)) {
    test(`a call forced ${name}`, async () => {
        const { message, finish_reason } = (await server.ask(QUESTION, { ...ONE_CALL, ...forced })).choices[0];
        assert.equal(finish_reason, 'tool_calls');
        assert.equal(message.content, null);
        const [call, ...more] = message.tool_calls;
        assert.deepEqual([call.type, call.function.name, more], ['function', 'get_weather', []]);
        checkArguments(call.function.arguments);
    });

    test(`a streamed call forced ${name} is put together by the SDK`, async () => {
        const request = server.request(QUESTION, { ...ONE_CALL, ...forced });
        const stream = server.client.chat.completions.stream(request);
        const [pieces, done] = [[], []];
        stream.on('tool_calls.function.arguments.delta', (event) => pieces.push(event.arguments_delta));
        stream.on('tool_calls.function.arguments.done', (event) => done.push(event));
        const { message, finish_reason } = (await stream.finalChatCompletion()).choices[0];
        assert.equal(finish_reason, 'tool_calls');
        assert.equal(message.content, null);
        const [call, ...more] = message.tool_calls;
        assert.deepEqual(more, []);
        assert(call.id && call.function.name === 'get_weather');
        assert(pieces.length > 2, 'arguments come in pieces');
        assert.equal(pieces.join(''), call.function.arguments);
        assert.deepEqual(done.map((event) => event.arguments), [call.function.arguments]);
        checkArguments(call.function.arguments);
    });
}

test('of a streamed call the first chunk has the id and the name, the others arguments', async () => {
    const chunks = await collect(await server.ask(QUESTION, { ...ONE_CALL, stream: true }));
    const [first, ...others] = chunks.flatMap((chunk) => chunk.choices[0].delta.tool_calls ?? []);
    assert.deepEqual([first.index, first.type, first.function.name], [0, 'function', 'get_weather']);
    assert.match(first.id, /^call_/);
    assert(others.every((call) => call.index === 0 && !call.id && !call.function.name));
    checkArguments([first, ...others].map((call) => call.function.arguments).join(''));
});

test('several calls in one answer keep apart', async () => {
    // It may not end the answer, so it calls until the limit cuts it off.
    const settings = { ...ONE_CALL, parallel_tool_calls: true, ignore_eos: true, max_tokens: 120 };
    const stream = server.client.chat.completions.stream(server.request(QUESTION, settings));
    const indices = new Set();
    stream.on('tool_calls.function.arguments.delta', (event) => indices.add(event.index));
    const { message, finish_reason } = (await stream.finalChatCompletion()).choices[0];
    assert(message.tool_calls.length > 2);
    assert.equal(message.tool_calls.length, indices.size);
    // Where the limit cut the last one off, the reason says so.
    const whole = finish_reason === 'tool_calls' ? message.tool_calls : message.tool_calls.slice(0, -1);
    whole.forEach((call) => checkArguments(call.function.arguments));
    const ids = new Set(message.tool_calls.map((call) => call.id));
    assert.equal(ids.size, message.tool_calls.length);
});

test('without a tool to call the answer is text', async () => {
    const settings = { tools: [WEATHER], tool_choice: 'none' };
    const { message, finish_reason } = (await server.ask(QUESTION, settings)).choices[0];
    assert(message.content && !message.tool_calls);
    assert.equal(finish_reason, 'length');
});

/** The arguments of a real function; bounded, so that a small model ends them. */
const Paint = z.object({ thing: z.enum(['door', 'wall']), layers: z.number().int().min(1).max(3) });

for (const stream of [false, true]) {
    test(`a real function is called and its result sent back, ${stream ? 'streamed' : 'whole'}`, async () => {
        const painted = [];
        const paint = zodFunction({
            name: 'paint',
            parameters: Paint,
            function: (given) => {
                painted.push(Paint.parse(given));
                return { painted: given.thing, after: painted.length };
            },
        });
        const settings = { ...ONE_CALL, tools: [paint], stream };
        const runner = server.client.chat.completions.runTools(server.request('Paint the door.', settings), {
            maxChatCompletions: 2,
        });
        await runner.done();
        assert.equal(painted.length, 2);
        const roles = runner.messages.map((message) => message.role);
        assert.deepEqual(roles, ['user', 'assistant', 'tool', 'assistant', 'tool']);
        assert.deepEqual(JSON.parse(runner.messages[4].content), { painted: painted[1].thing, after: 2 });
        // The second request held the first call and its result: it is longer than the first.
        const prompts = runner.allChatCompletions().map((answer) => answer.usage?.prompt_tokens);
        assert(stream || prompts[1] > prompts[0]);
        // And so goes a conversation on that ends in words.
        const messages = runner.messages.map(({ role, content, tool_calls, tool_call_id }) => ({
            role,
            content,
            ...(tool_calls && { tool_calls }),
            ...(tool_call_id && { tool_call_id }),
        }));
        const said = await server.ask('', { messages, tools: [WEATHER], tool_choice: 'none' });
        assert(said.choices[0].message.content);
    });
}

test('a function that is named runs once, and the runner gives its result', async () => {
    const run = (given) => `${given.layers} layers`;
    const paint = zodFunction({ name: 'paint', parameters: Paint, function: run });
    const tool_choice = { type: 'function', function: { name: 'paint' } };
    const settings = { ...ONE_CALL, tools: [paint], tool_choice };
    const runner = server.client.chat.completions.runTools(server.request('Paint the door.', settings));
    assert.match(await runner.finalFunctionToolCallResult(), /^[123] layers$/);
});

test('a strict function of zod is parsed', async () => {
    const tools = [zodFunction({ name: 'paint', parameters: Paint })];
    const answer = await server.client.chat.completions.parse(server.request('Paint the door.', { ...ONE_CALL, tools }));
    const [call] = answer.choices[0].message.tool_calls;
    Paint.parse(call.function.parsed_arguments);
});
