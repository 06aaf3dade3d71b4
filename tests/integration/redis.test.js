// SPDX-License-Identifier: MIT
// The hub on a real Redis: messages byte for byte, the envelope, what other programs publish, and ways to log in.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, connectMany } from './support/client.js';
import { MAGIC, envelopeRead, envelopeWrite } from './support/envelope.js';
import { startRedis, startSentinel } from './support/redis.js';
import { assertFewComplaints, assertSaid, channelsOf, instanceKey, probeOf, readiness, startHub, untilReady, untilSubscribed } from './support/redis_hub.js';
import { until } from './support/wait.js';

const PAYLOADS = [
  'null', 'false', '0', '-0', '1.0', '1E400', '123456789012345678901234567890', '""', '"\\u0041"', '"\\/"', '"é\\u00e9"', '"\\u0000"',
  '"\u2028\ufeff\x7f"', '[]', '{ }', '[1,\n\t 2 ,\r\n3]', '{"a":1,"a":2}', '{"a" : [ 1.0 , { "b" :\tnull } ] }', '"\\ud800"',
  '"wsh"', '[['.repeat(16) + ']]'.repeat(16), JSON.stringify('x'.repeat(60000)), JSON.stringify('é\r\n$5\r\n'.repeat(1000)),
];

// The JSON text of `data` in a frame, knowing what it must begin with.
function assertData(text, raw) {
  const at = text.indexOf('"data":');
  assert.ok(at > 0, text.slice(0, 200));
  const behind = text.slice(at + 7);
  assert.ok(behind.startsWith(raw) && /^[,}]/.test(behind.slice(raw.length)), `sent ${raw.slice(0, 200)}, got ${text.slice(0, 300)}`);
}

// ---- messages ------------------------------------------------------------------------------------------------------

for (const envelope of ['always', 'never']) {
  test(`data goes through Redis byte for byte (envelope: ${envelope})`, async (t) => {
    const redis = await startRedis(t);
    const hub = await startHub(t, redis, { options: { envelope } });
    const [a, b] = await connectMany(t, hub, 2);
    await b.subscribe('room');
    for (const raw of PAYLOADS) {
      const from = b.frames.items.length;
      await a.publishRaw('room', raw);
      const { text } = await b.frames.next((f) => f.json.op === 'message', { from, what: `message ${raw.slice(0, 80)}` });
      assertData(text, raw);
    }
    await b.barrier();
    assert.equal(b.messages('room').length, PAYLOADS.length, 'each exactly once');
  });
}

test('from names the sender, and exclude leaves connections out', async (t) => {
  const redis = await startRedis(t);
  const hub = await startHub(t, redis);
  const [a, b, c] = await connectMany(t, hub, 3);
  for (const client of [a, b, c]) await client.subscribe('room');
  await a.ok('publish', { channel: 'room', data: 'not for you', exclude: [a.welcome.connection, c.welcome.connection] });
  await a.publish('room', 'for all');
  for (const client of [a, b, c]) {
    await client.waitMessage('room', (data) => data === 'for all');
    assert.deepEqual(client.messages('room').map((m) => m.data), client === b ? ['not for you', 'for all'] : ['for all']);
    assert.ok(client.messages('room').every((m) => m.from.connection === a.welcome.connection));
  }
});

test('channel names of every kind are the same in Redis', async (t) => {
  const redis = await startRedis(t);
  const hub = await startHub(t, redis);
  const [a, b] = await connectMany(t, hub, 2);
  const names = ['x', 'X', 'x y', 'é', 'e\u0301', '\u{1f600}', 'a"b\\c/d', '*', '[a-z]?', 'ws:conn:x', 'x'.repeat(255)];
  for (const name of names) await a.subscribe(name);
  assert.deepEqual(await channelsOf(redis), [...names].sort());
  for (const name of names) await b.publish(name, name);
  for (const name of names) assert.equal((await a.waitMessage(name)).data, name);
  await a.barrier();
  assert.equal(a.frames.items.filter((f) => f.json.op === 'message').length, names.length, 'each once, no pattern');
});

