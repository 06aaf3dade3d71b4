// SPDX-License-Identifier: MIT
// The hub on a real mosquitto: messages byte for byte, topics and properties, what other programs publish, ways to log
// in, and what is refused.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect, connectMany } from './support/client.js';
import { run, yaml } from './support/hub.js';
import { startMosquitto } from './support/mosquitto.js';
import { startMqttHub } from './support/mosquitto_hub.js';
import { assertFewComplaints, readiness, untilReady } from './support/redis_hub.js';
import { until } from './support/wait.js';

const PAYLOADS = [
  'null', '0', '-0', '1E400', '123456789012345678901234567890', '""', '"\\u0041"', '"é\\u00e9"', '"\\u0000"', '"\u2028\ufeff\x7f"', '[]', '{ }',
  '[1,\n\t 2 ,\r\n3]', '{"a":1,"a":2}', '"\\ud800"', '[['.repeat(16) + ']]'.repeat(16), JSON.stringify('x'.repeat(60000)),
];

// ---- messages ----

for (const options of [{ qos: 1 }, { qos: 0 }, { qos: 1, delivery_qos: 1 }]) {
  test(`data goes through MQTT byte for byte ${JSON.stringify(options)}`, async (t) => {
    const server = await startMosquitto(t);
    const hub = await startMqttHub(t, server, { options });
    const [a, b] = await connectMany(t, hub, 2);
    await b.subscribe('room');
    for (const raw of PAYLOADS) {
      const from = b.frames.items.length;
      await a.publishRaw('room', raw);
      const { text } = await b.frames.next((f) => f.json.op === 'message', { from, what: `message ${raw.slice(0, 80)}` });
      const behind = text.slice(text.indexOf('"data":') + 7);
      assert.ok(behind.startsWith(raw), `sent ${raw.slice(0, 200)}, got ${text.slice(0, 300)}`);
    }
    await b.barrier();
    assert.equal(b.messages('room').length, PAYLOADS.length, 'each exactly once');
  });
}

test('two hubs hear each other, and who sent what travels along', async (t) => {
  const server = await startMosquitto(t);
  const [one, two] = await Promise.all([startMqttHub(t, server), startMqttHub(t, server)]);
  const a = await connect(t, one);
  const [b, c] = await connectMany(t, two, 2);
  for (const client of [a, b, c]) await client.subscribe('room');
  await a.ok('publish', { channel: 'room', data: 'not for you', exclude: [a.welcome.connection, c.welcome.connection] });
  await a.publish('room', 'for all');
  for (const client of [a, b, c]) {
    await client.waitMessage('room', (data) => data === 'for all');
    assert.deepEqual(client.messages('room').map((m) => m.data), client === b ? ['not for you', 'for all'] : ['for all']);
    assert.ok(client.messages('room').every((m) => m.from.connection === a.welcome.connection));
  }
  for (const hub of [one, two]) assertFewComplaints(hub, 0);
});

test('a channel is a topic, with its metadata in user properties', async (t) => {
  const server = await startMosquitto(t);
  const hub = await startMqttHub(t, server, { options: { prefix: 'app/one' } });
  const client = await connect(t, hub);
  const watcher = await server.connect();
  await watcher.subscribe('app/one/#');
  const names = { 'chat:room:1': 'chat:room:1', 'a/b': 'a/b', '/a': '%2Fa', '+/#': '%2B/%23', $x: '%24x', '100%': '100%25', 'é b': 'é b' };
  for (const [channel, escaped] of Object.entries(names)) {
    await client.subscribe(channel);
    await client.publish(channel, channel);
    assert.equal((await client.waitMessage(channel)).data, channel);
    const message = await watcher.messages.next((m) => m.topic === `app/one/${escaped}`, { what: `topic of ${channel}` });
    assert.equal(message.payload.toString(), JSON.stringify(channel), 'the bare payload');
    assert.equal(message.user['wshub-sender'], client.welcome.connection);
    assert.match(message.user['wshub-sequence'], /^[0-9a-f]+\.\d+$/);
  }
  await client.barrier();
  assert.equal(client.frames.items.filter((f) => f.json.op === 'message').length, Object.keys(names).length, 'each once, no pattern');
});

test('what others publish arrives as it is', async (t) => {
  const server = await startMosquitto(t);
  const hub = await startMqttHub(t, server);
  const client = await connect(t, hub);
  await client.subscribe('sensors/kitchen');
  await server.publish('wshub/sensors/kitchen', '{"t":21.5}');
  const message = await client.waitMessage('sensors/kitchen');
  assert.deepEqual(message.data, { t: 21.5 });
  assert.equal(message.from, undefined);
});

