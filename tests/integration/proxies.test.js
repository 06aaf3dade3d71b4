// SPDX-License-Identifier: MIT
// Whose address a connection has: its own, unless a proxy that the configuration trusts says another, in a PROXY protocol
// header or in X-Forwarded-For. Seen in the registry's entries and in what connections_per_address counts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startAuth } from './support/auth.js';
import { atEnd } from './support/cleanup.js';
import { start } from './support/hub.js';
import { STRANGER, connectFrom, metricsFrom, v1, v2 } from './support/proxied.js';
import { OP, Raw, closeFrame, frame, handshake } from './support/raw.js';
import { startRedis } from './support/redis.js';
import { startHub } from './support/redis_hub.js';
import { until } from './support/wait.js';

const TRUSTED = '127.0.0.1'; // where these tests connect from, unless they say otherwise
const trust = (more = {}) => ({ proxies: { trusted: [TRUSTED, '10.0.0.0/8'], ...more } });

const refused = async (hub) => (await metricsFrom(hub)).sum('wshub_refused_upgrades_total');
const forwarded = (value) => ({ 'X-Forwarded-For': value });

async function begin(t, config) {
  const hub = await start(config);
  atEnd(t, () => hub.stop());
  return hub;
}

// Sends `head` and shakes hands behind it. `by`: how the bytes are written.
async function open(t, hub, { head = '', headers, from = TRUSTED, path, by = 'whole' } = {}) {
  const raw = await connectFrom(hub, from, path);
  atEnd(t, () => raw.destroy());
  await raw.sendIn(by, Buffer.concat([Buffer.from(head), handshake({ headers })]));
  raw.response = await raw.head();
  assert.equal(raw.response.status, 101);
  return raw;
}

// The address in the registry's entry of a connection.
async function registered(redis, raw) {
  const { connection } = await raw.welcome();
  const entry = await until(5000, 'the entry of the connection', () => redis.command('GET', `ws:conn:${connection}`));
  return JSON.parse(entry).address;
}

async function closedWithoutAWord(raw) {
  await raw.end();
  assert.equal(raw.buffer.length, 0, `the hub said ${JSON.stringify(raw.buffer.toString('latin1'))}`);
  raw.destroy();
}

async function startWithRedis(t, config) {
  const redis = await startRedis(t);
  return { redis, hub: await startHub(t, redis, { instance_id: 'one', ...config }) };
}

// ---- the PROXY protocol ----

test('PROXY protocol: both versions name the client, whole and byte by byte', async (t) => {
  const { redis, hub } = await startWithRedis(t, trust({ protocol: 'on' }));
  const cases = [
    [v1('192.0.2.7'), '192.0.2.7'],
    [v1('2001:db8::9'), '2001:db8::9'],
    [v2('192.0.2.8'), '192.0.2.8'],
    [v2('2001:db8::a'), '2001:db8::a'],
    [v2('192.0.2.9', { tlvs: Buffer.alloc(300, 3) }), '192.0.2.9'],
    [v2('192.0.2.9', { command: 0 }), TRUSTED], // LOCAL: the proxy for itself
    ['PROXY UNKNOWN\r\n', TRUSTED],
  ];
  for (const by of ['whole', 'byte by byte'])
    for (const [head, address] of cases)
      assert.equal(await registered(redis, await open(t, hub, { head, by })), address, `${by}: ${JSON.stringify(head.toString('latin1'))}`);
});

test('PROXY protocol: X-Forwarded-For counts only where the header names a proxy that is trusted too', async (t) => {
  const { redis, hub } = await startWithRedis(t, trust({ protocol: 'on' }));
  const ask = async (head, list) => registered(redis, await open(t, hub, { head, headers: forwarded(list) }));
  assert.equal(await ask(v1('192.0.2.7'), '198.51.100.1'), '192.0.2.7');
  assert.equal(await ask(v2('10.0.0.2'), '198.51.100.1'), '198.51.100.1');
  assert.equal(await ask('PROXY UNKNOWN\r\n', '198.51.100.1'), '198.51.100.1');
});

test('PROXY protocol: a trusted proxy without a header, or with a wrong one, is closed and counted', async (t) => {
  const hub = await begin(t, trust({ protocol: 'on' }));
  const wrong = [
    'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n',
    handshake(),
    'PROXY TCP4 192.0.2.7 127.0.0.1 1 80\n',
    'PROXY TCP4 192.0.2.700 127.0.0.1 1 80\r\n',
    `PROXY UNKNOWN ${'x'.repeat(200)}`,
    v2('192.0.2.7', { version: 3 }),
    v2('192.0.2.7', { command: 2 }),
    v2('192.0.2.7', { tlvs: Buffer.alloc(5000) }),
  ];
  for (const bytes of wrong) {
    const raw = await connectFrom(hub, TRUSTED);
    raw.send(bytes);
    await closedWithoutAWord(raw);
  }
  assert.equal(await refused(hub), wrong.length);
});

