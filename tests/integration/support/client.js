// SPDX-License-Identifier: MIT
// A client of the native protocol over the `ws` package. It keeps every frame as text, because the hub promises to
// hand payloads on byte for byte.
import assert from 'node:assert/strict';
import WebSocket from 'ws';
import { Inbox, within } from './wait.js';

export const PROTOCOL = 'wshub.json.v1';

export class Client {
  constructor(url, { protocols = [PROTOCOL], ...options } = {}) {
    this.ws = new WebSocket(url, protocols, { perMessageDeflate: false, ...options });
    this.frames = new Inbox('client'); // { text, json, at } in order
    this.nextId = 1;
    this.waiting = new Map(); // id -> resolve
    this.ws.on('message', (data, binary) => {
      const text = data.toString();
      const json = binary ? undefined : JSON.parse(text);
      const frame = { text, json, at: performance.now(), binary };
      this.frames.push(frame);
      const resolve = this.waiting.get(json?.id);
      if (!resolve || (json.op !== 'ok' && json.op !== 'error')) return;
      this.waiting.delete(json.id);
      resolve(json);
    });
    this.opened = new Promise((resolve, reject) => {
      this.ws.on('open', resolve);
      this.ws.on('unexpected-response', (request, response) => {
        let body = '';
        response.on('data', (part) => { body += part; });
        response.on('end', () => reject(Object.assign(new Error(`refused with ${response.statusCode}: ${body}`),
          { status: response.statusCode, headers: response.headers, body })));
      });
      this.ws.on('error', (error) => { this.error ??= error; reject(error); });
    });
    this.opened.catch(() => {});
    this.closed = new Promise((resolve) => {
      this.ws.on('close', (code, reason) => {
        this.frames.fail(new Error(`closed with ${code} ${reason}`));
        resolve({ code, reason: reason.toString(), at: performance.now() });
      });
    });
  }

  // Connects and takes the welcome. `hub` has a url of its own; `path` and the rest are for the ws package.
  static async connect(hub, { path = '/ws', ...options } = {}) {
    const client = new Client(hub.url.replace(/^http/, 'ws') + path, options);
    await within(5000, 'WebSocket open', client.opened);
    client.welcome = (await client.frames.next((f) => f.json?.op === 'welcome', { what: 'welcome' })).json;
    return client;
  }

  sendText(text) { this.ws.send(text); }

  // Sends an operation under a fresh id; the promise is its answer, ok or error. `tail` is JSON text put in as it is.
  request(op, fields = {}, { tail = '', deadline = 5000 } = {}) {
    const id = this.nextId++;
    const answered = new Promise((resolve) => this.waiting.set(id, resolve));
    this.sendText(JSON.stringify({ op, id, ...fields }).slice(0, -1) + tail + '}');
    const broken = this.closed.then(({ code, reason }) => { throw new Error(`closed with ${code} ${reason} before the answer to ${op}`); });
    return within(deadline, `answer to ${op} ${JSON.stringify(fields)}`, Promise.race([answered, broken]));
  }

  async ok(op, fields, options) {
    const answer = await this.request(op, fields, options);
    assert.equal(answer.op, 'ok', JSON.stringify(answer));
    return answer;
  }

  async fails(code, op, fields, options) {
    const answer = await this.request(op, fields, options);
    assert.equal(answer.op, 'error', `${op} ${JSON.stringify(fields)}: ${JSON.stringify(answer)}`);
    assert.equal(answer.code, code, JSON.stringify(answer));
    assert.equal(typeof answer.message, 'string');
    assert.ok(answer.message.length > 0, 'an error says why');
    assert.equal(typeof answer.retry, 'boolean', JSON.stringify(answer));
    return answer;
  }

  subscribe(channel) { return this.ok('subscribe', { channel }); }
  unsubscribe(channel) { return this.ok('unsubscribe', { channel }); }
  publish(channel, data, options) { return this.ok('publish', { channel, data }, options); }
  // `raw` is the payload's JSON text, sent as it is.
  publishRaw(channel, raw, options) { return this.ok('publish', { channel }, { ...options, tail: `,"data":${raw}` }); }

  // The first frame, past or future, that fits.
  waitFrame(predicate, options) { return this.frames.next((f) => f.json !== undefined && predicate(f.json, f.text), options); }

  // The first message of the channel whose data the predicate accepts.
  async waitMessage(channel, predicate = () => true, options = {}) {
    const frame = await this.waitFrame((m) => m.op === 'message' && m.channel === channel && predicate(m.data),
      { what: `message of ${channel}`, ...options });
    return frame.json;
  }

  messages(channel) {
    return this.frames.items.map((f) => f.json).filter((m) => m?.op === 'message' && m.channel === channel);
  }

  // Everything that the hub has sent before it answered this has arrived.
  async barrier() { await this.ok('ping'); }

  async close(code = 1000) {
    this.ws.close(code);
    return within(5000, 'close', this.closed);
  }

  expectClose(code, { deadline = 5000 } = {}) {
    return within(deadline, `close ${code}`, this.closed).then((end) => {
      assert.equal(end.code, code, `close code, reason "${end.reason}"`);
      return end;
    });
  }
}

// As many connections, some at a time; all are terminated at the test's end.
export async function connectMany(t, hub, count, options) {
  const clients = [];
  t.after(() => clients.forEach((c) => c.ws.terminate()));
  while (clients.length < count) {
    const batch = Array.from({ length: Math.min(50, count - clients.length) }, () => Client.connect(hub, options));
    clients.push(...await Promise.all(batch));
  }
  return clients;
}

export async function connect(t, hub, options) { return (await connectMany(t, hub, 1, options))[0]; }
