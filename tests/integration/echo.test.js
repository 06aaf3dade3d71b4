// SPDX-License-Identifier: MIT
// Our WebSocket code alone, behind an echo: what a conformance suite asks of a server (the case groups 1 to 7 and 9 of
// the Autobahn suite), each case named by what it checks.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import WebSocket from 'ws';
import { ROOT, assertNoSanitizerReport } from './support/hub.js';
import { OP, Raw, closeFrame, frame } from './support/raw.js';
import { within } from './support/wait.js';

const BIN = process.env.WSHUB_ECHO_BIN ?? join(ROOT, 'build/tests/ws-echo');
const MAX = 16 * 1024 * 1024;

// ---- the program ---------------------------------------------------------------------------------------------------

// Starts it: { child, exit, out, err, port }.
function launch(args) {
  const child = spawn(BIN, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const echo = { child, out: '', err: '' };
  echo.listening = new Promise((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (part) => {
      echo.out += part;
      const m = /^listening on 127\.0\.0\.1:(\d+)\n/.exec(echo.out);
      if (m) resolve(Number(m[1]));
    });
    child.on('close', () => reject(new Error(`ws-echo ended: ${echo.err}`)));
  });
  echo.listening.catch(() => {});
  child.stderr.setEncoding('utf8').on('data', (part) => { echo.err += part; });
  echo.exit = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  return echo;
}

let echo;
let port;
process.on('exit', () => echo?.child.kill('SIGKILL'));

before(async () => {
  echo = launch(['0']);
  port = await within(10000, 'ws-echo listens', echo.listening);
});

after(async () => {
  const stranger = await Raw.upgrade(port); // one that is still there must not keep it
  echo.child.kill('SIGTERM');
  assert.deepEqual(await within(10000, 'ws-echo ends', echo.exit), { code: 0, signal: null }, echo.err);
  assertNoSanitizerReport(echo.err);
  assert.equal(echo.err, '');
  stranger.destroy();
});

for (const args of [[], ['1', '2'], ['x'], ['-1'], ['65536'], ['']]) {
  test(`program: ws-echo ${JSON.stringify(args)} is a usage error`, async () => {
    const wrong = launch(args);
    assert.equal((await within(10000, 'ws-echo ends', wrong.exit)).code, 2, wrong.err);
    assert.notEqual(wrong.err, '');
    assert.equal(wrong.out, '');
  });
}

// ---- helpers -------------------------------------------------------------------------------------------------------

async function open(options) {
  const ws = new WebSocket(`ws://127.0.0.1:${port}/any/path`, { perMessageDeflate: false, ...options });
  await within(5000, 'WebSocket open', new Promise((resolve, reject) => { ws.on('open', resolve); ws.on('error', reject); }));
  return ws;
}

const message = (ws, deadline = 10000) => within(deadline, 'echo', new Promise((resolve, reject) => {
  ws.once('message', (data, binary) => resolve({ data, binary }));
  ws.once('close', (code, reason) => reject(new Error(`closed with ${code} ${reason}`)));
}));

const closed = (ws) => within(10000, 'close', new Promise((resolve) => {
  ws.on('error', () => {});
  ws.once('close', (code) => resolve(code));
}));

async function closeWell(ws) {
  const end = closed(ws);
  ws.close(1000);
  assert.equal(await end, 1000);
}

async function rawClose(raw) {
  raw.send(closeFrame(1000));
  const before = await raw.expectClose(1000, { answer: false });
  assert.equal(before.length, 0, 'frames that nobody asked for');
}

async function expectFrame(raw, opcode, payload, deadline) {
  const got = await raw.frame(deadline);
  assert.equal(got.opcode, opcode, `payload ${got.payload.subarray(0, 50).toString('latin1')}`);
  assert.ok(got.payload.equals(Buffer.from(payload)), `payload ${got.payload.subarray(0, 50).toString('latin1')}`);
}