test('P3: a thousand messages of two connections arrive in one order at all subscribers', async (t) => {
  const redis = await startRedis(t);
  const hub = await startHub(t, redis, { workers: 2 });
  const [a, b, ...readers] = await connectMany(t, hub, 6);
  for (const reader of readers) await reader.subscribe('room');
  const publishing = [];
  for (let n = 0; n < 500; n++) for (const [who, client] of [['a', a], ['b', b]]) publishing.push(client.publish('room', `${who}${n}`));
  await Promise.all(publishing);
  await Promise.all(readers.map((r) => until(5000, 'all messages', () => r.messages('room').length >= 1000)));
  const [first, ...others] = readers.map((r) => r.messages('room').map((m) => m.data));
  for (const other of others) assert.deepEqual(other, first);
  for (const who of ['a', 'b']) assert.deepEqual(first.filter((d) => d.startsWith(who)), Array.from({ length: 500 }, (_, n) => `${who}${n}`));
});

// ---- the envelope --------------------------------------------------------------------------------------------------

test('envelope always: Redis carries the metadata in front of the payload as it was written', async (t) => {
  const redis = await startRedis(t);
  const hub = await startHub(t, redis);
  const client = await connect(t, hub);
  const reader = await redis.subscribe('room');
  await client.publishRaw('room', '{"a" : 1.0}');
  const { fields, payload } = envelopeRead((await reader.next('room')).payload);
  assert.equal(payload.toString(), '{"a" : 1.0}');
  assert.equal(fields.sender, client.welcome.connection);
  const ids = ['0123456789abcdef0123456789abcdef', 'fedcba9876543210fedcba9876543210'];
  await client.ok('publish', { channel: 'room', data: 2, exclude: ids });
  const second = envelopeRead((await reader.next('room', { from: 1 })).payload);
  assert.equal(second.fields.exclude, ids.join(' '));
});

test('envelope never: a plain subscriber gets the bare payload', async (t) => {
  const redis = await startRedis(t);
  const hub = await startHub(t, redis, { options: { envelope: 'never' } });
  const client = await connect(t, hub);
  const reader = await redis.subscribe('room');
  await client.subscribe('room');
  for (const raw of ['{"a" : 1.0}', '"text"']) {
    const from = reader.count;
    await client.publishRaw('room', raw);
    assert.equal((await reader.next('room', { from })).payload.toString(), raw);
  }
  const message = await client.waitMessage('room', (data) => data === 'text');
  assert.ok(!('from' in message), 'nothing says who it was');
});

// ---- what other programs publish -----------------------------------------------------------------------------------

