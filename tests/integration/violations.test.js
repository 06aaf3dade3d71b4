// SPDX-License-Identifier: MIT
// What RFC 6455 obliges a server to refuse, and what it obliges it to take. Every case is sent twice: in one write, and
// one byte per write. The section stands in each name.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { start } from './support/hub.js';
import { Raw, OP, acceptOf, closeFrame, frame, handshake, text } from './support/raw.js';

const MESSAGE_MAX = 4096;
const PING = '{"op":"ping","id":1}';

let hub;
before(async () => {
  hub = await start({ limits: { message: `${MESSAGE_MAX}B` }, timeouts: { handshake: '30s', close: '2s' } });
});
after(() => hub?.stop());

function each(name, run) {
  for (const manner of ['whole', 'byte by byte']) test(`${name} [${manner}]`, () => run(manner));
}

// ---- the opening handshake -----------------------------------------------------------------------------------------

const HANDSHAKE = [
  ['4.2.1: a method other than GET', { method: 'POST', headers: { 'Content-Length': '0' } }, 405],
  ['4.2.1: HTTP/1.0', { version: 'HTTP/1.0' }, 400],
  ['4.2.1: HTTP/2.0 in a request line', { version: 'HTTP/2.0' }, 505],
  ['4.2.1: no Host', { headers: { Host: null } }, 400],
  ['4.2.1: two Host headers', { headers: { Host: ['localhost', 'localhost'] } }, 400],
  ['4.2.1: no Upgrade', { headers: { Upgrade: null } }, 426],
  ['4.2.1: Upgrade to something else', { headers: { Upgrade: 'h2c' } }, 426],
  ['4.2.1: no Connection', { headers: { Connection: null } }, [400, 426]],
  ['4.2.1: Connection without the token', { headers: { Connection: 'keep-alive' } }, [400, 426]],
  ['4.2.1: no Sec-WebSocket-Key', { headers: { 'Sec-WebSocket-Key': null } }, 400],
  ['4.2.1: an empty key', { headers: { 'Sec-WebSocket-Key': '' } }, 400],
  ['4.2.1: a key of 15 bytes', { key: randomBytes(15).toString('base64') }, 400],
  ['4.2.1: a key of 17 bytes', { key: randomBytes(17).toString('base64') }, 400],
  ['4.2.1: a key that is not base64', { key: '!!!!!!!!!!!!!!!!!!!!!!==' }, 400],
  ['11.3.1: two keys', { headers: { 'Sec-WebSocket-Key': [randomBytes(16).toString('base64'), randomBytes(16).toString('base64')] } }, 400],
  ['4.2.1: no version', { headers: { 'Sec-WebSocket-Version': null } }, [400, 426]],
  ['4.4: version 8', { headers: { 'Sec-WebSocket-Version': '8' } }, 426],
  ['4.4: version 14', { headers: { 'Sec-WebSocket-Version': '14' } }, 426],
  ['4.4: version 13 and another', { headers: { 'Sec-WebSocket-Version': ['13', '14'] } }, [400, 426]],
  ['11.3.4: a subprotocol list that is no list', { headers: { 'Sec-WebSocket-Protocol': 'a b' } }, 400],
  ['4.2.2: only subprotocols that the hub does not speak', { headers: { 'Sec-WebSocket-Protocol': 'soap, wamp' } }, 400],
  ['10.2: an origin that is not allowed', { headers: { Origin: 'https://evil.example' } }, 403],
  ['10.2: the origin null', { headers: { Origin: 'null' } }, 403],
  ['RFC 9112 5.1: white space before the colon', { headers: { 'X-A ': 'b' } }, 400],
  ['RFC 9112 5.2: a folded header', { headers: { 'X-A': 'b\r\n c' } }, 400],
  ['RFC 9112 2.2: a bare line feed', { headers: { 'X-A': 'b\nX-B: c' } }, 400],
  ['RFC 9112 2.2: a bare carriage return', { headers: { 'X-A': 'b\rc' } }, 400],
];