// One frame per byte. Of nothing: one empty frame.
function inBytes(opcode, payload) {
  const bytes = Buffer.from(payload);
  if (bytes.length < 2) return frame(opcode, bytes);
  return Buffer.concat([...bytes].map((byte, i) =>
    frame(i === 0 ? opcode : OP.CONTINUATION, Buffer.from([byte]), { fin: i === bytes.length - 1 })));
}

// ---- 1 and 9: messages of all sizes --------------------------------------------------------------------------------

const SIZES = [0, 1, 125, 126, 127, 128, 65535, 65536, 1024 * 1024, MAX];

for (const size of SIZES) {
  for (const binary of [false, true]) {
    test(`message: ${size} bytes of ${binary ? 'binary' : 'text'} come back`, async () => {
      const ws = await open({ maxPayload: MAX });
      const data = binary ? randomBytes(size) : Buffer.alloc(size, 'aé😀b'); // wide characters across every edge
      const valid = binary ? data : Buffer.from(data.toString().replace(/\ufffd+$/, '')).subarray(0, size);
      const payload = binary ? data : Buffer.concat([valid, Buffer.alloc(size - valid.length, 'x')]);
      const answer = message(ws, 20000);
      ws.send(payload, { binary });
      const got = await answer;
      assert.equal(got.binary, binary);
      assert.equal(got.data.length, size);
      assert.ok(got.data.equals(payload));
      await closeWell(ws);
    });
  }
}

for (const binary of [false, true]) {
  test(`message: one byte more than 16 MiB of ${binary ? 'binary' : 'text'} is 1009`, async () => {
    const ws = await open();
    const end = closed(ws);
    ws.send(Buffer.alloc(MAX + 1, 'x'), { binary });
    assert.equal(await end, 1009);
  });
}

test('message: one byte more than 16 MiB in fragments is 1009', async () => {
  const ws = await open();
  const end = closed(ws);
  for (let i = 0; i < 16; i++) ws.send(Buffer.alloc(MAX / 16), { binary: true, fin: false });
  ws.send(Buffer.alloc(1), { binary: true, fin: true });
  assert.equal(await end, 1009);
});

test('message: 16 MiB in fragments of 64 KiB come back in one frame', async () => {
  const ws = await open();
  const data = randomBytes(MAX);
  const answer = message(ws, 20000);
  for (let at = 0; at < MAX; at += 65536) ws.send(data.subarray(at, at + 65536), { binary: true, fin: at + 65536 === MAX });
  assert.ok((await answer).data.equals(data));
  await closeWell(ws);
});

test('message: a length announced in 64 bits with the highest bit set is refused', async () => {
  const raw = await Raw.upgrade(port);
  raw.send(frame(OP.BINARY, 'x', { length: 2n ** 63n, lengthBytes: 8 }));
  await raw.expectClose(1002);
});

test('message: a thousand in one write come back in order', async () => {
  const raw = await Raw.upgrade(port);
  const all = Array.from({ length: 1000 }, (_, i) => `message ${i}`);
  raw.send(Buffer.concat(all.map((text) => frame(OP.TEXT, text))));
  for (const text of all) await expectFrame(raw, OP.TEXT, text);
  await rawClose(raw);
});

for (const [what, size] of [['two bytes', 2], ['a prime number of bytes', 997]]) {
  test(`message: 64 KiB, its frame cut into writes of ${what}`, async () => {
    const raw = await Raw.upgrade(port);
    const data = randomBytes(size === 2 ? 4096 : 65536);
    const bytes = frame(OP.BINARY, data);
    for (let at = 0; at < bytes.length; at += size) {
      raw.send(bytes.subarray(at, at + size));
      if (at % (size * 32) === 0) await new Promise(setImmediate);
    }
    await expectFrame(raw, OP.BINARY, data, 20000);
    await rawClose(raw);
  });
}

// ---- 5 and 9: fragments --------------------------------------------------------------------------------------------