const BYTES = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
const FOREIGN = [
  ['JSON', '{"a" : [1.0,\n2]}', (m, text) => assertData(text, '{"a" : [1.0,\n2]}')],
  ['a number', '1e400', (m, text) => assertData(text, '1e400')],
  ['JSON with white space around', ' \n{"b":1}\r\n', (m) => assert.deepEqual(m.data, { b: 1 })],
  ['duplicate keys', '{"a":1,"a":2}', (m, text) => assertData(text, '{"a":1,"a":2}')],
  ['text', 'hello "world"\\ \u2028 é \u{1f600}', (m) => assert.equal(m.text, 'hello "world"\\ \u2028 é \u{1f600}')],
  ['text with control characters', 'a\0b\n\t\x1f\x7f', (m) => assert.equal(m.text, 'a\0b\n\t\x1f\x7f')],
  ['almost JSON', '{"a":1,}', (m) => assert.equal(m.text, '{"a":1,}')],
  ['two values', '1 2', (m) => assert.equal(m.text, '1 2')],
  ['nothing', '', (m) => assert.equal(m.text, '')],
  ['bytes', BYTES, (m) => assert.deepEqual(Buffer.from(m.base64, 'base64'), BYTES)],
  ['a JSON string that is not UTF-8', Buffer.from('"\xff"', 'latin1'), (m) => assert.equal(m.base64, 'Iv8i')],
  ['a surrogate in UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), (m) => assert.equal(m.base64, 'Iu2ggCI=')],
  ['the first bytes of the magic', MAGIC.subarray(0, 3), (m) => assert.equal(m.base64, '/3dz')],
];

test('a PUBLISH of another program reaches clients as data, text or base64, without from', async (t) => {
  const redis = await startRedis(t);
  const hub = await startHub(t, redis);
  const client = await connect(t, hub);
  await client.subscribe('room');
  for (const [what, payload, check] of FOREIGN) {
    const from = client.frames.items.length;
    assert.equal(await redis.command('PUBLISH', 'room', payload), 1);
    const { json, text } = await client.frames.next((f) => f.json.op === 'message', { from, what });
    assert.deepEqual(Object.keys(json).filter((key) => ['data', 'text', 'base64'].includes(key)).length, 1, `${what}: ${text}`);
    assert.ok(!('from' in json), `${what}: ${text}`);
    check(json, text);
  }
  await client.barrier();
  assert.equal(client.messages('room').length, FOREIGN.length);
});

test('an envelope of another program is taken when it is whole, with tags of the future passed over', async (t) => {
  const redis = await startRedis(t);
  const hub = await startHub(t, redis);
  const [a, b] = await connectMany(t, hub, 2);
  for (const client of [a, b]) await client.subscribe('room');
  await redis.command('PUBLISH', 'room', envelopeWrite('"one"', { sender: 'elsewhere', 77: 'new', exclude: a.welcome.connection }));
  await redis.command('PUBLISH', 'room', envelopeWrite('"two"'));
  for (const client of [a, b]) await client.waitMessage('room', (data) => data === 'two');
  assert.deepEqual(b.messages('room').map((m) => [m.data, m.from?.connection]), [['one', 'elsewhere'], ['two', undefined]]);
  assert.deepEqual(a.messages('room').map((m) => m.data), ['two']);
});

// All that is wrong in one place; each is an envelope by its first bytes only.
function forged() {
  const whole = envelopeWrite('"x"', { sender: 'elsewhere', exclude: 'a b', epoch: 'e', offset: Buffer.alloc(8, 1) });
  const fields = whole.length - 3;
  return [
    ...Array.from({ length: fields - 4 }, (_, i) => whole.subarray(0, 4 + i)),
    envelopeWrite('"x"', {}, { version: 2 }), envelopeWrite('"x"', {}, { version: 0 }), envelopeWrite('"x"', {}, { version: 255 }),
    envelopeWrite('"x"', { sender: 'a' }, { length: 65535 }), envelopeWrite('"x"', { sender: 'a' }, { length: 3 }),
    envelopeWrite('"x"', { sender: 'a' }, { length: 1 }),
    Buffer.concat([MAGIC, Buffer.from([1, 0, 0, 3, 1, 255, 255])]),
    Buffer.concat([MAGIC, BYTES]), Buffer.concat([MAGIC, Buffer.alloc(100_000, 0xff)]),
  ];
}

test('forged and truncated envelopes do no harm, and the log does not fill with them', async (t) => {
  const redis = await startRedis(t);
  const hub = await startHub(t, redis);
  const client = await connect(t, hub);
  await client.subscribe('room');
  const from = hub.log.items.length;
  for (let round = 0; round < 10; round++) for (const payload of forged()) await redis.command('PUBLISH', 'room', payload);
  for (const fields of [{ offset: 'short' }, { sender: 'x'.repeat(60000) }, { sender: BYTES }, { exclude: ' '.repeat(60000) }, { epoch: BYTES }])
    await redis.command('PUBLISH', 'room', envelopeWrite('"odd"', fields));
  await client.publish('room', 'after');
  await client.waitMessage('room', (data) => data === 'after');
  assert.equal(await readiness(hub), 200);
  assertSaid(hub, 'broker down', 0, from);
  assertFewComplaints(hub, 5, from);
});

test('what is published to the probe channel by others does not fool the hub', async (t) => {
  const redis = await startRedis(t);
  const hub = await startHub(t, redis);
  for (const payload of ['1', '', 'x'.repeat(100_000), BYTES, envelopeWrite('99999999999999999999')]) await redis.command('PUBLISH', probeOf(hub), payload);
  const client = await connect(t, hub);
  await client.fails('denied', 'subscribe', { channel: probeOf(hub) });
  assert.equal(await readiness(hub), 200);
});

// ---- prefix, password, database, socket ----------------------------------------------------------------------------

test('prefix: two applications on one Redis never hear each other', async (t) => {
  const redis = await startRedis(t);
  const hubs = [];
  for (const prefix of ['a:', 'b:', '']) hubs.push(await startHub(t, redis, { options: { prefix } }));
  const clients = [];
  for (const hub of hubs) clients.push(await connect(t, hub));
  for (const client of clients) await client.subscribe('room');
  assert.deepEqual(await channelsOf(redis), ['a:room', 'b:room', 'room']);
  for (const hub of hubs) await until(5000, `${instanceKey(hub)}`, () => redis.command('EXISTS', instanceKey(hub)));
  for (const [i, client] of clients.entries()) await client.publish('room', i);
  for (const [i, client] of clients.entries()) {
    await client.waitMessage('room', (data) => data === i);
    await client.barrier();
    assert.deepEqual(client.messages('room').map((m) => m.data), [i]);
  }
});

async function assertWorks(t, hub) {
  const [a, b] = await connectMany(t, hub, 2);
  await b.subscribe('works');
  await a.publish('works', 1);
  await b.waitMessage('works');
}

test('password: of the default user, by option and in the URL', async (t) => {
  const redis = await startRedis(t, { config: { requirepass: 'p@ssw:rd/é%' } });
  const { password } = redis.login;
  await assertWorks(t, await startHub(t, redis, { options: { password } }));
  await assertWorks(t, await startHub(t, redis, { options: { url: `redis://:${encodeURIComponent(password)}@127.0.0.1:${redis.port}` } }));
});

test('user: one of the ACL, with just the rights that it needs', async (t) => {
  const rights = '~ws:* &* -@all +ping +publish +subscribe +unsubscribe +set +get +del +exists +mget +scan +client|setname +select +role ' +
    '+eval +evalsha +script|load +time +pttl +pexpire +zadd +zrem +zremrangebyscore +zscan';
  const redis = await startRedis(t, { config: { user: [`hub on >secret ${rights}`] } });
  await assertWorks(t, await startHub(t, redis, { options: { username: 'hub', password: 'secret' } }));
  await assertWorks(t, await startHub(t, redis, { options: { url: `redis://hub:secret@127.0.0.1:${redis.port}` } }));
});

test('database: the registry is where it should be', async (t) => {
  const redis = await startRedis(t);
  const hub = await startHub(t, redis, { options: { database: 3 } });
  await assertWorks(t, hub);
  await redis.command('SELECT', 3);
  await until(5000, 'the registry in database 3', () => redis.command('EXISTS', instanceKey(hub)));
  await redis.command('SELECT', 0);
  assert.deepEqual(await redis.command('KEYS', '*'), []);
});

test('UNIX socket', async (t) => {
  const redis = await startRedis(t);
  await assertWorks(t, await startHub(t, redis, { options: { url: `unix://${redis.socketPath}` } }));
  assert.ok((await redis.clients()).every((c) => c.addr.startsWith(redis.socketPath)));
});

test('Sentinel: the hub finds the master, and the next one after its death', async (t) => {
  const master = await startRedis(t);
  const replica = await startRedis(t, { config: { replicaof: `127.0.0.1 ${master.port}` } });
  const sentinel = await startSentinel(t, master);
  await until(15000, 'the sentinel knows the replica', async () =>
    (await replica.command('INFO', 'replication')).includes('master_link_status:up') &&
    (await sentinel.command('SENTINEL', 'REPLICAS', 'main')).length === 1);
  const hub = await startHub(t, master, { options: { sentinels: `127.0.0.1:${sentinel.port}`, sentinel_master: 'main', url: undefined } });
  const client = await connect(t, hub);
  await client.subscribe('room');
  await untilSubscribed(master, { room: 1 });
  const from = hub.log.items.length;
  await master.kill9();
  await hub.event('broker down', { from });
  await hub.event('broker up', { from, deadline: 30000 });
  await untilReady(hub);
  await untilSubscribed(replica, { room: 1 });
  await client.publish('room', 'after');
  await client.waitMessage('room', (data) => data === 'after');
  assertSaid(hub, 'broker up', 1, from);
});

// ---- what can be seen ----------------------------------------------------------------------------------------------

test('two connections with their names, and metrics that count', async (t) => {
  const redis = await startRedis(t);
  const hub = await startHub(t, redis, { instance_id: 'web-1' });
  const client = await connect(t, hub);
  for (const channel of ['a', 'b']) await client.subscribe(channel);
  await client.publish('a', 1);
  const names = await redis.clients();
  assert.deepEqual(names.map((c) => c.name).sort(), ['wshub-web-1-pub', 'wshub-web-1-sub']);
  assert.equal(names.find((c) => c.name.endsWith('-sub')).sub, '4', 'two channels, the probe, and the channel of the instance');
  const metrics = await hub.metrics();
  const main = { broker: 'main' };
  assert.equal(metrics.sum('wshub_broker_up', main), 1);
  assert.equal(metrics.sum('wshub_channels'), 2);
  assert.equal(metrics.sum('wshub_channels_lost'), 0);
  assert.equal(metrics.sum('wshub_broker_stray_completions_total', main), 0);
  assert.ok(metrics.sum('wshub_broker_operations_total', { ...main, operation: 'subscribe', result: 'ok' }) >= 2, metrics.text);
  assert.ok(metrics.sum('wshub_broker_operations_total', { ...main, operation: 'publish', result: 'ok' }) >= 1, metrics.text);
  assert.ok(metrics.sum('wshub_broker_probe_age_seconds', main) < 5);
});
