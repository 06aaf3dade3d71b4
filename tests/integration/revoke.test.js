// SPDX-License-Identifier: MIT
// Whoever is revoked on one instance is gone from all of them within two seconds, and does not come back with what it had:
// not on another instance, not on one that was started later, nor on one that had lost its broker meanwhile.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PLUGINS, Table, attempt, bearer, refusal, told } from './support/auth.js';
import { BACKENDS } from './support/backends.js';
import { atEnd } from './support/cleanup.js';
import { connect } from './support/client.js';
import { request, start } from './support/hub.js';
import { startProxy } from './support/proxy.js';
import { startRedis } from './support/redis.js';
import { untilNotReady, untilReady } from './support/redis_hub.js';
import { until } from './support/wait.js';

const KEY = 'a-key-of-the-api-that-is-long-enough';
const SOON = 2000; // what the promise says, in ms
const YEAR = 365 * 24 * 3600 * 1000;
const old = Date.now() - 60000;

// old-1 and old-2 were issued before any test begins, ann's new one a year after: by then she may come again.
const TABLE = [
  `token old-1 yes user=ann id=t-1 issued=${old}`,
  `token old-2 yes user=ann id=t-2 issued=${old}`,
  `token new yes user=ann id=t-3 issued=${old + YEAR}`,
  'token undated yes user=ann',
  `token bob yes user=bob id=t-4 issued=${old}`,
  `token slow yes user=ann id=t-5 issued=${old} after=600`,
];

const redisLine = (url) => ({ brokers: [{ name: 'main', plugin: 'redis', options: { url } }] });

async function startHub(t, table, broker, config = {}, { ready } = {}) {
  const hub = await start({
    listen: '127.0.0.1:0',
    workers: 2,
    drain: { delay: '0s', window: '0s', timeout: '10s' },
    plugin_path: [PLUGINS],
    auth: [{ plugin: 'auth_table', name: 'table', options: { file: table.file } }],
    api: { keys: ['another-key-of-the-api-0123456789', KEY] },
    ...broker,
    ...config,
  }, { ready });
  atEnd(t, () => hub.stop());
  return hub;
}

const startHubs = (t, table, broker, count) => Promise.all(Array.from({ length: count }, () => startHub(t, table, broker)));

const order = (hub, body, { key = KEY, method = 'POST', headers = {}, ...options } = {}) => request(`${hub.url}/api/revoke`, {
  method, headers: { ...(key && { Authorization: `Bearer ${key}` }), ...headers },
  body: typeof body === 'string' ? body : JSON.stringify(body), ...options,
});

async function revoke(hub, body) {
  const answer = await order(hub, body);
  assert.equal(answer.status, 200, answer.body);
  assert.deepEqual(answer.json, { status: 'ok' });
}

async function assertGone(client) {
  const end = await client.expectClose(4403, { deadline: SOON });
  assert.equal(end.reason, 'revoked');
  const last = client.frames.items.at(-1).json;
  assert.deepEqual([last.op, last.code], ['closing', 'revoked']);
}

async function assertStays(client) {
  await client.barrier();
  assert.equal(client.ws.readyState, 1, 'open');
}

async function assertRefused(hub, token, code = 'revoked') {
  const answer = await refusal(hub, bearer(token));
  assert.equal(answer.status, code === 'revoked' ? 401 : 503, answer.body);
  assert.equal(JSON.parse(answer.body).error.code, code);
}

// ---- on every broker

for (const backend of BACKENDS) {
  test(`a revoked user is gone from every instance, and stays away: ${backend.name}`, { skip: backend.missing() }, async (t) => {
    const table = new Table(t, TABLE);
    const server = await backend.start(t);
    const broker = { brokers: JSON.parse(server.line.slice('brokers: '.length)) };
    const hubs = await startHubs(t, table, broker, backend.instances);
    const anns = (await Promise.all(hubs.map((hub) => Promise.all(['old-1', 'old-2', 'undated'].map((token) => connect(t, hub, bearer(token))))))).flat();
    const bobs = await Promise.all(hubs.map((hub) => connect(t, hub, bearer('bob'))));
    await revoke(hubs.at(-1), { user: 'ann' });
    await Promise.all(anns.map(assertGone));
    for (const hub of hubs) {
      for (const token of ['old-1', 'old-2', 'undated']) await assertRefused(hub, token);
      assert.equal((await connect(t, hub, bearer('new'))).welcome.user, 'ann');
      assert.equal((await hub.metrics()).sum('wshub_revocations'), 1);
      assert.equal((await hub.metrics()).sum('wshub_connection_closes_total', { reason: 'forbidden' }), 3);
    }
    await Promise.all(bobs.map(assertStays));
  });

  test(`an instance that comes later knows it too: ${backend.name}`, { skip: backend.instances === 1 || backend.missing() }, async (t) => {
    const table = new Table(t, TABLE);
    const server = await backend.start(t);
    const broker = { brokers: JSON.parse(server.line.slice('brokers: '.length)) };
    const first = await startHub(t, table, broker);
    await revoke(first, { user: 'ann' });
    await revoke(first, { token: 't-4', for: '30m' });
    await first.stop();
    const later = await startHub(t, table, broker);
    for (const token of ['old-1', 'undated', 'bob']) await assertRefused(later, token);
    await connect(t, later, bearer('new'));
  });
}

