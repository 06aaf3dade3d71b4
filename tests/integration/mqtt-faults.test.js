// SPDX-License-Identifier: MIT
// The registry in retained messages, and what becomes of hubs when the server, or one of them, dies.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, connectMany } from './support/client.js';
import { startMosquitto } from './support/mosquitto.js';
import { connectionTopic, instanceTopic, startMqttHub, untilRetained } from './support/mosquitto_hub.js';
import { QUICK_REGISTRY, assertFewComplaints, untilNotReady, untilReady } from './support/redis_hub.js';

async function startNamed(t, server, id, config = {}) {
  const hub = await startMqttHub(t, server, { instance_id: id, ...config });
  hub.id = id;
  return hub;
}

test('P7: instances and connections are retained messages, which expire and go', async (t) => {
  const server = await startMosquitto(t);
  const hub = await startNamed(t, server, 'one');
  const clients = await connectMany(t, hub, 2);
  await untilRetained(server, [instanceTopic(hub), ...clients.map(connectionTopic)]);
  for (const [topic, message] of Object.entries(await server.retained('wshub/$registry/#'))) {
    assert.ok(message.expiry > 0 && message.expiry <= 122, `${topic} expires in ${message.expiry} s`);
    JSON.parse(message.payload.toString());
  }
  await clients[0].close();
  await untilRetained(server, [instanceTopic(hub), connectionTopic(clients[1])]);
  await hub.stop();
  await untilRetained(server, []);
});

test('the entry of a hub that is killed is gone at once, and its connections\' when they expire', async (t) => {
  const server = await startMosquitto(t);
  const hub = await startNamed(t, server, 'one', { registry: { connection_ttl: '2s', instance_ttl: '60s', heartbeat: '500ms' } });
  const client = await connect(t, hub);
  await untilRetained(server, [instanceTopic(hub), connectionTopic(client)]);
  await hub.kill9();
  await untilRetained(server, [connectionTopic(client)], 1500); // the last will, long before 60 s
  await untilRetained(server, [], 10000);
});

test('P7: an entry that somebody deletes is made anew with the next heartbeat', async (t) => {
  const server = await startMosquitto(t);
  const hub = await startNamed(t, server, 'one', { registry: QUICK_REGISTRY });
  const client = await connect(t, hub);
  const topics = [instanceTopic(hub), connectionTopic(client)];
  await untilRetained(server, topics);
  for (const topic of topics) await server.publish(topic, '', { retain: true });
  await untilRetained(server, topics);
});

test('a server that is killed and comes back empty: publishers are told, subscribers get a gap, all is restored', async (t) => {
  const server = await startMosquitto(t);
  const hubs = [await startNamed(t, server, 'one'), await startNamed(t, server, 'two')];
  const [a, b] = [await connect(t, hubs[0]), await connect(t, hubs[1])];
  for (const client of [a, b]) await client.subscribe('room');
  await server.kill9();
  await Promise.all(hubs.map((hub) => untilNotReady(hub)));
  assert.equal((await a.request('publish', { channel: 'room', data: 'lost' })).op, 'error');
  await server.restart();
  await Promise.all(hubs.map((hub) => untilReady(hub)));
  for (const client of [a, b]) await client.waitFrame((m) => m.op === 'gap' && m.channel === 'room', { what: 'gap' });
  await a.publish('room', 'after');
  await b.waitMessage('room', (data) => data === 'after');
  assert.deepEqual(b.messages('room').map((m) => m.data), ['after']);
  await untilRetained(server, [...hubs.map(instanceTopic), ...[a, b].map(connectionTopic)]);
  for (const hub of hubs) assertFewComplaints(hub, 6);
});

test('a server that hangs is noticed, and found again', async (t) => {
  const server = await startMosquitto(t);
  const hub = await startNamed(t, server, 'one', { options: { timeout: '500ms' } });
  const client = await connect(t, hub);
  await client.subscribe('room');
  server.pause();
  const answer = await client.request('publish', { channel: 'room', data: 1 });
  assert.equal(answer.op, 'error');
  await untilNotReady(hub);
  server.resume();
  await untilReady(hub);
  await client.publish('room', 'after');
  await client.waitMessage('room', (data) => data === 'after');
});

test('two hubs of one client id take turns, and each says why', async (t) => {
  const server = await startMosquitto(t);
  const one = await startNamed(t, server, 'one', { options: { client_id: 'same', reconnect_min: '1s', reconnect_max: '60s' } });
  const two = await startMqttHub(t, server, { instance_id: 'two', options: { client_id: 'same' } }, { ready: false });
  await one.event('broker down');
  assert.match(one.text, /another client has/);
  await two.event('broker up');
});
