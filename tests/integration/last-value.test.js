// SPDX-License-Identifier: MIT
// `last_value: true`: who subscribes gets the latest message right behind the ok, before any live one, once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, connectMany } from './support/client.js';
import { start } from './support/hub.js';
import { until } from './support/wait.js';

const CONFIG = { channels: [{ match: 'tick:*', last_value: true }, { match: '*' }], workers: 4 };

const heard = (client, channel) => client.messages(channel).map((m) => (m.last === undefined ? m.data : { last: m.data }));

test('it outlives its subscribers, and is live for those who are there', async (t) => {
  const hub = await start({ ...CONFIG, unsubscribe_linger: '0s' }, { t });
  const [anna, bert] = await connectMany(t, hub, 2);
  await anna.publish('tick:1', { price: 1 });
  await anna.publish('tick:1', { price: 2 });
  await bert.subscribe('tick:1');
  const last = await bert.waitMessage('tick:1');
  assert.deepEqual(last, { op: 'message', channel: 'tick:1', data: { price: 2 }, from: { connection: anna.welcome.connection }, last: true });
  const ok = bert.frames.items.findIndex((f) => f.json.op === 'ok');
  assert.equal(bert.frames.items[ok + 1].json.last, true, 'right behind the ok');
  await anna.publish('tick:1', { price: 3 });
  await bert.waitMessage('tick:1', (data) => data.price === 3);
  await bert.unsubscribe('tick:1');
  await until(5000, 'the channel is gone from the instance', async () => (await hub.metrics()).sum('wshub_channels') === 0);
  assert.equal((await hub.metrics()).sum('wshub_last_values'), 0);
  await bert.subscribe('tick:1');
  await bert.barrier();
  assert.deepEqual(heard(bert, 'tick:1'), [{ last: { price: 2 } }, { price: 3 }, { last: { price: 3 } }]);
  const metrics = await hub.metrics();
  assert.equal(metrics.sum('wshub_last_values'), 1);
  assert.ok(metrics.sum('wshub_last_value_bytes') > 0);
});

test('nobody has it twice, whichever worker and whoever came before', async (t) => {
  const hub = await start(CONFIG, { t });
  const publisher = await connect(t, hub);
  await publisher.publish('tick:1', 0);
  for (let round = 1; round <= 5; round++) {
    const clients = await connectMany(t, hub, 20);
    await Promise.all(clients.map((c) => c.subscribe('tick:1')));
    await Promise.all(clients.map((c) => c.waitMessage('tick:1')));
    await publisher.publish('tick:1', round);
    await Promise.all(clients.map((c) => c.waitMessage('tick:1', (data) => data === round)));
    for (const client of clients) assert.deepEqual(heard(client, 'tick:1'), [{ last: round - 1 }, round]);
    clients.forEach((c) => c.ws.terminate());
  }
});

test('while messages flow, nothing is missed between the last value and the live ones', async (t) => {
  const hub = await start(CONFIG, { t });
  const publisher = await connect(t, hub);
  let n = 0;
  let going = true;
  await publisher.publish('tick:1', n);
  const publishing = (async () => { while (going) await publisher.publish('tick:1', ++n); })();
  const clients = await connectMany(t, hub, 40);
  for (const client of clients) await client.subscribe('tick:1');
  going = false;
  await publishing;
  for (const client of clients) {
    await client.waitMessage('tick:1', (data) => data === n);
    const [first, ...others] = client.messages('tick:1');
    assert.equal(first.last, true);
    assert.deepEqual(others.map((m) => [m.data, m.last]), others.map((_, i) => [first.data + i + 1, undefined]));
  }
});

test('a channel without the rule has none', async (t) => {
  const hub = await start(CONFIG, { t });
  const [anna, bert] = await connectMany(t, hub, 2);
  await anna.publish('room', 1);
  await bert.subscribe('room');
  await anna.publish('room', 2);
  await bert.waitMessage('room');
  assert.deepEqual(heard(bert, 'room'), [2]);
});

test('who is excluded from a message does not get it as the last value either', async (t) => {
  const hub = await start(CONFIG, { t });
  const [anna, bert] = await connectMany(t, hub, 2);
  await anna.ok('publish', { channel: 'tick:1', data: 1, exclude: [anna.welcome.connection] });
  await anna.subscribe('tick:1');
  await bert.subscribe('tick:1');
  await bert.waitMessage('tick:1');
  await anna.barrier();
  assert.deepEqual(heard(anna, 'tick:1'), []);
  assert.deepEqual(heard(bert, 'tick:1'), [{ last: 1 }]);
});

test('memory: the oldest make room, and what is larger than all may be is refused', async (t) => {
  const hub = await start({ ...CONFIG, brokers: [{ name: 'main', plugin: 'memory', options: { last_values: '64KiB' } }], limits: { message: '128KiB' } }, { t });
  const [anna, bert] = await connectMany(t, hub, 2);
  const text = 'x'.repeat(20_000);
  for (let n = 0; n < 10; n++) await anna.publish(`tick:${n}`, text);
  await anna.fails('too_large', 'publish', { channel: 'tick:9', data: 'y'.repeat(100_000) });
  for (let n = 0; n < 10; n++) await bert.subscribe(`tick:${n}`);
  await bert.barrier();
  const kept = [...Array(10).keys()].filter((n) => bert.messages(`tick:${n}`).length > 0);
  assert.deepEqual(kept, [7, 8, 9]);
  assert.equal(hub.log.items.filter((r) => /the oldest are dropped/.test(r.line)).length, 1);
});