test('PROXY protocol: a proxy that says nothing is closed in time, one that goes is no refusal', async (t) => {
  const hub = await begin(t, { ...trust({ protocol: 'on' }), timeouts: { handshake: '200ms' } });
  const gone = await connectFrom(hub, TRUSTED);
  gone.destroy();
  const silent = await connectFrom(hub, TRUSTED);
  await closedWithoutAWord(silent);
  const half = await connectFrom(hub, TRUSTED);
  half.send('PROXY TCP4 192.0.2');
  await closedWithoutAWord(half);
  assert.equal(await refused(hub), 2);
});

test('PROXY protocol: a stranger cannot speak it', async (t) => {
  const { redis, hub } = await startWithRedis(t, trust({ protocol: 'on' }));
  for (const head of [v1('10.0.0.1'), v2('10.0.0.1'), 'PROXY UNKNOWN\r\n']) {
    const raw = await connectFrom(hub, STRANGER);
    raw.send(Buffer.concat([Buffer.from(head), handshake()]));
    assert.equal((await raw.answer()).status, 400);
    raw.destroy();
  }
  assert.equal(await registered(redis, await open(t, hub, { from: STRANGER, headers: forwarded('192.0.2.7') })), STRANGER);
});

test('PROXY protocol off: a header of a trusted proxy is bad HTTP', async (t) => {
  const hub = await begin(t, trust());
  const raw = await connectFrom(hub, TRUSTED);
  raw.send(Buffer.concat([Buffer.from(v1('192.0.2.7')), handshake()]));
  assert.equal((await raw.answer()).status, 400);
  raw.destroy();
});

test('PROXY protocol: a drain ends connections that have not said who they are', async (t) => {
  const hub = await begin(t, trust({ protocol: 'on' }));
  const silent = await connectFrom(hub, TRUSTED);
  const client = await open(t, hub, { head: v1('192.0.2.7') });
  await client.welcome();
  const stopped = hub.stop();
  assert.equal((await client.json()).op, 'closing');
  await client.expectClose(1001);
  await stopped;
  await silent.end();
  silent.destroy();
});

// ---- X-Forwarded-For ----

test('X-Forwarded-For: of a trusted proxy it names the client, of a stranger nothing', async (t) => {
  const { redis, hub } = await startWithRedis(t, trust());
  const ask = async (list, from) => registered(redis, await open(t, hub, { from, headers: forwarded(list) }));
  assert.equal(await ask('192.0.2.7'), '192.0.2.7');
  assert.equal(await ask('2001:db8::9'), '2001:db8::9');
  assert.equal(await ask('198.51.100.1, 192.0.2.7, 10.0.0.2'), '192.0.2.7');
  assert.equal(await ask(['198.51.100.1', '192.0.2.7, 10.0.0.3', '10.0.0.2']), '192.0.2.7');
  assert.equal(await ask('192.0.2.7, unknown'), TRUSTED);
  assert.equal(await ask('nonsense'), TRUSTED);
  assert.equal(await registered(redis, await open(t, hub, { headers: { Forwarded: 'for=192.0.2.7' } })), TRUSTED);
  for (const list of ['10.0.0.1', '192.0.2.7', '127.0.0.1'])
    assert.equal(await ask(list, STRANGER), STRANGER);
});

test('X-Forwarded-For: nobody is trusted unless the configuration says so', async (t) => {
  const { redis, hub } = await startWithRedis(t, {});
  assert.equal(await registered(redis, await open(t, hub, { headers: forwarded('192.0.2.7') })), TRUSTED);
});

test('X-Forwarded-For: who connects to a trusted UNIX socket is a proxy', async (t) => {
  const redis = await startRedis(t);
  const path = `${redis.directory}/hub`;
  const hub = await startHub(t, redis, { instance_id: 'one', listen: `unix:${path}`, proxies: { trusted: 'unix' } });
  assert.equal(await registered(redis, await open(t, hub, { path, headers: forwarded('192.0.2.7') })), '192.0.2.7');
});

// ---- connections_per_address ----

const SPARE = 16; // sockets beyond the limit that an address may have
const LIMIT = 2;

// Until the hub has taken so many sockets.
const accepted = (hub, count) => until(5000, `${count} sockets`, async () => (await metricsFrom(hub)).sum('wshub_accepted_connections_total') >= count);

async function expectTooMany(raw) {
  const end = await raw.expectClose(4429);
  assert.match(end.reason, /too many connections from this address/);
}