for (const [name, opcode] of [['text', OP.TEXT], ['binary', OP.BINARY]]) {
  test(`fragments: 100,000 of one byte of ${name} in less than 10 s`, async () => {
    const raw = await Raw.upgrade(port);
    const count = 100_000;
    const bytes = Buffer.alloc(count * 7); // the masking key is 0, which leaves the payload as it is
    for (let i = 0; i < count; i++) {
      bytes[i * 7] = (i === count - 1 ? 0x80 : 0) | (i === 0 ? opcode : OP.CONTINUATION);
      bytes[i * 7 + 1] = 0x81;
      bytes[i * 7 + 6] = 0x61 + (i % 26);
    }
    const start = performance.now();
    raw.send(bytes);
    const got = await raw.frame(10000);
    assert.ok(performance.now() - start < 10000);
    assert.equal(got.opcode, opcode);
    assert.equal(got.payload.length, count);
    assert.ok(got.payload.every((byte, i) => byte === 0x61 + (i % 26)));
    await rawClose(raw);
  });
}

const FRAGMENTS = [
  ['two', [frame(OP.TEXT, 'a', { fin: false }), frame(OP.CONTINUATION, 'b')], [[OP.TEXT, 'ab']]],
  ['empty ones around', [frame(OP.TEXT, '', { fin: false }), frame(OP.CONTINUATION, 'x', { fin: false }), frame(OP.CONTINUATION, '')],
    [[OP.TEXT, 'x']]],
  ['only empty ones', [frame(OP.BINARY, '', { fin: false }), frame(OP.CONTINUATION, '', { fin: false }), frame(OP.CONTINUATION, '')],
    [[OP.BINARY, '']]],
  ['a ping between', [frame(OP.TEXT, 'a', { fin: false }), frame(OP.PING, 'p'), frame(OP.CONTINUATION, 'b')],
    [[OP.PONG, 'p'], [OP.TEXT, 'ab']]],
  ['a pong that nobody asked for between', [frame(OP.TEXT, 'a', { fin: false }), frame(OP.PONG, 'p'), frame(OP.CONTINUATION, 'b')],
    [[OP.TEXT, 'ab']]],
  ['pings between all of five', [1, 2, 3, 4, 5].flatMap((i) => [
    frame(i === 1 ? OP.TEXT : OP.CONTINUATION, `${i}`, { fin: i === 5 }), ...(i < 5 ? [frame(OP.PING, `ping ${i}`)] : [])]),
  [1, 2, 3, 4].map((i) => [OP.PONG, `ping ${i}`]).concat([[OP.TEXT, '12345']])],
  ['two messages one behind the other', [frame(OP.TEXT, 'a', { fin: false }), frame(OP.CONTINUATION, 'b'),
    frame(OP.BINARY, 'c', { fin: false }), frame(OP.CONTINUATION, 'd')], [[OP.TEXT, 'ab'], [OP.BINARY, 'cd']]],
];

const BROKEN_FRAGMENTS = [
  ['a continuation of nothing', [frame(OP.CONTINUATION, 'a')]],
  ['a continuation of nothing, not the last', [frame(OP.CONTINUATION, 'a', { fin: false })]],
  ['a continuation behind a whole message', [frame(OP.TEXT, 'a'), frame(OP.CONTINUATION, 'b')], 1],
  ['a new text within a text', [frame(OP.TEXT, 'a', { fin: false }), frame(OP.TEXT, 'b')]],
  ['a new binary within a text', [frame(OP.TEXT, 'a', { fin: false }), frame(OP.BINARY, 'b', { fin: false })]],
  ['a ping in two fragments', [frame(OP.PING, 'a', { fin: false }), frame(OP.CONTINUATION, 'b')]],
  ['a pong in two fragments', [frame(OP.PONG, 'a', { fin: false }), frame(OP.CONTINUATION, 'b')]],
];