// ---- whom, and how long

test('a token is revoked by its id, and the user keeps the others', async (t) => {
  const table = new Table(t, TABLE);
  const redis = await startRedis(t);
  const [one, two] = await startHubs(t, table, redisLine(redis.url), 2);
  const first = await connect(t, two, bearer('old-1'));
  const second = await connect(t, two, bearer('old-2'));
  await revoke(one, { token: 't-1' });
  await assertGone(first);
  for (const hub of [one, two]) await assertRefused(hub, 'old-1');
  await assertStays(second);
  await connect(t, one, bearer('old-2'));
});

test('it ends after `for`', async (t) => {
  const table = new Table(t, TABLE);
  const redis = await startRedis(t);
  const [one, two] = await startHubs(t, table, redisLine(redis.url), 2);
  await revoke(one, { user: 'ann', for: '1500ms' });
  await assertRefused(two, 'old-1');
  const entries = await redis.entries('ws:revoke:*');
  assert.equal(entries.size, 1);
  for (const [key, { value, ttl }] of entries) {
    assert.match(key, /^ws:revoke:[0-9a-f]{32}$/);
    const { revoke: target, at, until: end } = JSON.parse(value);
    assert.deepEqual(target, { user: 'ann' });
    assert.equal(end - at, 1500);
    assert.ok(ttl > 1500 && ttl <= 60000, `${ttl}: long enough, and one of few lengths`);
  }
  await until(5000, 'the end of it', () => attempt(t, two, bearer('old-1')).opened.then(() => true, () => false));
  await until(5000, 'an empty table', async () => (await two.metrics()).sum('wshub_revocations') === 0);
  const later = await startHub(t, table, redisLine(redis.url)); // what still stands in the registry says that it is over
  await connect(t, later, bearer('old-1'));
});

const nats = BACKENDS.find(({ name }) => name === 'nats');
test('NATS has room for revocations of any length', { skip: nats.missing() }, async (t) => {
  const table = new Table(t, TABLE);
  const server = await nats.start(t);
  const broker = { brokers: JSON.parse(server.line.slice('brokers: '.length)) };
  const hub = await startHub(t, table, broker);
  for (let n = 1; n <= 100; n++) await revoke(hub, { user: `user-${n}`, for: `${n * 60 + n}s` }); // 64 buckets is its end
  const later = await startHub(t, table, broker);
  assert.equal((await later.metrics()).sum('wshub_revocations'), 100);
});

test('who is about to come in when it is revoked does not', async (t) => {
  const table = new Table(t, TABLE);
  const redis = await startRedis(t);
  const [one, two] = await startHubs(t, table, redisLine(redis.url), 2);
  const coming = refusal(two, bearer('slow'));
  await until(5000, 'the question', async () => (await two.metrics()).sum('wshub_auth_in_flight') === 1);
  await revoke(one, { user: 'ann' });
  const answer = await coming;
  assert.equal(answer.status, 401);
  assert.equal(JSON.parse(answer.body).error.code, 'revoked');
});

test('a browser is told why', async (t) => {
  const table = new Table(t, TABLE);
  const hub = await startHub(t, table, {});
  const client = await connect(t, hub, { origin: hub.url, ...bearer('old-1') });
  await revoke(hub, { user: 'ann' });
  await assertGone(client);
  const again = await told(t, hub, bearer('old-1'));
  assert.deepEqual(again, { events: [{ op: 'closing', code: 'revoked' }], code: 4403, reason: 'revoked' });
});

// ---- faults

