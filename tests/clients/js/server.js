// A rein server for the tests of one file, and what it computes by its own metrics.
//
// REIN_BIN is the binary to start and REIN_MODEL the chat model to load; scripts/client-tests.sh sets both.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

import OpenAI from 'openai';

/** Only tells a hang from a slow machine. */
export const HANG_SECONDS = 120;

/** What a request counts as having run on, had nobody stopped it. */
export const ENDLESS = { max_tokens: 1900, ignore_eos: true };

/** A running server. `client` is the SDK's, `model` the model's name. */
export class Server {
    /** Starts one on a free port, with these flags too. */
    static async start(...flags) {
        const command = ['serve', '-m', process.env.REIN_MODEL, '--port', '0', '-c', '8192', '--threads', '1', ...flags];
        const server = new Server();
        const env = { REIN_LOG: 'warn', ...process.env };
        server.child = spawn(process.env.REIN_BIN, command, { env, stdio: ['ignore', 'pipe', 'inherit'] });
        // A test that dies leaves no server behind.
        process.once('exit', () => server.child.kill('SIGKILL'));
        for await (const line of createInterface({ input: server.child.stdout })) {
            const found = /Listening on (http:\S+)/.exec(line);
            if (found) {
                server.url = found[1];
                break;
            }
        }
        assert(server.url, 'the server ended before it listened');
        // What it says later is read and forgotten, so that it can go on.
        server.child.stdout.resume();
        const key = flags.includes('--api-key') ? flags[flags.indexOf('--api-key') + 1] : 'none';
        server.client = server.clientWith(key);
        server.model = (await server.client.models.list()).data[0].id;
        return server;
    }

    /** The SDK's client. No retries: an error that goes away by itself is an error here. */
    clientWith(apiKey) {
        const settings = { maxRetries: 0, timeout: HANG_SECONDS * 1000 };
        return new OpenAI({ baseURL: `${this.url}/v1`, apiKey, ...settings });
    }

    /** The fields of a request whose answer is short and always the same. */
    request(text = 'Tell a long story.', settings = {}) {
        const messages = [{ role: 'user', content: text }];
        return { model: this.model, messages, temperature: 0, max_tokens: 16, ...settings };
    }

    /** A whole answer or, with `stream`, its chunks. */
    ask(text, settings, options) {
        return this.client.chat.completions.create(this.request(text, settings), options);
    }

    /** Runs that compute, tokens drawn since the start, and stops that clients caused by going away. */
    async computing() {
        const answer = await fetch(`${this.url}/metrics`, { headers: this.authorization() });
        const lines = (await answer.text()).split('\n');
        const sum = (wanted) =>
            lines.filter((line) => wanted.test(line)).reduce((total, line) => total + Number(line.split(' ').pop()), 0);
        return {
            running: sum(/^rein_runs_running /),
            generated: sum(/^rein_generated_tokens_total /),
            disconnects: sum(/^rein_stop_latency_seconds_count\{.*cause="disconnect"/),
        };
    }

    /** Waits until the server draws tokens beyond those that `before` (of `computing`) counts. */
    async untilItDraws(before) {
        await until(async () => (await this.computing()).generated > before.generated);
    }

    /**
     * What `abort` begins and aborts is no longer computed: one disconnect was counted, no run is left, far fewer
     * tokens were drawn than were asked for, and the next request's tokens are all that are drawn from then on.
     */
    async assertStops(abort) {
        const before = await this.computing();
        await abort(before);
        await until(async () => {
            const now = await this.computing();
            return now.running === 0 && now.disconnects > before.disconnects;
        });
        const stopped = await this.computing();
        assert.equal(stopped.disconnects, before.disconnects + 1);
        assert(stopped.generated - before.generated < ENDLESS.max_tokens, 'it ran to its end');
        await this.ask('Hello.', { max_tokens: 8, ignore_eos: true });
        assert.equal((await this.computing()).generated, stopped.generated + 8);
    }

    /** SIGTERM ends it properly. */
    async stop() {
        const ended = once(this.child, 'exit');
        this.child.kill('SIGTERM');
        assert.deepEqual(await ended, [0, null]);
    }

    authorization() {
        return { authorization: `Bearer ${this.client.apiKey}` };
    }
}

/** Waits for a condition. */
export async function until(condition) {
    const end = Date.now() + HANG_SECONDS * 1000;
    while (!(await condition())) {
        assert(Date.now() < end, 'hangs');
        await sleep(10);
    }
}

/** All items of a stream. */
export async function collect(stream) {
    const items = [];
    for await (const item of stream) items.push(item);
    return items;
}

/** The text of chunks. */
export function textOf(chunks) {
    return chunks.flatMap((chunk) => chunk.choices.map((choice) => choice.delta.content ?? '')).join('');
}