for (const manner of ['whole', 'byte by byte']) {
  for (const [name, frames, expected] of FRAGMENTS) {
    test(`fragments: ${name} [${manner}]`, async () => {
      const raw = await Raw.upgrade(port);
      await raw.sendIn(manner, Buffer.concat(frames));
      for (const [opcode, payload] of expected) await expectFrame(raw, opcode, payload);
      await rawClose(raw);
    });
  }
  for (const [name, frames, echoes = 0] of BROKEN_FRAGMENTS) {
    test(`fragments: ${name} is 1002 [${manner}]`, async () => {
      const raw = await Raw.upgrade(port);
      await raw.sendIn(manner, Buffer.concat(frames));
      assert.equal((await raw.expectClose(1002)).length, echoes);
    });
  }
}

// ---- 2: pings and pongs --------------------------------------------------------------------------------------------

const PINGS = [['nothing', ''], ['text', 'Hello'], ['bytes that are no text', Buffer.from([0, 0xff, 0xfe, 0xfd, 0x80])],
  ['125 bytes', Buffer.alloc(125, 0xfe)]];

for (const manner of ['whole', 'byte by byte']) {
  for (const [name, payload] of PINGS) {
    test(`ping: ${name} comes back in the pong [${manner}]`, async () => {
      const raw = await Raw.upgrade(port);
      await raw.sendIn(manner, frame(OP.PING, payload));
      await expectFrame(raw, OP.PONG, payload);
      await rawClose(raw);
    });
  }
  for (const [name, opcode] of [['ping', OP.PING], ['pong', OP.PONG], ['close', OP.CLOSE]]) {
    test(`${name}: of 126 bytes is 1002 [${manner}]`, async () => {
      const raw = await Raw.upgrade(port);
      await raw.sendIn(manner, frame(opcode, Buffer.alloc(126, 0x0f)));
      await raw.expectClose(1002);
    });
  }
  test(`ping: ten are answered in their order [${manner}]`, async () => {
    const raw = await Raw.upgrade(port);
    await raw.sendIn(manner, Buffer.concat(Array.from({ length: 10 }, (_, i) => frame(OP.PING, `payload-${i}`))));
    for (let i = 0; i < 10; i++) await expectFrame(raw, OP.PONG, `payload-${i}`);
    await rawClose(raw);
  });
  test(`pong: those that nobody asked for are passed over [${manner}]`, async () => {
    const raw = await Raw.upgrade(port);
    await raw.sendIn(manner, Buffer.concat([frame(OP.PONG, ''), frame(OP.PONG, 'x'), frame(OP.PING, 'y')]));
    await expectFrame(raw, OP.PONG, 'y');
    await rawClose(raw);
  });
}

test('ping: behind the request, before our 101, is answered behind it', async () => {
  const raw = await Raw.connect(port);
  const { handshake } = await import('./support/raw.js');
  raw.send(Buffer.concat([handshake({ host: `127.0.0.1:${port}` }), frame(OP.PING, 'early'), frame(OP.TEXT, 'bird')]));
  assert.equal((await raw.head()).status, 101);
  await expectFrame(raw, OP.PONG, 'early');
  await expectFrame(raw, OP.TEXT, 'bird');
  await rawClose(raw);
});

// ---- 3 and 4: reserved bits and opcodes ----------------------------------------------------------------------------

for (const opcode of [OP.TEXT, OP.BINARY, OP.PING, OP.PONG, OP.CLOSE]) {
  for (let rsv = 1; rsv < 8; rsv++) {
    test(`reserved bits: ${rsv} on opcode ${opcode} is 1002`, async () => {
      const raw = await Raw.upgrade(port);
      raw.send(Buffer.concat([frame(OP.TEXT, 'first'), frame(opcode, opcode === OP.CLOSE ? '\x03\xe8' : 'x', { rsv })]));
      const before = await raw.expectClose(1002);
      assert.deepEqual(before.map((f) => f.payload.toString()), ['first']);
    });
  }
}