test('an instance that was cut off reads up what it has missed', async (t) => {
  const table = new Table(t, TABLE);
  const redis = await startRedis(t);
  const proxy = await startProxy(t, redis);
  const [here] = await startHubs(t, table, redisLine(redis.url), 1);
  const [away] = await startHubs(t, table, redisLine(proxy.url), 1);
  const client = await connect(t, away, bearer('old-1'));
  const bob = await connect(t, away, bearer('bob'));
  proxy.switch('refuse');
  proxy.reset();
  await untilNotReady(away);
  await revoke(here, { user: 'ann' });
  await assertStays(client); // nobody could tell it
  proxy.switch('pass');
  await untilReady(away);
  await assertGone(client);
  await assertRefused(away, 'old-1');
  await assertStays(bob);
});

test('an instance that has never reached its broker lets nobody in', async (t) => {
  const table = new Table(t, TABLE);
  const redis = await startRedis(t);
  const proxy = await startProxy(t, redis);
  const here = await startHub(t, table, redisLine(redis.url));
  await revoke(here, { user: 'ann' });
  proxy.switch('refuse');
  const away = await startHub(t, table, redisLine(proxy.url), {}, { ready: false });
  for (const token of ['old-1', 'bob', 'new']) await assertRefused(away, token, 'auth_unavailable');
  proxy.switch('pass');
  await untilReady(away);
  await assertRefused(away, 'old-1');
  await connect(t, away, bearer('bob'));
});

test('without the broker it is 503, and yet done on this instance', async (t) => {
  const table = new Table(t, TABLE);
  const redis = await startRedis(t);
  const hub = await startHub(t, table, redisLine(redis.url));
  const client = await connect(t, hub, bearer('old-1'));
  await redis.kill9();
  await untilNotReady(hub);
  const answer = await order(hub, { user: 'ann' });
  assert.equal(answer.status, 503, answer.body);
  assert.equal(answer.json.error.code, 'broker_unavailable');
  assert.equal(answer.headers['retry-after'], '1');
  await assertGone(client);
  await assertRefused(hub, 'old-1');
});

test('what was revoked without the broker is told to the others when it is back', async (t) => {
  const table = new Table(t, TABLE);
  const redis = await startRedis(t);
  const proxy = await startProxy(t, redis);
  const [there] = await startHubs(t, table, redisLine(redis.url), 1);
  const [alone] = await startHubs(t, table, redisLine(proxy.url), 1);
  const client = await connect(t, there, bearer('old-1'));
  proxy.switch('refuse');
  proxy.reset();
  await untilNotReady(alone);
  assert.equal((await order(alone, { user: 'ann' })).status, 503);
  await assertStays(client);
  proxy.switch('pass');
  await untilReady(alone);
  await assertGone(client);
});

test('a broker that has lost its memory is told again: an instance that comes later knows it', async (t) => {
  const table = new Table(t, TABLE);
  const redis = await startRedis(t);
  const [one] = await startHubs(t, table, redisLine(redis.url), 1);
  await revoke(one, { user: 'ann' });
  await redis.kill9();
  await untilNotReady(one);
  await redis.restart();
  await untilReady(one, 10000);
  await until(5000, 'the entry', async () => (await redis.entries('ws:revoke:*')).size === 1);
  const later = await startHub(t, table, redisLine(redis.url));
  await assertRefused(later, 'old-1');
});

test('a broker that hangs is 503 in time, and the client may be gone by then', async (t) => {
  const table = new Table(t, TABLE);
  const redis = await startRedis(t);
  const proxy = await startProxy(t, redis);
  const hub = await startHub(t, table, redisLine(proxy.url), { timeouts: { broker: '1s' } });
  const client = await connect(t, hub, bearer('old-1'));
  proxy.switch('blackhole');
  const answers = [order(hub, { user: 'ann' }), order(hub, { user: 'bob' }, { deadline: 300 }).catch((error) => error)];
  await assertGone(client);
  const [first, second] = await Promise.all(answers);
  assert.equal(first.status, 503);
  assert.ok(['timeout', 'broker_unavailable'].includes(first.json.error.code), first.body);
  assert.ok(second instanceof Error || second.status === 503);
  proxy.switch('pass');
  await untilReady(hub, 20000);
});

test('what the channel brings that is no revocation is ignored', async (t) => {
  const table = new Table(t, TABLE);
  const redis = await startRedis(t);
  const hub = await startHub(t, table, redisLine(redis.url));
  const client = await connect(t, hub, bearer('old-1'));
  for (const text of ['', 'x', '[]', '{"revoke":{}}', '{"revoke":{"user":"ann"}}', '{"w":1,"data":{"revoke":{"user":1}}}'])
    await redis.command('PUBLISH', '$wshub:control', text);
  await redis.command('SET', 'ws:revoke:0123', 'nonsense', 'PX', '60000');
  await hub.event('what cannot be read as a revocation is ignored');
  await assertStays(client);
  await client.fails('denied', 'subscribe', { channel: '$wshub:control' });
  await client.fails('denied', 'publish', { channel: '$wshub:control', data: { revoke: { user: 'ann' }, at: 1, until: 9e15 } });
  const later = await startHub(t, table, redisLine(redis.url)); // the nonsense in the registry is no reason not to start
  await connect(t, later, bearer('old-1'));
});

