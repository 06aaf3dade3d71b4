// SPDX-License-Identifier: MIT
// A TCP socket with WebSocket frames made and read by hand, so that a test can send what no library would, in any
// pieces, and sees just what the hub sends.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import net from 'node:net';
import { within } from './wait.js';

export const OP = { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 };

// One client frame. Everything may be made wrong: rsv (0 to 7), mask: false, length (the announced one), lengthBytes
// (0, 2 or 8: how it is written).
export function frame(opcode, payload = '', { fin = true, rsv = 0, mask = true, length, lengthBytes } = {}) {
  const body = Buffer.from(payload);
  const size = BigInt(length ?? body.length);
  const wide = lengthBytes ?? (size < 126n ? 0 : size < 65536n ? 2 : 8);
  const head = Buffer.alloc(2 + wide);
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  head[1] = (mask ? 0x80 : 0) | (wide === 0 ? Number(size) : wide === 2 ? 126 : 127);
  if (wide === 2) head.writeUInt16BE(Number(size), 2);
  if (wide === 8) head.writeBigUInt64BE(size, 2);
  if (!mask) return Buffer.concat([head, body]);
  const key = randomBytes(4);
  return Buffer.concat([head, key, body.map((byte, i) => byte ^ key[i & 3])]);
}

export function closeFrame(code, reason = '', options) {
  const body = Buffer.concat([Buffer.alloc(2), Buffer.from(reason)]);
  body.writeUInt16BE(code);
  return frame(OP.CLOSE, body, options);
}

export const text = (value, options) => frame(OP.TEXT, typeof value === 'string' || Buffer.isBuffer(value) ? value
  : JSON.stringify(value), options);

// The request of a proper opening handshake. `headers` are laid over it: null takes one away, a list repeats it.
export function handshake({ host = 'localhost', method = 'GET', path = '/ws', version = 'HTTP/1.1', headers = {}, key } = {}) {
  const all = {
    Host: host, Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Key': key ?? randomBytes(16).toString('base64'),
    'Sec-WebSocket-Version': '13', ...headers,
  };
  const lines = [`${method} ${path} ${version}`];
  for (const [name, value] of Object.entries(all))
    for (const one of Array.isArray(value) ? value : [value]) if (one !== null) lines.push(`${name}: ${one}`);
  return Buffer.from(lines.join('\r\n') + '\r\n\r\n', 'latin1');
}