for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
  for (const payload of ['', 'x']) {
    test(`opcode: ${opcode} with ${payload ? 'a' : 'no'} payload is 1002`, async () => {
      const raw = await Raw.upgrade(port);
      raw.send(Buffer.concat([frame(OP.TEXT, 'first'), frame(opcode, payload), frame(OP.TEXT, 'not read')]));
      const before = await raw.expectClose(1002);
      assert.deepEqual(before.map((f) => f.payload.toString()), ['first']);
    });
  }
}

test('masking: a frame without a mask is 1002', async () => {
  const raw = await Raw.upgrade(port);
  raw.send(frame(OP.TEXT, 'x', { mask: false }));
  await raw.expectClose(1002);
});

// ---- 6: UTF-8, after Markus Kuhn's list ----------------------------------------------------------------------------

const hex = (text) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const spaced = (from, to) => Buffer.from(Array.from({ length: to - from + 1 }, (_, i) => [from + i, 0x20]).flat());
const run = (from, to) => Buffer.from(Array.from({ length: to - from + 1 }, (_, i) => from + i));

const VALID = [
  ['1 the Greek word kosme', Buffer.from('κόσμε')],
  ['1 four scripts and an emoji of several', Buffer.from('Hello-µ@ßöäüàá-日本語-👩‍👩‍👧')],
  ['2.1.1 the first of 1 byte', hex('00')],
  ['2.1.2 the first of 2 bytes', hex('c2 80')],
  ['2.1.3 the first of 3 bytes', hex('e0 a0 80')],
  ['2.1.4 the first of 4 bytes', hex('f0 90 80 80')],
  ['2.2.1 the last of 1 byte', hex('7f')],
  ['2.2.2 the last of 2 bytes', hex('df bf')],
  ['2.2.3 the last of 3 bytes', hex('ef bf bf')],
  ['2.3.1 U+D7FF', hex('ed 9f bf')],
  ['2.3.2 U+E000', hex('ee 80 80')],
  ['2.3.3 U+FFFD', hex('ef bf bd')],
  ['2.3.4 U+10FFFF', hex('f4 8f bf bf')],
  ['5.3.1 U+FFFE', hex('ef bf be')],
  ['5.3.3 U+FDD0 to U+FDEF', Buffer.from(Array.from({ length: 32 }, (_, i) => String.fromCodePoint(0xfdd0 + i)).join(''))],
  ['5.3.4 the last two of every plane', Buffer.from(Array.from({ length: 16 }, (_, i) =>
    String.fromCodePoint((i + 1) * 0x10000 + 0xfffe, (i + 1) * 0x10000 + 0xffff)).join(''))],
  ['a byte order mark', hex('ef bb bf 61')],
];