test('a thousand at once are all taken', async (t) => {
  const table = new Table(t, TABLE);
  const redis = await startRedis(t);
  const [one, two] = await startHubs(t, table, redisLine(redis.url), 2);
  for (let n = 0; n < 1000; n += 50)
    await Promise.all(Array.from({ length: 50 }, (_, i) => revoke([one, two][i % 2], { user: `user-${n + i}` })));
  for (const hub of [one, two]) await until(SOON, 'all of them', async () => (await hub.metrics()).sum('wshub_revocations') === 1000);
  const later = await startHub(t, table, redisLine(redis.url));
  assert.equal((await later.metrics()).sum('wshub_revocations'), 1000);
});

// ---- the API

function assertError(answer, status, code, message) {
  assert.equal(answer.status, status, answer.body);
  assert.equal(answer.json.error.code, code);
  assert.match(answer.json.error.message, message);
  assert.match(answer.headers['content-type'], /^application\/json/);
}

test('only who has a key may', async (t) => {
  const table = new Table(t, TABLE);
  const hub = await startHub(t, table, {});
  const client = await connect(t, hub, bearer('old-1'));
  const body = { user: 'ann' };
  const none = await order(hub, body, { key: '' });
  assertError(none, 401, 'unauthenticated', /Authorization: Bearer/);
  assert.equal(none.headers['www-authenticate'], 'Bearer');
  for (const key of ['x', KEY.slice(1), KEY.slice(0, -1), `${KEY}x`, KEY.toUpperCase(), `${KEY} ${KEY}`]) {
    const answer = await order(hub, body, { key });
    assertError(answer, 401, 'unauthenticated', /none of `api.keys`/);
    assert.equal(answer.headers['www-authenticate'], 'Bearer error="invalid_token"');
  }
  for (const headers of [{ Authorization: `Basic ${KEY}` }, { Authorization: KEY }, { Authorization: 'Bearer ' }, { Cookie: `token=${KEY}` }])
    assertError(await order(hub, body, { key: '', headers }), 401, 'unauthenticated', /./);
  assert.equal((await request(`${hub.url}/api/revoke?token=${KEY}`, { method: 'POST', body: JSON.stringify(body) })).status, 401);
  await assertStays(client);
  assert.equal((await order(hub, body, { key: '', headers: { Authorization: `bearer  ${KEY}` } })).status, 200);
  await assertGone(client);
  assert.equal((await order(hub, body, { key: 'another-key-of-the-api-0123456789' })).status, 200);
  const said = hub.log.items.filter((r) => r.event === 'API key refused');
  assert.equal(said.length, 6, 'each that was shown');
  assert.equal(said[0].address, '127.0.0.1');
  assert.ok(!hub.text.includes(KEY.slice(1, -1)), 'no key in the log, not even nearly');
});

test('what it takes, and what it says of everything else', async (t) => {
  const table = new Table(t, TABLE);
  const hub = await startHub(t, table, {});
  const client = await connect(t, hub, bearer('old-1'));
  const long = 'x'.repeat(256);
  for (const [body, message] of [
    ['', /not a JSON object/], ['x', /not a JSON object/], ['["ann"]', /not a JSON object/], ['{"user":"ann"', /not a JSON object/],
    ['{}', /exactly one of "user" and "token"/], ['{"user":"ann","token":"t-1"}', /exactly one/],
    ['{"user":"ann","user":"bob"}', /twice/], ['{"user":"ann","fro":"720h"}', /"for": this version knows no other/], ['{"usr":"ann"}', /knows no other/],
    ['{"user":42}', /strings of 1 to 255/], ['{"user":""}', /strings/],
    ['{"user":"a\\u0000"}', /control/], ['{"user":"a\\n"}', /control/], ['{"user":"\\ud800"}', /strings/], [`{"user":"${long}"}`, /strings/],
    ['{"user":"ann","for":""}', /duration/], ['{"user":"ann","for":3600}', /duration/], ['{"user":"ann","for":"1"}', /duration/],
    ['{"user":"ann","for":"999ms"}', /from 1s to 720h/], ['{"user":"ann","for":"721h"}', /from 1s to 720h/], ['{"user":"ann","for":null}', /duration/],
  ]) assertError(await order(hub, body), 400, 'bad_request', message);
  assertError(await order(hub, 'x'.repeat(5000)), 413, 'too_large', /./);
  for (const method of ['GET', 'PUT', 'DELETE']) {
    const answer = await order(hub, '', { method });
    assertError(answer, 405, 'method_not_allowed', /POST/);
    assert.equal(answer.headers.allow, 'POST');
  }
  await assertStays(client);
  for (const body of [{ user: 'x'.repeat(255) }, { user: 'ä"\\😀', for: '720h' }, { token: 't', for: '1s' }]) await revoke(hub, body);
  assertError(await order(hub, '{}', { key: '' }), 401, 'unauthenticated', /./); // who may comes before what
});

