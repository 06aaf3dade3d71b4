// SPDX-License-Identifier: MIT
// A small client of the Redis protocol (RESP2), so that a test sees the bytes themselves. Replies are Buffers where Redis
// sends bulk strings, text where it sends a line.
import net from 'node:net';
import { Inbox, within } from './wait.js';

export class RespError extends Error {}

// The value that begins at `at`: [value, where it ends], or undefined when it is not all there.
export function respRead(bytes, at = 0) {
  const end = bytes.indexOf('\r\n', at, 'latin1');
  if (end < 0) return undefined;
  const line = bytes.toString('utf8', at + 1, end);
  const next = end + 2;
  switch (String.fromCharCode(bytes[at])) {
    case '+': return [line, next];
    case '-': return [new RespError(line), next];
    case ':': return [Number(line), next];
    case '$': return bulkRead(bytes, next, Number(line));
    case '*': return arrayRead(bytes, next, Number(line));
    default: throw new Error(`not RESP2: ${JSON.stringify(bytes.toString('latin1', at, at + 80))}`);
  }
}

function bulkRead(bytes, at, length) {
  if (length < 0) return [null, at];
  return bytes.length < at + length + 2 ? undefined : [Buffer.from(bytes.subarray(at, at + length)), at + length + 2];
}

function arrayRead(bytes, at, count) {
  if (count < 0) return [null, at];
  const items = [];
  while (items.length < count) {
    const item = respRead(bytes, at);
    if (!item) return undefined;
    items.push(item[0]);
    at = item[1];
  }
  return [items, at];
}

// One command; arguments are text, numbers or Buffers.
export function respWrite(args) {
  const parts = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const bytes = Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg));
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}

// Buffers in a reply, however deep, as text.
export function respText(value) {
  if (Array.isArray(value)) return value.map(respText);
  return Buffer.isBuffer(value) ? value.toString() : value;
}

// A connection. Each reply settles the oldest question; once streaming, what comes goes to `stream`.
export class Resp {
  constructor(socket, name = 'Redis') {
    this.socket = socket;
    this.waiting = []; // { resolve, reject } of each command sent, oldest first
    this.stream = null; // an Inbox
    this.rest = Buffer.alloc(0);
    this.error = null; // why nothing more will come
    socket.setNoDelay(true);
    socket.on('data', (part) => this.#take(part));
    socket.on('error', (error) => { this.error ??= error; });
    this.closed = new Promise((resolve) => socket.on('close', () => {
      this.error ??= new Error(`connection to ${name} closed`);
      this.waiting.splice(0).forEach(({ reject }) => reject(this.error));
      this.stream?.fail(this.error);
      resolve();
    }));
  }

  // `at`: { host, port } or { path }
  static connect(at, { username, password } = {}) {
    const socket = net.connect(at);
    const resp = new Resp(socket, JSON.stringify(at));
    const connected = new Promise((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return within(5000, `connection to Redis ${JSON.stringify(at)}`, connected)
      .then(() => (password === undefined ? undefined : resp.raw('AUTH', ...(username ? [username] : []), password)))
      .then(() => resp)
      .catch((error) => { socket.destroy(); throw error; });
  }

  #take(part) {
    this.rest = this.rest.length ? Buffer.concat([this.rest, part]) : part;
    let at = 0;
    try {
      for (let found; at < this.rest.length && (found = respRead(this.rest, at)); at = found[1]) this.#settle(found[0]);
    } catch (error) { this.socket.destroy(error); } // not RESP: nothing behind it can be understood
    this.rest = this.rest.subarray(at);
  }

  #settle(value) {
    const asked = this.waiting.shift();
    if (!asked) this.stream?.push(value);
    else if (value instanceof RespError) asked.reject(value);
    else asked.resolve(value);
  }

  // The reply, with Buffers in it. Commands may be sent without waiting for the ones before.
  raw(...args) {
    if (this.error) return Promise.reject(this.error);
    const answered = new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
    this.socket.write(respWrite(args));
    return within(10000, () => `reply to ${args.map(String).join(' ').slice(0, 100)}`, answered);
  }

  // The reply as text.
  command(...args) { return this.raw(...args).then(respText); }

  // Sends a command whose replies have no end (SUBSCRIBE, MONITOR): they go to `stream`, after the first one.
  async streaming(...args) {
    this.stream = new Inbox(`replies to ${args.join(' ').slice(0, 100)}`);
    return this.command(...args);
  }

  close() {
    this.socket.destroy();
    return this.closed;
  }
}