const INVALID = [
  ['2.1.5 the first of 5 bytes', hex('f8 88 80 80 80')],
  ['2.1.6 the first of 6 bytes', hex('fc 84 80 80 80 80')],
  ['2.2.4 the last of 4 bytes, U+1FFFFF', hex('f7 bf bf bf')],
  ['2.2.5 the last of 5 bytes', hex('fb bf bf bf bf')],
  ['2.2.6 the last of 6 bytes', hex('fd bf bf bf bf bf')],
  ['2.3.5 U+110000', hex('f4 90 80 80')],
  ['3.1.1 the first continuation byte alone', hex('80')],
  ['3.1.2 the last continuation byte alone', hex('bf')],
  ['3.1.3 two continuation bytes', hex('80 bf')],
  ['3.1.4 three', hex('80 bf 80')],
  ['3.1.5 four', hex('80 bf 80 bf')],
  ['3.1.6 five', hex('80 bf 80 bf 80')],
  ['3.1.7 six', hex('80 bf 80 bf 80 bf')],
  ['3.1.8 seven', hex('80 bf 80 bf 80 bf 80')],
  ['3.1.9 all 64', run(0x80, 0xbf)],
  ['3.2.1 first bytes of 2, each with a space', spaced(0xc0, 0xdf)],
  ['3.2.2 first bytes of 3', spaced(0xe0, 0xef)],
  ['3.2.3 first bytes of 4', spaced(0xf0, 0xf7)],
  ['3.2.4 first bytes of 5', spaced(0xf8, 0xfb)],
  ['3.2.5 first bytes of 6', spaced(0xfc, 0xfd)],
  ['3.3.1 the last byte of 2 missing, U+0000', hex('c0')],
  ['3.3.2 of 3', hex('e0 80')],
  ['3.3.3 of 4', hex('f0 80 80')],
  ['3.3.4 of 5', hex('f8 80 80 80')],
  ['3.3.5 of 6', hex('fc 80 80 80 80')],
  ['3.3.6 of 2, U+07FF', hex('df')],
  ['3.3.7 of 3, U+FFFF', hex('ef bf')],
  ['3.3.8 of 4, U+1FFFFF', hex('f7 bf bf')],
  ['3.3.9 of 5', hex('fb bf bf bf')],
  ['3.3.10 of 6', hex('fd bf bf bf bf')],
  ['3.3 the euro sign without its end', Buffer.concat([Buffer.from('price: '), hex('e2 82')])],
  ['3.3 an emoji without its end', Buffer.concat([Buffer.from('smile '), hex('f0 9f 98')])],
  ['3.4 all of 3.3, one behind the other', hex('c0 e0 80 f0 80 80 f8 80 80 80 fc 80 80 80 80 df ef bf f7 bf bf fb bf bf bf fd bf bf bf bf')],
  ['3.5.1 fe', hex('fe')],
  ['3.5.2 ff', hex('ff')],
  ['3.5.3 fe fe ff ff', hex('fe fe ff ff')],
  ['4.1.1 a slash in 2 bytes', hex('c0 af')],
  ['4.1.2 a slash in 3', hex('e0 80 af')],
  ['4.1.3 a slash in 4', hex('f0 80 80 af')],
  ['4.1.4 a slash in 5', hex('f8 80 80 80 af')],
  ['4.1.5 a slash in 6', hex('fc 80 80 80 80 af')],
  ['4.2.1 U+007F in 2', hex('c1 bf')],
  ['4.2.2 U+07FF in 3', hex('e0 9f bf')],
  ['4.2.3 U+FFFF in 4', hex('f0 8f bf bf')],
  ['4.2.4 U+1FFFFF in 5', hex('f8 87 bf bf bf')],
  ['4.2.5 U+3FFFFFF in 6', hex('fc 83 bf bf bf bf')],
  ['4.3.1 NUL in 2', hex('c0 80')],
  ['4.3.2 NUL in 3', hex('e0 80 80')],
  ['4.3.3 NUL in 4', hex('f0 80 80 80')],
  ['4.3.4 NUL in 5', hex('f8 80 80 80 80')],
  ['4.3.5 NUL in 6', hex('fc 80 80 80 80 80')],
  ['5.1.1 U+D800', hex('ed a0 80')],
  ['5.1.2 U+DB7F', hex('ed ad bf')],
  ['5.1.3 U+DB80', hex('ed ae 80')],
  ['5.1.4 U+DBFF', hex('ed af bf')],
  ['5.1.5 U+DC00', hex('ed b0 80')],
  ['5.1.6 U+DF80', hex('ed be 80')],
  ['5.1.7 U+DFFF', hex('ed bf bf')],
  ['5.2.1 D800 DC00', hex('ed a0 80 ed b0 80')],
  ['5.2.2 D800 DFFF', hex('ed a0 80 ed bf bf')],
  ['5.2.3 DB7F DC00', hex('ed ad bf ed b0 80')],
  ['5.2.4 DB7F DFFF', hex('ed ad bf ed bf bf')],
  ['5.2.5 DB80 DC00', hex('ed ae 80 ed b0 80')],
  ['5.2.6 DB80 DFFF', hex('ed ae 80 ed bf bf')],
  ['5.2.7 DBFF DC00', hex('ed af bf ed b0 80')],
  ['5.2.8 DBFF DFFF', hex('ed af bf ed bf bf')],
];