test('without keys there is no API, and without auth nobody to revoke', async (t) => {
  const table = new Table(t, TABLE);
  const closed = await startHub(t, table, {}, { api: { keys: [] } });
  assertError(await order(closed, { user: 'ann' }), 404, 'not_found', /api\.keys/);
  const open = await startHub(t, table, {}, { auth: 'none' });
  assertError(await order(open, { user: 'ann' }, { key: 'x' }), 401, 'unauthenticated', /./);
  assertError(await order(open, { user: 'ann' }), 404, 'not_found', /without auth plugins/);
});

// ---- what is said

test('metrics tell what the plugins decide, and the log never what was shown', async (t) => {
  const table = new Table(t, [...TABLE, 'token forged-secret no explain=bad-signature', 'token broken-secret fail']);
  const redis = await startRedis(t);
  const hub = await startHub(t, table, redisLine(redis.url), { log: { level: 'debug' } });
  await connect(t, hub, bearer('old-1'));
  for (let i = 0; i < 50; i++) await refusal(hub, bearer('forged-secret'));
  await refusal(hub, bearer('broken-secret'));
  await revoke(hub, { user: 'ann' });
  await assertRefused(hub, 'old-2');
  const metrics = await hub.metrics();
  const decided = (result) => metrics.sum('wshub_auth_decisions_total', { auth: 'table', slot: 'authenticate', result });
  assert.deepEqual(['yes', 'no', 'failed', 'timed_out'].map(decided), [2, 50, 1, 0]);
  assert.equal(metrics.sum('wshub_auth_seconds_count', { auth: 'table', slot: 'authenticate' }), 53);
  assert.equal(metrics.sum('wshub_auth_in_flight'), 0);
  assert.equal(metrics.sum('wshub_connections_held'), 0);
  assert.equal(metrics.sum('wshub_revocations'), 1);
  const refusals = hub.log.items.filter((r) => r.event === 'credentials refused' && r.reason === 'bad-signature');
  assert.ok(refusals.length >= 10 && refusals.length < 50, `${refusals.length} lines for 50 refusals`);
  assert.equal(refusals[0].auth, 'table');
  assert.equal(refusals[0].address, '127.0.0.1');
  const rest = await hub.event('more credentials were refused than are logged one by one');
  assert.ok(Number(rest.not_logged) > 0);
  await hub.event('revoked', { where: { user: 'ann', for_ms: 3600000 } });
  const registry = JSON.stringify([...await redis.entries('*')]);
  for (const secret of ['old-1', 'forged-secret', 'broken-secret', KEY]) {
    assert.ok(!hub.text.includes(secret), `${secret} in the log`);
    assert.ok(!metrics.text.includes(secret), `${secret} in the metrics`);
    assert.ok(!registry.includes(secret), `${secret} in the registry`);
  }
});

test('the registry says which user a connection is', async (t) => {
  const table = new Table(t, TABLE);
  const redis = await startRedis(t);
  const hub = await startHub(t, table, redisLine(redis.url));
  const client = await connect(t, hub, bearer('old-1'));
  const key = `ws:conn:${client.welcome.connection}`;
  const entry = await until(5000, key, async () => (await redis.entries(key)).get(key));
  assert.equal(JSON.parse(entry.value).user, 'ann');
  assert.ok(!entry.value.includes('t-1'), 'nor the id of its token');
});

test('SIGHUP says what was read again', async (t) => {
  const table = new Table(t, TABLE);
  const hub = await startHub(t, table, {});
  hub.child.kill('SIGHUP'); // this plugin has nothing to read
  await hub.event('SIGHUP: this version reads its configuration only at start');
  assert.equal((await hub.get('/healthz')).status, 200);
});