for (const [name, options, expected] of HANDSHAKE) {
  each(`handshake ${name} is refused with ${[expected].flat().join(' or ')}`, async (manner) => {
    const raw = await Raw.connect(hub.port);
    await raw.sendIn(manner, handshake({ host: `127.0.0.1:${hub.port}`, ...options }));
    const answer = await raw.answer();
    assert.ok([expected].flat().includes(answer.status), `${answer.status} ${answer.body}`);
    assert.match(answer.headers['content-type'], /^application\/json/);
    assert.equal(typeof answer.json.error.code, 'string');
    assert.ok(answer.json.error.message.length > 0);
    if (answer.status === 426) {
      assert.match(answer.headers.upgrade ?? '', /websocket/i, 'RFC 9110 15.5.22: a 426 names the protocol');
      assert.equal(answer.headers['sec-websocket-version'], '13', '4.4: the supported version is named');
    }
    if (answer.status === 405) assert.match(answer.headers.allow ?? '', /GET/, 'RFC 9110 15.5.6: Allow');
    raw.destroy();
  });
}

const GOOD_HANDSHAKES = [
  ['4.2.1: header names and tokens in any case', { headers: { Upgrade: null, Connection: null, uPGRADE: 'WebSocket', CONNECTION: 'keep-alive, UPGRADE' } }],
  ['4.2.1: no subprotocol offered', {}],
  ['4.2.2: ours among others', { headers: { 'Sec-WebSocket-Protocol': 'soap, wshub.json.v1' } }, 'wshub.json.v1'],
  ['4.2.2: ours in a second header', { headers: { 'Sec-WebSocket-Protocol': ['soap', 'wshub.json.v1'] } }, 'wshub.json.v1'],
  ['9.1: an extension offered', { headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' } }],
  ['10.2: no origin, as from a program', { headers: {} }],
];

for (const [name, options, protocol] of GOOD_HANDSHAKES) {
  each(`handshake ${name} is accepted`, async (manner) => {
    const raw = await Raw.connect(hub.port);
    const key = randomBytes(16).toString('base64');
    await raw.sendIn(manner, handshake({ host: `127.0.0.1:${hub.port}`, key, ...options }));
    const answer = await raw.head();
    assert.equal(answer.status, 101);
    assert.equal(answer.headers.upgrade.toLowerCase(), 'websocket');
    assert.equal(answer.headers.connection.toLowerCase(), 'upgrade');
    assert.equal(answer.headers['sec-websocket-accept'], acceptOf(key), '4.2.2');
    assert.equal(answer.headers['sec-websocket-protocol'], protocol, '4.2.2: one of those offered, or none');
    assert.equal(answer.headers['sec-websocket-extensions'], undefined, '9.1: none is spoken');
    await raw.welcome();
    raw.destroy();
  });
}

test('1.3: the key of the specification gets the answer of the specification', async () => {
  const raw = await Raw.connect(hub.port);
  raw.send(handshake({ host: `127.0.0.1:${hub.port}`, key: 'dGhlIHNhbXBsZSBub25jZQ==' }));
  assert.equal((await raw.head()).headers['sec-websocket-accept'], 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  raw.destroy();
});

test('4.1: a client that sends frames right behind its handshake is heard', async () => {
  const raw = await Raw.connect(hub.port);
  raw.send(Buffer.concat([handshake({ host: `127.0.0.1:${hub.port}` }), text(PING)]));
  assert.equal((await raw.head()).status, 101);
  await raw.welcome();
  assert.deepEqual(await raw.json(), { op: 'ok', id: 1 });
  raw.destroy();
});

// ---- frames that end the connection --------------------------------------------------------------------------------

const bytes = (...parts) => Buffer.concat(parts.map((p) => (Buffer.isBuffer(p) ? p : Buffer.from(p))));
const first = (payload, options) => text(payload, { fin: false, ...options });
const more = (payload, options) => frame(OP.CONTINUATION, payload, options);

// 10.4: the first byte of payload is enough; what was announced need not come.
const VIOLATIONS = [
  ['5.1: an unmasked text frame', text(PING, { mask: false }), 1002],
  ['5.1: an unmasked ping', frame(OP.PING, '', { mask: false }), 1002],
  ['5.1: an unmasked close', closeFrame(1000, '', { mask: false }), 1002],
  ['5.1: an unmasked frame after good ones', bytes(frame(OP.PONG), text(PING, { mask: false })), 1002],
  ...[1, 2, 4, 7].map((rsv) => [`5.2: reserved bits ${rsv.toString(2).padStart(3, '0')}`, text(PING, { rsv }), 1002]),
  ['5.2: reserved bits in a ping', frame(OP.PING, '', { rsv: 4 }), 1002],
  ['5.2: reserved bits in a continuation', bytes(first('{"op":'), more('"ping"}', { rsv: 1 })), 1002],
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((op) => [`5.2: reserved opcode ${op}`, frame(op), 1002]),
  ['5.2: reserved opcode 3 inside a message', bytes(first('{'), frame(3)), 1002],
  ['5.2: 16 bits for a length of 125', text('x'.repeat(125), { lengthBytes: 2 }), 1002],
  ['5.2: 16 bits for a length of 0', text('', { lengthBytes: 2 }), 1002],
  ['5.2: 64 bits for a length of 125', text('x'.repeat(125), { lengthBytes: 8 }), 1002],
  ['5.2: 64 bits for a length of 65535', text('', { length: 65535, lengthBytes: 8 }), 1002],
  ['5.2: a length with its highest bit set', text('', { length: 0x8000000000000000n, lengthBytes: 8 }), 1002],
  ['5.4: a continuation of nothing', more('x'), 1002],
  ['5.4: an unfinished continuation of nothing', more('x', { fin: false }), 1002],
  ['5.4: a continuation after a whole message', bytes(text('{"op":"ping"}'), more('x')), 1002],
  ['5.4: a text message inside a message', bytes(first('{'), text('}')), 1002],
  ['5.4: a binary message inside a message', bytes(first('{'), frame(OP.BINARY, '}')), 1002],
  ...[OP.CLOSE, OP.PING, OP.PONG].map((op) => [`5.5: a fragmented control frame ${op}`, frame(op, '', { fin: false }), 1002]),
  ...[OP.CLOSE, OP.PING, OP.PONG].map((op) => [`5.5: a control frame ${op} of 126 bytes`, frame(op, Buffer.alloc(126, 3)), 1002]),
  ['5.5: a ping that announces 64 bits of length', frame(OP.PING, '', { length: 70000, lengthBytes: 8 }), 1002],
  ['5.5.1: a close with half a code', frame(OP.CLOSE, Buffer.from([3])), 1002],
  ['5.5.1: a close reason that is not UTF-8', closeFrame(1000, Buffer.from([0xc3])), 1007],
  ...[0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]
    .map((code) => [`7.4: close code ${code}`, closeFrame(code), 1002]),
  ['8.1: text with a lone continuation byte', text(Buffer.from([0x80])), 1007],
  ['8.1: text with a cut sequence', text(Buffer.from('{"op":"\xe2\x82', 'latin1')), 1007],
  ['8.1: text with an overlong slash', text(Buffer.from([0xc0, 0xaf])), 1007],
  ['8.1: text with an overlong NUL of three bytes', text(Buffer.from([0xe0, 0x80, 0x80])), 1007],
  ['8.1: text with a surrogate', text(Buffer.from([0xed, 0xa0, 0x80])), 1007],
  ['8.1: text beyond U+10FFFF', text(Buffer.from([0xf4, 0x90, 0x80, 0x80])), 1007],
  ['8.1: text with 0xFF', text(Buffer.from([0x7b, 0xff, 0x7d])), 1007],
  ['8.1: a sequence cut at the end of the last fragment', bytes(first('{"a":"'), more(Buffer.from([0xc3]))), 1007],
  ['8.1: a sequence broken across two fragments', bytes(first(Buffer.from([0x7b, 0xc3])), more('x}')), 1007],
  ['7.4.1: a binary message, which the native protocol does not take', frame(OP.BINARY, PING), 1003],
  ['7.4.1: a binary message in fragments', bytes(frame(OP.BINARY, '{', { fin: false }), more('}')), 1003],
  ['10.4: a frame that announces more than the limit', text('x', { length: MESSAGE_MAX + 1 }), 1009],
  ['10.4: a frame that announces 2^40 bytes', text('x', { length: 2 ** 40 }), 1009],
  ['10.4: fragments that together exceed the limit', bytes(first('x'.repeat(MESSAGE_MAX - 10)), more('x'.repeat(11))), 1009],
  ['10.4: an empty start and a continuation beyond the limit', bytes(first(''), more('x', { length: MESSAGE_MAX + 1 })), 1009],
];

for (const [name, data, code] of VIOLATIONS) {
  each(`frame ${name} closes with ${code}`, async (manner) => {
    const raw = await Raw.upgrade(hub.port);
    await raw.welcome();
    await raw.sendIn(manner, data);
    const before = await raw.expectClose(code);
    assert.ok(before.reason.length > 0, 'the close frame says why');
  });
}

// ---- frames that are as they should be -----------------------------------------------------------------------------

// Sends, and expects a pong to each ping and an answer to the ping operation at the end: the connection still works.
function accepted(name, data, expect = []) {
  each(`frame ${name} is accepted`, async (manner) => {
    const raw = await Raw.upgrade(hub.port);
    await raw.welcome();
    await raw.sendIn(manner, bytes(data, text(PING)));
    for (const wanted of expect) {
      const got = await raw.frame();
      assert.equal(got.opcode, wanted.opcode);
      assert.deepEqual(got.payload, Buffer.from(wanted.payload));
    }
    assert.deepEqual(await raw.json(), { op: 'ok', id: 1 });
    raw.send(closeFrame(1000));
    assert.equal((await raw.expectClose(1000, { answer: false })).length, 0, 'nothing else was sent');
  });
}

const pong = (payload) => ({ opcode: OP.PONG, payload });
const ok = (id) => ({ opcode: OP.TEXT, payload: `{"op":"ok","id":${id}}` });
const all = Buffer.from(Array.from({ length: 125 }, (_, i) => 255 - i));

accepted('5.5.2: a ping without payload', frame(OP.PING), [pong('')]);
accepted('5.5.3: a ping of 125 bytes of anything', frame(OP.PING, all), [pong(all)]);
accepted('5.5.3: three pings', bytes(frame(OP.PING, 'a'), frame(OP.PING, 'b'), frame(OP.PING, 'c')), [pong('a'), pong('b'), pong('c')]);
accepted('5.5.3: a pong that nobody asked for', bytes(frame(OP.PONG), frame(OP.PONG, all)));
accepted('5.4: a message in two fragments', bytes(first('{"op":"ping",'), more('"id":7}')), [ok(7)]);
accepted('5.4: a message of one byte per fragment', bytes(first('{'), ...[...'"op":"ping","id":8'].map((c) => more(c, { fin: false })), more('}')), [ok(8)]);
accepted('5.4: empty fragments', bytes(first(''), more('', { fin: false }), more('{"op":"ping","id":9}', { fin: false }), more('')), [ok(9)]);
accepted('5.4: control frames between fragments', bytes(first('{"op":"ping",'), frame(OP.PING, 'in'), frame(OP.PONG), more('"id":10}')), [pong('in'), ok(10)]);
accepted('5.4: a character cut by a fragment', bytes(first(Buffer.from('{"op":"ping","id":"\xc3', 'latin1')), more(Buffer.from('\xa9"}', 'latin1'))), [ok('"é"')]);
accepted('5.2: a message of just the limit', text('{"op":"ping","id":11}'.padEnd(MESSAGE_MAX)), [ok(11)]);
accepted('8.1: U+10FFFF, U+FFFE and U+0000 escaped', text('{"op":"ping","id":"\u{10ffff}\ufffe"}'), [ok('"\u{10ffff}\ufffe"')]);

const CLOSES = [
  ['without a code', frame(OP.CLOSE), null],
  ...[1000, 1001, 1003, 1007, 1011, 1012, 1014, 3000, 3999, 4000, 4999].map((code) => [`code ${code}`, closeFrame(code), code]),
  ['a reason of 123 bytes', closeFrame(1000, 'é'.repeat(61) + 'x'), 1000],
];
for (const [name, data, code] of CLOSES) {
  each(`frame 5.5.1: a close with ${name} is answered in kind, and the hub ends the connection`, async (manner) => {
    const raw = await Raw.upgrade(hub.port);
    await raw.welcome();
    await raw.sendIn(manner, data);
    await raw.expectClose(code, { answer: false });
  });
}

test('5.5.1: what follows the close frame of the client is not looked at', async () => {
  const raw = await Raw.upgrade(hub.port);
  await raw.welcome();
  raw.send(bytes(closeFrame(1000), text(PING), frame(3), text(PING, { mask: false })));
  assert.equal((await raw.expectClose(1000, { answer: false })).length, 0);
});

test('7.1.1: a client that never answers the close frame is cut after timeouts.close', async () => {
  const raw = await Raw.upgrade(hub.port);
  await raw.welcome();
  raw.send(frame(OP.BINARY, 'x'));
  await raw.expectClose(1003, { answer: false, deadline: 6000 });
});

test('the hub is whole after all of this', async () => {
  const raw = await Raw.upgrade(hub.port);
  await raw.welcome();
  raw.send(text(PING));
  assert.deepEqual(await raw.json(), { op: 'ok', id: 1 });
  raw.destroy();
});