for (const [way, config, from] of [
  ['X-Forwarded-For', trust(), (address) => ({ headers: forwarded(address) })],
  ['PROXY protocol', trust({ protocol: 'on' }), (address) => ({ head: v2(address) })],
])
  test(`connections_per_address: clients count by the address that ${way} names`, async (t) => {
    const hub = await begin(t, { ...config, limits: { connections_per_address: LIMIT } });
    const first = [];
    for (let i = 0; i < LIMIT; i++) first.push(await open(t, hub, from('192.0.2.7')));
    await expectTooMany(await open(t, hub, from('192.0.2.7')));
    await (await open(t, hub, from('192.0.2.8'))).welcome();
    first[0].destroy();
    await until(5000, 'a place that became free is given again', async () => {
      const raw = await open(t, hub, from('192.0.2.7'));
      const got = await raw.frame();
      raw.destroy();
      return got.opcode === OP.TEXT;
    });
    await (await open(t, hub, { from: STRANGER })).welcome(); // and the others by their own
  });

test('connections_per_address: the sockets of a proxy do not count', async (t) => {
  const hub = await begin(t, { ...trust(), limits: { connections_per_address: LIMIT } });
  const silent = [];
  atEnd(t, () => silent.forEach((raw) => raw.destroy()));
  for (let i = 0; i < LIMIT + SPARE + 5; i++) silent.push(await connectFrom(hub, TRUSTED));
  await accepted(hub, silent.length);
  await (await open(t, hub, { headers: forwarded('192.0.2.7') })).welcome();
  assert.ok(silent.every((raw) => !raw.ended));
});

test('connections_per_address: a client behind a proxy has its share of sockets, and no more', async (t) => {
  const hub = await begin(t, { ...trust({ protocol: 'on' }), limits: { connections_per_address: LIMIT }, timeouts: { close: '5m' } });
  const ask = async (address) => {
    const raw = await connectFrom(hub, TRUSTED);
    atEnd(t, () => raw.destroy());
    raw.send(`${v1(address)}GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n`);
    return raw;
  };
  // One that was answered stays as long as it does not close its own side.
  for (let i = 0; i < LIMIT + SPARE; i++) assert.equal((await (await ask('192.0.2.7')).head()).status, 200);
  await closedWithoutAWord(await ask('192.0.2.7'));
  assert.equal(await refused(hub), 1);
  assert.equal((await (await ask('192.0.2.8')).head()).status, 200);
});

// ---- what auth plugins get ----

const asked = async (hub, count) => {
  await until(5000, `${count} questions`, () => hub.asked('authenticate').length >= count);
  return /address=(\S*)/.exec(hub.asked('authenticate')[count - 1])[1];
};

async function leave(raw) {
  await raw.welcome();
  raw.send(closeFrame(1000));
  await raw.expectClose(1000, { answer: false });
}

test('an auth plugin is asked with the client\'s address, by X-Forwarded-For', async (t) => {
  const hub = await startAuth(t, ['token a yes user=ann'], trust());
  const headers = (list) => ({ ...forwarded(list), Authorization: 'Bearer a' });
  await leave(await open(t, hub, { headers: headers('198.51.100.1, 192.0.2.7') }));
  assert.equal(await asked(hub, 1), '192.0.2.7');
  await leave(await open(t, hub, { from: STRANGER, headers: headers('192.0.2.7') }));
  assert.equal(await asked(hub, 2), STRANGER);
});

test('an auth plugin is asked with the client\'s address, by PROXY protocol; what came along waits for its answer', async (t) => {
  const hub = await startAuth(t, ['token a yes user=ann after=50'], trust({ protocol: 'on' }));
  const raw = await Raw.connect(hub.port);
  raw.send(Buffer.concat([v2('2001:db8::9'), handshake({ path: '/ws?token=a' }), frame(OP.TEXT, '{"op":"ping","id":5}')]));
  assert.equal((await raw.head()).status, 101);
  assert.equal((await raw.welcome()).user, 'ann');
  assert.equal((await raw.json()).id, 5);
  assert.equal(await asked(hub, 1), '2001:db8::9');
  raw.send(closeFrame(1000));
  await raw.expectClose(1000, { answer: false });
});

// ---- what was sent along with the header ----

test('PROXY protocol: messages that came in the same bytes are not lost', async (t) => {
  const hub = await begin(t, trust({ protocol: 'on' }));
  const raw = await Raw.connect(hub.port);
  atEnd(t, () => raw.destroy());
  raw.send(Buffer.concat([v2('192.0.2.7'), handshake(), frame(OP.TEXT, '{"op":"ping","id":5}')]));
  assert.equal((await raw.head()).status, 101);
  await raw.welcome();
  assert.equal((await raw.json()).id, 5);
});