const FRAMINGS = [['whole', (payload) => frame(OP.TEXT, payload)], ['in frames of one byte', (payload) => inBytes(OP.TEXT, payload)]];

for (const [framing, make] of FRAMINGS) {
  for (const [name, payload] of VALID) {
    test(`UTF-8: ${name} comes back [${framing}]`, async () => {
      const raw = await Raw.upgrade(port);
      raw.send(make(payload));
      await expectFrame(raw, OP.TEXT, payload);
      await rawClose(raw);
    });
  }
  for (const [name, payload] of INVALID) {
    test(`UTF-8: ${name} is 1007 [${framing}]`, async () => {
      // Alone, and where only the message around it is right.
      for (const around of ['', 'text ']) {
        const raw = await Raw.upgrade(port);
        raw.send(make(Buffer.concat([Buffer.from(around), payload, Buffer.from(around)])));
        assert.equal((await raw.expectClose(1007)).length, 0);
      }
    });
  }
}

test('UTF-8: binary need not be text', async () => {
  const raw = await Raw.upgrade(port);
  for (const [, payload] of INVALID) {
    raw.send(frame(OP.BINARY, payload));
    await expectFrame(raw, OP.BINARY, payload);
  }
  await rawClose(raw);
});

// ---- 7: closing ----------------------------------------------------------------------------------------------------

for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]) {
  test(`close: code ${code} comes back`, async () => {
    const raw = await Raw.upgrade(port);
    raw.send(closeFrame(code, 'a reason'));
    assert.equal((await raw.expectClose(code, { answer: false })).length, 0);
  });
}

for (const code of [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]) {
  test(`close: code ${code} must not be sent and is 1002`, async () => {
    const raw = await Raw.upgrade(port);
    raw.send(closeFrame(code, 'a reason'));
    await raw.expectClose(1002, { answer: false });
  });
}

test('close: without a code comes back without a code', async () => {
  const raw = await Raw.upgrade(port);
  raw.send(frame(OP.CLOSE, ''));
  await raw.expectClose(null, { answer: false });
});

test('close: half a code is 1002', async () => {
  const raw = await Raw.upgrade(port);
  raw.send(frame(OP.CLOSE, '\x03'));
  await raw.expectClose(1002, { answer: false });
});

test('close: a reason of 123 bytes is taken', async () => {
  const raw = await Raw.upgrade(port);
  raw.send(closeFrame(1000, 'é'.repeat(61) + 'x'));
  await raw.expectClose(1000, { answer: false });
});

for (const [name, payload] of [['a surrogate', hex('ed a0 80')], ['a byte too few', hex('ce ba e1 bd')], ['a slash in 2 bytes', hex('c0 af')]]) {
  test(`close: a reason with ${name} is 1007`, async () => {
    const raw = await Raw.upgrade(port);
    raw.send(closeFrame(1000, payload));
    await raw.expectClose(1007, { answer: false });
  });
}

test('close: what follows it is not read', async () => {
  const raw = await Raw.upgrade(port);
  raw.send(Buffer.concat([frame(OP.TEXT, 'before'), closeFrame(1000), frame(OP.TEXT, 'behind'), frame(OP.PING, ''), closeFrame(1001)]));
  const before = await raw.expectClose(1000, { answer: false });
  assert.deepEqual(before.map((f) => f.payload.toString()), ['before']);
});

test('close: within a fragmented message', async () => {
  const raw = await Raw.upgrade(port);
  raw.send(Buffer.concat([frame(OP.TEXT, 'a', { fin: false }), closeFrame(1000)]));
  assert.equal((await raw.expectClose(1000, { answer: false })).length, 0);
});

test('close: 256 KiB that were sent before it still come back', async () => {
  const raw = await Raw.upgrade(port);
  const data = randomBytes(256 * 1024);
  raw.send(Buffer.concat([frame(OP.BINARY, data), closeFrame(1000)]));
  await expectFrame(raw, OP.BINARY, data);
  await raw.expectClose(1000, { answer: false });
});
