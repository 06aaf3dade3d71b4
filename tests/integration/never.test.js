// SPDX-License-Identifier: MIT
// What must never happen, one test for each line of that list: with signed tokens, and on two instances that share a
// Redis, because that is where a promise is easily forgotten. The same on one instance, in more cases, is in auth*.test.js;
// on every broker, and with instances that were away, in revoke.test.js; a page of another origin in a real browser, in
// page.test.js.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PLUGINS, Table, attempt, bearer, refusal, told } from './support/auth.js';
import { atEnd } from './support/cleanup.js';
import { PROTOCOL, connect } from './support/client.js';
import { request, start } from './support/hub.js';
import { Issuer, SECRET, newKey, now, sign } from './support/jwt.js';
import { startRedis } from './support/redis.js';
import { untilSubscribed } from './support/redis_hub.js';
import { until, within } from './support/wait.js';

const API_KEY = 'hush-key-of-the-api-0123456789';
const PASSWORD = 'hush-password-of-the-broker';
const JWT = { plugin: 'jwt', name: 'jwt', options: { algorithms: ['HS256'], secret: SECRET } };

const sharedRedis = (t) => startRedis(t, { config: { requirepass: PASSWORD } });

// Two workers, so that most clients of an instance do not even share a thread.
async function startOne(t, redis, config) {
  const hub = await start({
    workers: 2,
    plugin_path: [PLUGINS],
    brokers: [{ name: 'main', plugin: 'redis', options: { url: redis.url, password: PASSWORD } }],
    channels: [{ match: '*', subscribe: 'granted', publish: 'granted' }],
    unsubscribe_linger: '0s',
    api: { keys: [API_KEY] },
    ...config,
  });
  atEnd(t, () => hub.stop());
  return hub;
}

const startTwo = (t, redis, config) => Promise.all([startOne(t, redis, config), startOne(t, redis, config)]);

// As a login would: who, and what it may.
const tokenOf = (sub, claims) => sign({ sub, iat: now() - 60, jti: `id-of-${sub}`, ...claims }, SECRET);

const revoke = (hub, body) => request(`${hub.url}/api/revoke`,
  { method: 'POST', headers: { Authorization: `Bearer ${API_KEY}` }, body: JSON.stringify(body) });

test('never: a message delivered to a connection without the grant', async (t) => {
  const redis = await sharedRedis(t);
  const hubs = await startTwo(t, redis, { auth: [JWT] });
  const channel = 'room:ann';
  const all = await tokenOf('ann', { subscribe: ['room:{user}'], publish: ['*'] });
  const others = { // who has nearly the grant
    'another user': await tokenOf('bob', { subscribe: ['room:{user}'], publish: ['*'] }),
    'a grant for another verb': await tokenOf('eve', { publish: ['*'], history: ['*'], presence: ['*'], send: ['*'] }),
    'a user who is a pattern': await tokenOf('*', { subscribe: ['room:{user}'] }),
    'a grant for a longer name': await tokenOf('ann', { subscribe: ['room:ann:*', 'room:annabel', 'room:an', 'Room:ann'] }),
    'no grant at all': await tokenOf('ann', {}),
  };
  const friends = await Promise.all(hubs.map((hub) => connect(t, hub, bearer(all))));
  const strangers = (await Promise.all(Object.values(others).map((token) => Promise.all(hubs.map((hub) => connect(t, hub, bearer(token))))))).flat();
  const held = hubs.map((hub) => attempt(t, hub)); // they show no token
  await Promise.all(held.map((client) => client.opened));
  await Promise.all(friends.map((client) => client.subscribe(channel)));
  await Promise.all(strangers.map((client) => client.fails('denied', 'subscribe', { channel })));
  await Promise.all(strangers.map((client) => client.fails('denied', 'subscribe', { channel }))); // nor by asking twice
  await Promise.all(held.map((client) => client.fails('unauthenticated', 'subscribe', { channel })));
  for (const [i, friend] of friends.entries()) await friend.publish(channel, `from instance ${i}`);
  await redis.command('PUBLISH', channel, '"from a program"');
  await Promise.all(friends.map((friend) => friend.waitMessage(channel, (data) => data === 'from a program')));
  await Promise.all([...strangers, ...held].map((client) => client.barrier()));
  for (const friend of friends) assert.equal(friend.messages(channel).length, 3);
  for (const client of [...strangers, ...held]) assert.ok(!client.frames.items.some((f) => f.json.op === 'message'), client.frames.items.at(-1).text);
  for (const hub of hubs) assert.equal((await hub.metrics()).sum('wshub_subscriptions'), 1);
});

