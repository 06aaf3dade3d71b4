// SPDX-License-Identifier: MIT
// A small client of the NATS protocol, so that a test is another program on the same server: it publishes, listens and
// asks, and sees the bytes themselves.
import net from 'node:net';
import { Inbox, within } from './wait.js';

const CRLF = '\r\n';

// "NATS/1.0\r\nName: value\r\n\r\n" -> { name: value }
function headersRead(bytes) {
  const lines = bytes.toString().split(CRLF).slice(1).filter(Boolean);
  return Object.fromEntries(lines.map((line) => /^([^:]*): ?(.*)$/s.exec(line).slice(1, 3)));
}

function headersWrite(headers) {
  return Buffer.from(`NATS/1.0${CRLF}${Object.entries(headers).map(([k, v]) => `${k}: ${v}${CRLF}`).join('')}${CRLF}`);
}

export class NatsClient {
  constructor(socket) {
    this.socket = socket;
    this.rest = Buffer.alloc(0);
    this.subscriptions = new Map(); // sid -> Inbox
    this.pongs = [];
    this.errors = new Inbox('errors of NATS');
    this.nextId = 1;
    socket.setNoDelay(true);
    this.info = new Promise((resolve, reject) => { this.onInfo = resolve; this.onFail = reject; });
    this.info.catch(() => {});
    socket.on('data', (part) => { this.rest = Buffer.concat([this.rest, part]); while (this.#take()); });
    socket.on('error', (error) => this.#fail(error));
    this.closed = new Promise((resolve) => socket.on('close', () => { this.#fail(new Error('NATS closed the connection')); resolve(); }));
  }

  // `login`: fields of CONNECT: { user, pass } or { auth_token }
  static async connect(port, login = {}) {
    const client = new NatsClient(net.connect(port, '127.0.0.1'));
    await within(5000, `INFO of port ${port}`, client.info);
    client.#send(`CONNECT ${JSON.stringify({ verbose: false, headers: true, no_responders: true, lang: 'test', version: '1', ...login })}${CRLF}`);
    await client.flush();
    return client;
  }

  #fail(error) {
    this.failure ??= error;
    this.onFail(error);
    for (const { reject } of this.pongs.splice(0)) reject(this.failure);
    for (const inbox of this.subscriptions.values()) inbox.fail(this.failure);
  }

  #send(...parts) { this.socket.write(Buffer.concat(parts.map((p) => (Buffer.isBuffer(p) ? p : Buffer.from(p))))); }

  // One piece of protocol from `rest`; false: it is not whole.
  #take() {
    const end = this.rest.indexOf(CRLF);
    if (end < 0) return false;
    const line = this.rest.toString('utf8', 0, end);
    const [verb, ...words] = line.split(' ');
    let next = end + 2;
    if (verb === 'MSG' || verb === 'HMSG') {
      const total = Number(words.at(-1));
      if (this.rest.length < next + total + 2) return false;
      this.#message(verb, words, this.rest.subarray(next, next + total));
      next += total + 2;
    } else if (verb === 'INFO') this.onInfo(JSON.parse(line.slice(5)));
    else if (verb === 'PING') this.#send(`PONG${CRLF}`);
    else if (verb === 'PONG') this.pongs.shift()?.resolve();
    else if (verb === '-ERR') { this.failure ??= new Error(line); this.errors.push(line); }
    this.rest = this.rest.subarray(next);
    return true;
  }

  #message(verb, words, bytes) {
    const head = verb === 'HMSG' ? Number(words.at(-2)) : 0;
    const numbers = verb === 'HMSG' ? 2 : 1;
    this.subscriptions.get(words[1])?.push({
      subject: words[0],
      reply: words.length > 2 + numbers ? words[2] : undefined,
      headers: head ? headersRead(bytes.subarray(0, head)) : {},
      payload: Buffer.from(bytes.subarray(head)),
    });
  }

  // The server has read all that was sent before.
  flush() {
    const ponged = new Promise((resolve, reject) => this.pongs.push({ resolve, reject }));
    this.#send(`PING${CRLF}`);
    return within(5000, 'PONG', ponged);
  }

  async publish(subject, payload = '', { headers, reply = '' } = {}) {
    const body = Buffer.from(payload);
    if (headers) {
      const head = headersWrite(headers);
      this.#send(`HPUB ${subject} ${reply} ${head.length} ${head.length + body.length}${CRLF}`, head, body, CRLF);
    } else this.#send(`PUB ${subject} ${reply} ${body.length}${CRLF}`, body, CRLF);
    await this.flush();
  }

  // An Inbox of { subject, headers, payload }; what is published from now on arrives.
  async subscribe(subject) {
    const id = String(this.nextId++);
    const inbox = new Inbox(`subscription to ${subject}`);
    this.subscriptions.set(id, inbox);
    this.#send(`SUB ${subject} ${id}${CRLF}`);
    await this.flush();
    return Object.assign(inbox, { end: () => { this.subscriptions.delete(id); this.#send(`UNSUB ${id}${CRLF}`); } });
  }

  // The first answer to a request: { headers, payload }.
  async request(subject, payload = '', { headers } = {}) {
    const reply = `_INBOX.test${process.pid}.${this.nextId}.${Math.random().toString(36).slice(2)}`;
    const inbox = await this.subscribe(reply);
    try {
      await this.publish(subject, payload, { headers, reply });
      return await inbox.next(() => true, { what: `answer to ${subject}` });
    } finally { inbox.end(); }
  }

  // Of the JetStream API.
  async api(subject, body = '') {
    const { payload } = await this.request(`$JS.API.${subject}`, body && JSON.stringify(body));
    return JSON.parse(payload);
  }

  close() { this.socket.destroy(); return this.closed; }
}