test('a thousand subscriptions and publishes at the same time', async (t) => {
  const server = await startMosquitto(t);
  const hub = await startMqttHub(t, server, { limits: { channels_per_connection: 2000 } });
  const client = await connect(t, hub);
  const names = Array.from({ length: 1000 }, (_, n) => `room:${n}`);
  await Promise.all(names.map((name) => client.subscribe(name)));
  await Promise.all(names.map((name) => client.publish(name, name)));
  await until(10000, 'all messages', () => names.every((name) => client.messages(name).length === 1));
  assertFewComplaints(hub, 0);
});

// ---- who may do what ----

test('a wrong password is told, a right one works', async (t) => {
  const server = await startMosquitto(t, { users: { anna: 'right %' } });
  const wrong = await startMqttHub(t, server, { options: { username: 'anna', password: 'wrong' } }, { ready: false });
  await wrong.event('broker down');
  assert.match(wrong.text, /refused the connection: not authorized/);
  assert.equal(await readiness(wrong), 503);
  assert.doesNotMatch(wrong.text, /wrong/);
  const right = await startMqttHub(t, server, { options: { url: server.url.replace('//', '//anna:right%20%25@') } });
  await untilReady(right);
});

test('a topic that is denied is an error for who asked, and for nobody else', async (t) => {
  const acl = ['$registry/#', '$inbox/#', 'open', '%24wshub:probe:web-1'].map((topic) => `topic readwrite wshub/${topic}\n`).join('');
  const server = await startMosquitto(t, { acl });
  const hub = await startMqttHub(t, server, { instance_id: 'web-1' });
  const client = await connect(t, hub);
  const answer = await client.request('publish', { channel: 'closed', data: 1 });
  assert.equal(answer.op, 'error', JSON.stringify(answer));
  await client.subscribe('open');
  await client.publish('open', 1);
  await client.waitMessage('open');
  assert.match(hub.text, /PUBLISH: not authorized/);
});

test('a message larger than the server takes is refused, and the link stays', async (t) => {
  const server = await startMosquitto(t, { config: { max_packet_size: 20000 } });
  const hub = await startMqttHub(t, server);
  const client = await connect(t, hub);
  await client.subscribe('room');
  const answer = await client.request('publish', { channel: 'room', data: 'x'.repeat(30000) });
  assert.equal(answer.op, 'error');
  await client.publish('room', 'small');
  await client.waitMessage('room', (data) => data === 'small');
  assert.match(hub.text, /the server takes 20000 \(max_packet_size\)/);
  assert.doesNotMatch(hub.text, /broker down/);
});

test('a server that is none is told', async (t) => {
  const answers = ['-ERR unknown command \'x\', with args beginning with: \'x\' \'y\' and more and more and more\r\n', 'HTTP/1.1 400 Bad Request\r\n\r\n', 'SSH-2.0-x\r\n'];
  for (const answer of answers) {
    const server = net.createServer((socket) => socket.on('error', () => {}).end(answer)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const hub = await startMqttHub(t, { url: `mqtt://127.0.0.1:${server.address().port}` }, {}, { ready: false });
    await hub.event('broker down');
    assert.match(hub.text, /what the server sends is not MQTT 5/);
  }
});

// ---- TLS ----

test('TLS: the server must prove who it is', async (t) => {
  const server = await startMosquitto(t);
  for (const [name, subject] of [['good', 'IP:127.0.0.1,DNS:mqtt.example'], ['other', 'DNS:elsewhere.example']])
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
      '-subj', '/CN=test', '-addext', `subjectAltName=${subject}`, '-keyout', server.path(`${name}.key`), '-out', server.path(`${name}.pem`)],
    { stdio: 'ignore' });
  server.tls = { cert: server.path('good.pem'), key: server.path('good.key') };
  await server.restart();
  const hub = await startMqttHub(t, server, { options: { tls_ca: server.path('good.pem') } });
  const client = await connect(t, hub);
  await client.subscribe('room');
  await client.publish('room', 1);
  await client.waitMessage('room');
  for (const [options, said] of [
    [{ tls_ca: server.path('other.pem') }, /not to be trusted: self[- ]signed certificate/],
    [{ tls_ca: server.path('good.pem'), tls_server_name: 'wrong.example' }, /not to be trusted: hostname mismatch/],
  ]) {
    const wrong = await startMqttHub(t, server, { options }, { ready: false });
    await wrong.event('broker down');
    assert.match(wrong.text, said);
  }
});

// ---- what MQTT cannot do ----

test('MQTT 3.1.1 is refused by name', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'wshub-test-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'wshub.yaml');
  writeFileSync(file, yaml({ brokers: [{ name: 'main', plugin: 'mqtt', options: { protocol: '3.1.1' } }] }));
  const end = await run(['check', '-c', file]);
  assert.notEqual(end.code, 0);
  assert.match(end.stdout + end.stderr, /protocol.*expected 5: MQTT 3\.1\.1 cannot tell/);
});