test('never: a subscription surviving the refresh that took its grant away', async (t) => {
  const redis = await sharedRedis(t);
  const hubs = await startTwo(t, redis, { auth: [JWT] });
  const before = await tokenOf('ann', { subscribe: ['room:*'] }), after = await tokenOf('ann', { subscribe: ['room:keep'] });
  const anns = await Promise.all(hubs.map((hub) => connect(t, hub, bearer(before))));
  const server = await connect(t, hubs[0], bearer(await tokenOf('server', { publish: ['*'] })));
  for (const ann of anns) for (const channel of ['room:keep', 'room:lose']) await ann.subscribe(channel);
  let running = true; // both instances are in the middle of it
  const flood = (async () => {
    for (let n = 0; running; n++) await Promise.all(['room:keep', 'room:lose'].map((channel) => server.publish(channel, n)));
  })();
  await Promise.all(anns.map((ann) => ann.waitMessage('room:lose')));
  for (const ann of anns) await ann.ok('refresh', { token: after });
  await Promise.all(anns.map((ann) => ann.waitFrame((m) => m.op === 'unsubscribed')));
  const marks = anns.map((ann) => ann.frames.items.length);
  await Promise.all(anns.map((ann, i) => ann.waitMessage('room:keep', () => true, { from: marks[i] + 20 }))); // and it goes on
  running = false;
  await flood;
  for (const ann of anns) {
    await ann.fails('denied', 'subscribe', { channel: 'room:lose' });
    const frames = ann.frames.items.map((f) => f.json);
    const refreshed = frames.findIndex((m) => m.op === 'ok' && !m.channel);
    assert.ok(!frames.slice(refreshed).some((m) => m.op === 'message' && m.channel === 'room:lose'), 'delivered behind the ok');
    assert.deepEqual(frames.filter((m) => m.op === 'unsubscribed'), [{ op: 'unsubscribed', channel: 'room:lose', code: 'revoked' }]);
  }
  for (const hub of hubs) assert.equal((await hub.metrics()).sum('wshub_subscriptions'), 1);
  await untilSubscribed(redis, { 'room:keep': 2, 'room:lose': 0, '$wshub:control': 2 });
});

test('never: a revoked user still connected on another instance after 2 s', async (t) => {
  const redis = await sharedRedis(t);
  const hubs = await startTwo(t, redis, { auth: [JWT] });
  const token = await tokenOf('ann', { subscribe: ['*'] }), bob = await tokenOf('bob', { subscribe: ['*'] });
  for (const [body, issuing] of [[{ user: 'ann' }, 0], [{ token: 'id-of-bob' }, 1]]) {
    const shown = body.user ? token : bob;
    const clients = (await Promise.all(hubs.map((hub) => Promise.all([1, 2, 3, 4].map(() => connect(t, hub, bearer(shown))))))).flat();
    const held = attempt(t, hubs[1 - issuing]);
    await held.opened;
    const since = performance.now();
    assert.equal((await revoke(hubs[issuing], body)).status, 200);
    for (const client of clients) {
      const end = await within(10000, 'close', client.closed);
      assert.equal(end.code, 4403);
      assert.ok(end.at - since < 2000, `after ${end.at - since} ms`);
    }
    held.sendText(JSON.stringify({ op: 'connect', id: 1, token: shown })); // nor do they come back
    await held.expectClose(4403);
    for (const hub of hubs) {
      assert.equal((await refusal(hub, bearer(shown))).json.error.code, 'revoked');
      assert.equal((await told(t, hub, bearer(shown))).code, 4403);
      await until(5000, 'nobody is left', async () => (await hub.metrics()).sum('wshub_connections') === 0);
    }
  }
});

