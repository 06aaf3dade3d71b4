// SPDX-License-Identifier: MIT
// Every file in examples/ as a person starts from it: with nothing but its environment variables set, it passes the check,
// the hub gets ready on real brokers that want a password, and a message goes through.
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BACKENDS } from './support/backends.js';
import { atEnd } from './support/cleanup.js';
import { Client } from './support/client.js';
import { ROOT, run, start } from './support/hub.js';
import { startMosquitto } from './support/mosquitto.js';
import { startNats } from './support/nats.js';
import { startRedis } from './support/redis.js';

const FOLDER = join(ROOT, 'examples');
const PASSWORD = 'p@ss word #1/$x%'; // of those that are not at home in YAML, nor in a url
const NEWS = '{"text":"hi"}'; // what a program publishes for the channel news:1

// broker -> a server that wants the password: { env: how an example is told of it, publish: how another program does }
const SERVERS = {
  redis: async (t) => {
    const redis = await startRedis(t, { config: { requirepass: JSON.stringify(PASSWORD) }, login: { password: PASSWORD } });
    return { env: { REDIS_ADDRESS: `127.0.0.1:${redis.port}`, REDIS_PASSWORD: PASSWORD }, publish: () => redis.command('PUBLISH', 'chat:news:1', NEWS) };
  },
  nats: async (t) => {
    const authorization = { user: 'wshub', password: PASSWORD };
    const nats = await startNats(t, { jetstream: true, config: { authorization }, login: { user: 'wshub', pass: PASSWORD } });
    return {
      env: { NATS_ADDRESS: `127.0.0.1:${nats.port}`, NATS_PASSWORD: PASSWORD },
      publish: async () => (await nats.connect()).publish('chat.news:1', NEWS),
    };
  },
  mqtt: async (t) => {
    const mosquitto = await startMosquitto(t, { users: { wshub: PASSWORD } });
    return {
      env: { MQTT_ADDRESS: `127.0.0.1:${mosquitto.port}`, MQTT_PASSWORD: PASSWORD },
      publish: () => mosquitto.publish('chat/news:1', NEWS),
    };
  },
};

// Secrets of users, which no log may show.
const JWT_SECRET = randomBytes(32).toString('hex');
const API_KEY = randomBytes(24).toString('hex');