export const acceptOf = (key) => createHash('sha1').update(key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');

export class Raw {
  constructor(socket) {
    this.socket = socket;
    this.buffer = Buffer.alloc(0);
    this.ended = false; // nothing more will come
    this.wake = () => {};
    socket.setNoDelay(true);
    socket.unref(); // one that a failed test forgot does not keep the process
    socket.on('data', (part) => { this.buffer = Buffer.concat([this.buffer, part]); this.wake(); });
    // A hub that closes with bytes of ours unread makes the kernel send RST: an end like any other.
    for (const event of ['end', 'error', 'close']) socket.on(event, () => { this.ended = true; this.wake(); });
  }

  static connect(port, host = '127.0.0.1') {
    const socket = net.connect({ port, host, allowHalfOpen: true });
    const raw = new Raw(socket);
    return within(5000, 'TCP connection', new Promise((resolve, reject) => {
      socket.once('connect', () => resolve(raw));
      socket.once('error', reject);
    }));
  }

  // Connects and shakes hands; the answer stands in `response`.
  static async upgrade(port, { headers, path, key = randomBytes(16).toString('base64') } = {}) {
    const raw = await Raw.connect(port);
    raw.send(handshake({ host: `127.0.0.1:${port}`, headers, path, key }));
    raw.response = await raw.head();
    assert.equal(raw.response.status, 101, JSON.stringify(raw.response));
    assert.equal(raw.response.headers['sec-websocket-accept'], acceptOf(key));
    return raw;
  }

  send(bytes) { if (this.socket.writable) this.socket.write(bytes); }

  // One byte per write, each handed to the kernel before the next; stops early when the hub has had enough.
  async sendByteByByte(bytes) {
    for (const byte of bytes) {
      if (this.ended || !this.socket.writable) return;
      await new Promise((resolve) => this.socket.write(Buffer.from([byte]), () => resolve()));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  sendIn(manner, bytes) { return manner === 'whole' ? this.send(bytes) : this.sendByteByByte(bytes); }

  // take() is asked after every byte that comes until it gives something else than undefined.
  await(what, take, deadline = 5000) {
    const found = new Promise((resolve, reject) => {
      this.wake = () => {
        try {
          const value = take();
          if (value !== undefined) resolve(value);
          else if (this.ended) reject(new Error(`the connection ended; waiting for ${what}; unread: ` +
            JSON.stringify(this.buffer.subarray(0, 200).toString('latin1'))));
        } catch (error) { reject(error); }
      };
      this.wake();
    });
    return within(deadline, () => `${what}; unread: ${JSON.stringify(this.buffer.subarray(0, 200).toString('latin1'))}`, found)
      .finally(() => { this.wake = () => {}; });
  }

  take(count) {
    const part = this.buffer.subarray(0, count);
    this.buffer = this.buffer.subarray(count);
    return part;
  }

  // Status line and headers: { status, headers }, names in lower case, repeated ones joined.
  head(deadline) {
    return this.await('an HTTP answer', () => {
      const end = this.buffer.indexOf('\r\n\r\n');
      if (end < 0) return undefined;
      const [first, ...lines] = this.take(end + 4).toString('latin1').trimEnd().split('\r\n');
      const m = /^HTTP\/1\.1 (\d{3}) ([\x20-\x7e]*)$/.exec(first);
      assert.ok(m, `status line: ${first}`);
      const headers = {};
      for (const line of lines) {
        const at = line.indexOf(':');
        assert.ok(at > 0, `header: ${line}`);
        const name = line.slice(0, at).toLowerCase();
        const value = line.slice(at + 1).trim();
        headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
      }
      return { status: Number(m[1]), headers };
    }, deadline);
  }

  // A whole answer and then the end of the connection: { status, headers, body, json }.
  async answer({ deadline, head = false } = {}) {
    const answer = await this.head(deadline);
    await this.end(deadline);
    answer.body = this.take(this.buffer.length).toString();
    if (!head) assert.equal(Number(answer.headers['content-length']), Buffer.byteLength(answer.body), 'Content-Length');
    Object.defineProperty(answer, 'json', { get() { return JSON.parse(this.body); } });
    return answer;
  }

  // The hub has closed its side.
  end(deadline) { return this.await('the end of the connection', () => (this.ended ? true : undefined), deadline); }

  // The next frame of the hub: { opcode, payload }. Section 5.1: a server's frames are not masked; 5.2: no RSV bits
  // without an extension, minimal length.
  frame(deadline) {
    return this.await('a frame', () => {
      const b = this.buffer;
      if (b.length < 2) return undefined;
      assert.equal(b[0] & 0x70, 0, 'RSV bits from the server');
      assert.equal(b[1] & 0x80, 0, 'a masked frame from the server');
      assert.equal(b[0] & 0x80, 0x80, 'a fragment from the server');
      const small = b[1] & 0x7f;
      const at = small === 126 ? 4 : small === 127 ? 10 : 2;
      if (b.length < at) return undefined;
      const size = small === 126 ? b.readUInt16BE(2) : small === 127 ? Number(b.readBigUInt64BE(2)) : small;
      assert.ok(small < 126 || (small === 126 ? size > 125 : size > 65535), 'length not minimal');
      if (b.length < at + size) return undefined;
      const opcode = b[0] & 0x0f;
      return { opcode, payload: Buffer.from(this.take(at + size).subarray(at)) };
    }, deadline);
  }

  // The next text frame as JSON; pings are passed over when asked.
  async json({ deadline, skip = [] } = {}) {
    for (;;) {
      const f = await this.frame(deadline);
      if (skip.includes(f.opcode)) continue;
      assert.equal(f.opcode, OP.TEXT, `opcode, payload ${JSON.stringify(f.payload.toString('latin1'))}`);
      return JSON.parse(f.payload.toString());
    }
  }

  async welcome() {
    const m = await this.json();
    assert.equal(m.op, 'welcome');
    return m;
  }

  // Reads on to the close frame, asserts its code (null: none), and that the hub then ends the connection (RFC 6455
  // 7.1.1: the server closes TCP first). `answer`: whether to play the good peer. Returns what came before.
  async expectClose(code, { deadline, answer = true } = {}) {
    const before = [];
    for (;;) {
      const f = await this.frame(deadline);
      if (f.opcode !== OP.CLOSE) { before.push(f); continue; }
      const got = f.payload.length ? f.payload.readUInt16BE(0) : null;
      const reason = f.payload.subarray(2).toString();
      assert.equal(got, code, `close code, reason "${reason}"`);
      if (answer) this.send(frame(OP.CLOSE, f.payload.subarray(0, 2)));
      await this.end(deadline);
      assert.equal(this.buffer.length, 0, 'bytes behind the close frame');
      this.destroy();
      return Object.assign(before, { reason });
    }
  }

  destroy() { this.socket.destroy(); }
}
