// SPDX-License-Identifier: MIT
// examples/broker-unix: built against the installed SDK, held to the contract by the installed kit, and carrying messages
// between hubs, of which one crashes, one hangs, and all lose their folder.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect } from './support/client.js';
import { buildExample } from './support/example.js';
import { ROOT, run, start } from './support/hub.js';
import { pause } from './support/pause.js';
import { SCALE, until, within } from './support/wait.js';

let example;
before(async () => { example = await buildExample('broker-unix', 'unix'); });
after(() => example?.end());

const TURN = 3000; // ms: it looks at its file twice a second

function meetingPlace(t) {
  const folder = mkdtempSync(join(tmpdir(), 'wshub-meet-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const startHub = (t, folder, more = {}) => start({ brokers: [{ name: 'main', plugin: example.plugin, options: { folder } }], ...more }, { t });

async function startHubs(t, folder, count) {
  const hubs = [];
  for (let i = 0; i < count; i++) hubs.push(await startHub(t, folder));
  return hubs;
}

const gap = (client, from) => client.waitFrame((m) => m.op === 'gap', { what: 'a gap', deadline: 10000, from });

// One subscriber on each hub hears what one on each publishes, once.
async function assertCarries(t, hubs, channel) {
  const clients = await Promise.all(hubs.map((hub) => connect(t, hub)));
  for (const client of clients) await client.subscribe(channel);
  for (const [i, client] of clients.entries()) await client.publish(channel, i);
  for (const client of clients) {
    for (const [i, from] of clients.entries()) {
      const message = await client.waitMessage(channel, (data) => data === i);
      assert.equal(message.from.connection, from.welcome.connection);
    }
    assert.equal(client.messages(channel).length, clients.length);
  }
  return clients;
}

test('it is a whole broker in at most 300 lines', () => {
  assert.ok(readFileSync(join(ROOT, 'examples/broker-unix/plugin.c'), 'utf8').split('\n').length - 1 <= 300);
});

// Without a configuration, as its README says, and with the folder taken away.
test('it keeps the contract', async (t) => {
  const folder = join(meetingPlace(t), 'meet');
  const config = join(example.folder, 'check.yaml');
  const yaml = /```yaml\n([^]*?)```/.exec(readFileSync(join(example.folder, 'README.md'), 'utf8'))[1];
  writeFileSync(config, yaml.replaceAll('/tmp/wshub-check', folder));
  const end = await run(['plugin-check', example.plugin, '--config', config, '--json'], { deadline: 100000 });
  const { cases, counts } = JSON.parse(end.stdout);
  const wrong = cases.filter((one) => !['pass', 'skipped'].includes(one.verdict));
  assert.deepEqual(wrong.map(({ name, verdict, text }) => ({ name, verdict, text })), []);
  assert.equal(end.code, 0, end.stderr);
  assert.ok(counts.pass > 55, JSON.stringify(counts));
  for (const name of ['two-instances', 'order', 'exactly-once', 'killed', 'killed-thrice', 'killed-with-1000-channels'])
    assert.equal(cases.find((one) => one.name === name).verdict, 'pass', name);
});

test('options that make no sense are told by the check', async (t) => {
  const file = join(meetingPlace(t), 'wshub.yaml');
  for (const folder of ['relative', `/${'long'.repeat(20)}`, '/tmp/*']) {
    writeFileSync(file, `brokers: [{name: main, plugin: "${example.plugin}", options: {folder: "${folder}"}}]\n`);
    const end = await run(['check', '-c', file]);
    assert.equal(end.code, 2, end.stdout);
    assert.match(end.stderr + end.stdout, /options\.folder: found .*, expected an absolute path of at most 64 bytes/);
  }
});

test('three hubs carry messages to each other, each once', async (t) => {
  const folder = meetingPlace(t);
  const hubs = await startHubs(t, folder, 3);
  await assertCarries(t, hubs, 'room:1');
  assert.equal(readdirSync(folder).length, 3);
  for (const hub of hubs) await hub.stop();
  assert.deepEqual(readdirSync(folder), [], 'nothing stays');
});

test('P2: what one publishes after the answer to a subscribe on another arrives, in order', async (t) => {
  const [one, two] = await startHubs(t, meetingPlace(t), 2);
  const writer = await connect(t, one), reader = await connect(t, two);
  for (let i = 0; i < 100; i++) {
    await reader.subscribe(`p2:${i}`);
    await writer.publish(`p2:${i}`, i);
    await reader.waitMessage(`p2:${i}`);
  }
  await reader.subscribe('order');
  const numbers = Array.from({ length: 500 }, (_, i) => i);
  await within(20000, 'all answers', Promise.all(numbers.map((i) => writer.publish('order', i))));
  await until(5000, 'all messages', () => reader.messages('order').length >= numbers.length);
  assert.deepEqual(reader.messages('order').map((m) => m.data), numbers);
});

test('hubs in different folders do not hear each other', async (t) => {
  const [one, other] = [await startHub(t, meetingPlace(t)), await startHub(t, meetingPlace(t))];
  const [here, there] = [await connect(t, one), await connect(t, other)];
  await here.subscribe('room');
  await there.publish('room', 'unheard');
  await here.publish('room', 'heard');
  await here.waitMessage('room', (data) => data === 'heard');
  assert.equal(here.messages('room').length, 1);
});

test('a hub that crashes harms nobody, and its file goes', async (t) => {
  const folder = meetingPlace(t);
  const [one, two, doomed] = await startHubs(t, folder, 3);
  const clients = await assertCarries(t, [one, two], 'room');
  await doomed.kill9();
  assert.equal(readdirSync(folder).length, 3);
  await clients[0].publish('room', 'still here');
  await clients[1].waitMessage('room', (data) => data === 'still here');
  assert.equal(readdirSync(folder).length, 2);
  for (const client of clients) assert.ok(!client.frames.items.some((f) => f.json?.op === 'gap'));
});

test('a hub that hangs is left out by the others, and tells of it when it wakes up', async (t) => {
  const folder = meetingPlace(t);
  const [one, hung] = await startHubs(t, folder, 2);
  const [writer, reader] = await assertCarries(t, [one, hung], 'room');
  const from = reader.frames.items.length;
  pause(hung.child);
  t.after(() => { try { process.kill(hung.pid, 'SIGCONT'); } catch { /* it has ended */ } });
  const numbers = Array.from({ length: 50 }, (_, i) => `n${i}`);
  await within(15000, 'all answers', Promise.all(numbers.map((data) => writer.publish('room', data, { deadline: 15000 }))));
  process.kill(hung.pid, 'SIGCONT');
  await gap(reader, from);
  await until(10000, 'it is there again', async () => (await hung.get('/readyz')).status === 200);
  await writer.publish('room', 'welcome back');
  await reader.waitMessage('room', (data) => data === 'welcome back');
});

test('when the folder is deleted, they tell of it and meet again', async (t) => {
  const folder = meetingPlace(t);
  const hubs = await startHubs(t, folder, 2);
  const clients = await assertCarries(t, hubs, 'room');
  const from = clients.map((client) => client.frames.items.length);
  rmSync(folder, { recursive: true });
  await Promise.all(clients.map((client, i) => gap(client, from[i])));
  for (const hub of hubs) await hub.event('broker down', { where: { broker: 'main' }, deadline: TURN });
  await until(10000, 'both are back', () => readdirSync(folder).length === 2);
  await Promise.all(hubs.map((hub) => until(10000, 'ready', async () => (await hub.get('/readyz')).status === 200)));
  await assertCarries(t, hubs, 'room:2');
});

test('a folder that others may write to is not used', async (t) => {
  const folder = meetingPlace(t);
  assert.equal(spawnSync('chmod', ['777', folder]).status, 0);
  const hub = await start({ brokers: [{ name: 'main', plugin: example.plugin, options: { folder } }] }, { t, ready: false });
  const down = await hub.event('broker down', { deadline: 5000 * SCALE });
  assert.equal(down.reason, `${folder}: Operation not permitted`);
  assert.equal((await hub.get('/readyz')).status, 503);
});