function jwt(claims) {
  const [head, body] = [{ alg: 'HS256', typ: 'JWT' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
  return `${head}.${body}.${createHmac('sha256', JWT_SECRET).update(`${head}.${body}`).digest('base64url')}`;
}

const now = () => Math.floor(Date.now() / 1000);
const LOGIN = () => ({ headers: { authorization: `Bearer ${jwt({ sub: 'ann', aud: 'chat', iat: now(), exp: now() + 600, subscribe: 'room:*', publish: 'room:*' })}` } });

// What auth.yaml says, beside letting messages through.
async function assertGuards(hub) {
  const refused = (options) => Client.connect(hub, options).then(() => assert.fail('it was let in'), (error) => error);
  const other = jwt({ sub: 'ann', aud: 'another', exp: now() + 600 });
  assert.equal((await refused({ headers: { authorization: `Bearer ${other}` } })).status, 401);
  assert.equal((await refused({ ...LOGIN(), origin: 'https://evil.example' })).status, 403);
  const ann = await Client.connect(hub, { ...LOGIN(), origin: 'https://app.example.com' });
  assert.equal(ann.welcome.user, 'ann');
  await ann.subscribe('news:1');
  await ann.subscribe('user:ann');
  for (const channel of ['user:bob', 'nothing']) await ann.fails('denied', 'subscribe', { channel });
  for (const channel of ['news:1', 'user:ann']) await ann.fails('denied', 'publish', { channel, data: 1 });
  const revoked = await hub.get('/api/revoke', { method: 'POST', headers: { authorization: `Bearer ${API_KEY}` }, body: '{"user":"ann"}' });
  assert.equal(revoked.status, 200, revoked.body);
  await ann.expectClose(4403);
}

// What redis.yaml says, beside letting messages through.
async function assertRooms(hub) {
  const ann = await Client.connect(hub);
  const { position } = await ann.subscribe('room:2');
  await ann.close();
  const bob = await Client.connect(hub);
  await bob.publish('room:2', 'missed');
  const ok = await bob.ok('subscribe', { channel: 'room:2', since: position });
  assert.equal(ok.recovered, true);
  assert.equal((await bob.waitMessage('room:2')).data, 'missed');
  assert.deepEqual((await bob.ok('presence', { channel: 'room:2' })).members, [{ connection: bob.welcome.connection }]);
  await bob.close();
}

// file -> the brokers that it needs; a channel of each that clients use; whether programs publish news:1; what its
// clients show, and what else is true of it
const EXAMPLES = {
  'auth.yaml': { needs: [], channels: ['room:1'], env: { WSHUB_JWT_SECRET: JWT_SECRET, WSHUB_API_KEY: API_KEY }, login: LOGIN, also: assertGuards },
  'memory.yaml': { needs: [], channels: ['room:1'] },
  'mqtt.yaml': { needs: ['mqtt'], channels: ['room:1'], news: true },
  'nats.yaml': { needs: ['nats'], channels: ['room:1'], news: true },
  'redis.yaml': { needs: ['redis'], channels: ['room:1'], news: true, also: assertRooms },
  'two-brokers.yaml': { needs: ['redis', 'nats'], channels: ['chat:1', 'ticks:1'] },
};

const missing = (needs) => BACKENDS.filter((b) => needs.includes(b.name)).map((b) => b.missing()).find((reason) => reason);

// The second signal hurries: nobody waits for the delay and the window of a load balancer's sake.
async function stopQuickly(hub) {
  hub.kill('SIGTERM');
  await hub.event('drain begins', { deadline: 10000 });
  hub.kill('SIGTERM');
  return hub.stop();
}

async function assertCarries(hub, channel, login) {
  const [reader, writer] = [await Client.connect(hub, login?.()), await Client.connect(hub, login?.())];
  await reader.subscribe(channel);
  await writer.publish(channel, 'through');
  const message = await reader.waitMessage(channel);
  assert.equal(message.data, 'through');
  assert.equal(message.from.connection, writer.welcome.connection);
  await Promise.all([reader.close(), writer.close()]);
}

async function assertNews(hub, publish) {
  const reader = await Client.connect(hub);
  await reader.subscribe('news:1');
  await reader.fails('denied', 'publish', { channel: 'news:1', data: 'no program' });
  await publish();
  assert.deepEqual((await reader.waitMessage('news:1')).data, JSON.parse(NEWS));
  await reader.close();
}

test('every example is tried', () => {
  assert.deepEqual(readdirSync(FOLDER).filter((name) => name.endsWith('.yaml')).sort(), Object.keys(EXAMPLES).sort());
});

test('auth.md shows auth.yaml as it is', () => {
  assert.ok(readFileSync(join(ROOT, 'docs/auth.md'), 'utf8').includes(`\n${readFileSync(join(FOLDER, 'auth.yaml'), 'utf8')}`));
});

for (const [name, { needs, channels, news, env: own, login, also }] of Object.entries(EXAMPLES)) {
  const file = join(FOLDER, name);
  const text = readFileSync(file, 'utf8');

  test(`${name}: is right, starts, and carries messages`, { skip: missing(needs) }, async (t) => {
    const servers = await Promise.all(needs.map((need) => SERVERS[need](t)));
    const env = Object.assign({ WSHUB_LISTEN: '127.0.0.1:0', ...own }, ...servers.map((server) => server.env));
    const check = await run(['check', '-c', file], { env });
    assert.equal(check.code, 0, check.stderr);
    assert.match(check.stdout, /: ok\n/);
    const hub = await start(text, { env });
    atEnd(t, () => stopQuickly(hub));
    assert.equal((await hub.get('/readyz')).status, 200);
    for (const channel of channels) await assertCarries(hub, channel, login);
    if (news) await assertNews(hub, servers[0].publish);
    if (also) await also(hub);
    for (const secret of [PASSWORD, ...Object.values(own ?? {})]) assert.ok(!hub.text.includes(secret), 'a secret in the log');
  });

  test(`${name}: without its environment, each variable that is missing is named`, { skip: missing(needs) }, async () => {
    const variables = [...text.replace(/#.*/g, '').matchAll(/\$\{(\w+)\}/g)].map(([, variable]) => variable);
    const check = await run(['check', '-c', file], { env: Object.fromEntries(variables.map((variable) => [variable, undefined])) });
    assert.notEqual(check.code, 0);
    for (const variable of variables) assert.ok((check.stderr + check.stdout).includes(`found \${${variable}}, expected it to be set`), check.stderr);
  });
}