test('never: a secret or token in a log, a metric, an error to a client or a core registry entry', async (t) => {
  const redis = await sharedRedis(t);
  const table = new Table(t, ['token hush-yes yes user=tom id=hush-id', 'token hush-no no', 'token hush-expired expired', 'token hush-fail fail', 'token hush-never never']);
  const published = await redis.monitor();
  const hubs = await startTwo(t, redis, {
    auth: [JWT, { plugin: 'auth_table', name: 'table', options: { file: table.file } }],
    credentials: { cookie: 'session' }, log: { level: 'debug', format: 'json' }, timeouts: { auth: '200ms' },
    registry: { enabled: 'on' },
  });
  const jwt = (claims, secret) => sign({ sub: 'ann', iat: now() - 60, subscribe: ['room:*'], publish: ['*'], ...claims }, secret ?? SECRET);
  const jwts = { good: await jwt({}), expired: await jwt({ exp: now() - 5 }), forged: await jwt({}, 'hush-another-secret-of-32-bytes-or-more'), nobody: await jwt({ sub: undefined }) };
  const shown = [...Object.values(jwts), 'hush-yes', 'hush-no', 'hush-expired', 'hush-fail', 'hush-never', 'hush-unknown'];
  const heard = [];
  const stay = [];
  for (const [i, token] of shown.entries()) {
    const hub = hubs[i % 2];
    const ways = [bearer(token), { path: `/ws?token=${token}` }, { headers: { Cookie: `session=${token}; other=hush-cookie` } },
      { protocols: [PROTOCOL, `wshub.token.${token}`] }, {}];
    await Promise.all(ways.map(async (way) => {
      const client = attempt(t, hub, { origin: hub.url, ...way });
      await client.opened;
      if (Object.keys(way).length === 0) client.sendText(JSON.stringify({ op: 'connect', id: 1, token }));
      const welcome = client.waitFrame((m) => m.op === 'welcome').catch(() => undefined);
      if (await Promise.race([welcome, client.closed.then(() => undefined)])) {
        for (const other of shown) heard.push(JSON.stringify(await client.request('refresh', { token: other }).catch(() => '')));
        await client.request('publish', { channel: 'room:1', data: 1 }).catch(() => '');
        stay.push(client);
      }
      heard.push(client);
    }));
    const { status, headers, json } = await refusal(hub, bearer(token)).catch(() => ({}));
    heard.push(JSON.stringify([status, headers, json]));
  }
  for (const key of [API_KEY, `${API_KEY}x`, API_KEY.slice(0, -1)]) {
    const answer = await request(`${hubs[0].url}/api/revoke`, { method: 'POST', headers: { Authorization: `Bearer ${key}` }, body: '{"user":"nobody"}' });
    heard.push(JSON.stringify(answer.headers) + answer.body);
  }
  await until(5000, 'they are in the registry', async () => (await redis.entries('ws:conn:*')).size >= stay.filter((c) => c.ws.readyState === 1).length);
  const registry = JSON.stringify([...await redis.entries('*')]);
  assert.match(registry, /ws:conn:.*\\"user\\":\\"tom\\"/);
  const metrics = (await Promise.all(hubs.map(async (hub) => (await hub.metrics()).text))).join('\n');
  await Promise.all(hubs.map((hub) => hub.stop()));
  const log = hubs.map((hub) => hub.text).join('\n');
  assert.match(log, /the token's signature does not fit/);
  const said = heard.map((one) => (typeof one === 'string' ? one : one.frames.items.map((f) => f.text).join('\n'))).join('\n');
  const carried = JSON.stringify(published.items.filter((line) => !/"(hello|auth)"/i.test(line)));
  const secrets = ['hush-', SECRET, 'eyJ', ...Object.values(jwts).flatMap((token) => token.split('.'))];
  for (const [where, text] of Object.entries({ log, metrics, said, registry, carried }))
    for (const secret of secrets) assert.ok(!text.includes(secret), `${secret} in ${where}: ${text.slice(Math.max(0, text.indexOf(secret) - 200)).slice(0, 400)}`);
});

test('never: a decision made by a plugin that timed out counted as yes', async (t) => {
  const redis = await sharedRedis(t);
  const first = new Table(t, ['token late yes user=late grant=sp:* after=700', 'token ann yes user=ann ask=sp',
    'token wider yes user=ann grant=sp:* after=700', 'operation ann s secret yes after=700',
    'operation ann p secret yes after=700', 'token never never', 'token server yes user=server grant=sp:*']);
  const lax = new Table(t, ['token late yes user=late grant=sp:*', 'token never yes user=never grant=sp:*']);
  const hubs = await startTwo(t, redis, {
    auth: [first, lax].map(({ file }, i) => ({ plugin: 'auth_table', name: `table-${i}`, options: { file } })), timeouts: { auth: '200ms' },
  });
  for (const hub of hubs) {
    for (const token of ['late', 'never']) {
      const held = attempt(t, hub);
      await held.opened;
      held.sendText(JSON.stringify({ op: 'connect', id: 1, token }));
      const [byHttp, page] = await Promise.all([refusal(hub, bearer(token)), told(t, hub, bearer(token)), held.expectClose(1013)]);
      assert.deepEqual([byHttp.status, page.code], [503, 1013]);
    }
    const ann = await connect(t, hub, bearer('ann')), server = await connect(t, hub, bearer('server'));
    await server.subscribe('secret');
    for (const op of ['subscribe', 'publish']) await ann.fails('internal', op, { channel: 'secret', data: 'ann was here' });
    await ann.fails('internal', 'refresh', { token: 'wider' });
    await until(5000, 'every late yes has come', async () => (await hub.metrics()).sum('wshub_auth_late_completions_total') === 6);
    await server.publish('secret', 'for others');
    await server.waitMessage('secret', (data) => data === 'for others');
    await ann.barrier();
    assert.deepEqual(ann.messages('secret'), []);
    assert.ok(!server.messages('secret').some(({ data }) => data === 'ann was here'));
    const metrics = await hub.metrics();
    assert.equal(metrics.sum('wshub_connections'), 2);
    assert.equal(metrics.sum('wshub_auth_decisions_total', { auth: 'table-0', result: 'yes' }), 2);
    assert.equal(metrics.sum('wshub_auth_decisions_total', { auth: 'table-1' }), 2, 'the laxer one was asked for those without a token only');
    await server.close();
  }
});

test('never: a JWKS URL that does not answer in time counted as yes', async (t) => {
  const issuer = await Issuer.start(t);
  issuer.answer = () => {}; // nothing, for ever
  const hub = await start({
    auth: [{ plugin: 'jwt', options: { algorithms: ['RS256'], jwks_url: issuer.url } }], timeouts: { auth: '200ms' },
  }, { t });
  const token = await sign({ sub: 'ann' }, newKey('RS256', 'k'));
  const [byHttp, page] = await Promise.all([refusal(hub, bearer(token)), told(t, hub, bearer(token))]);
  assert.deepEqual([byHttp.status, page.code], [503, 1013]);
  assert.equal((await hub.metrics()).sum('wshub_auth_decisions_total', { result: 'yes' }), 0);
});

test('never: cross-site WebSocket hijacking through the cookie (Origin is checked first)', async (t) => {
  const redis = await sharedRedis(t);
  const token = await tokenOf('ann', { subscribe: ['*'] });
  const cookie = { Cookie: `session=${token}` };
  for (const origins of [['same-host'], ['https://app.example'], ['*', 'https://app.example']]) {
    const hubs = await startTwo(t, redis, { auth: [JWT], credentials: { cookie: 'session' }, origins, timeouts: { connect: '0s' } });
    const asked = async () => (await Promise.all(hubs.map((hub) => hub.metrics()))).reduce((sum, m) => sum + m.sum('wshub_auth_decisions_total', { result: 'yes' }), 0);
    for (const hub of hubs) {
      const host = `127.0.0.1:${hub.port}`;
      for (const Origin of ['https://evil.example', 'null', `http://127.0.0.1:${hub.port + 1}`, `http://localhost:${hub.port}`, `https://app.example.evil.example`,
        `http://${host}.evil.example`, 'file://', `http://app.example`]) {
        if (origins[0] !== '*') {
          const answer = await refusal(hub, { headers: { ...cookie, Origin } });
          assert.deepEqual([answer.status, answer.json.error.code], [403, 'origin_denied'], `${Origin} with ${origins}`);
        } else {
          assert.equal((await told(t, hub, { headers: cookie, origin: Origin })).code, 4401, Origin);
        }
      }
      assert.equal((await hub.metrics()).sum('wshub_connections'), 0);
    }
    assert.equal(await asked(), 0, 'no plugin has said yes to a cookie of theirs');
    for (const hub of hubs) { // the same cookie is good for the page that it is for
      const own = await connect(t, hub, { headers: cookie, origin: origins[0] === 'same-host' ? hub.url : 'https://app.example' });
      assert.equal(own.welcome.user, 'ann');
    }
  }
});
