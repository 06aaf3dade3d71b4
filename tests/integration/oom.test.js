// SPDX-License-Identifier: MIT
// Out of memory on a client's path costs that client its operation or its connection, and nothing else: the process lives,
// everybody is answered or closed, and nothing leaks. The hub here is wshub-oom (tests/support/oom.c).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startAuth } from './support/auth.js';
import { Client, connect } from './support/client.js';
import { assertNoSanitizerReport, request, start } from './support/hub.js';
import { until, within } from './support/wait.js';

const OOM = process.env.WSHUB_OOM_BIN;
const skip = OOM ? false : 'WSHUB_OOM_BIN is not set: `ctest` sets it in release and asan builds';

const PERIODS = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 47, 59, 71, 89, 113, 149, 211, 307];
const CONFIG = {
  workers: 2,
  limits: { message: '256KiB', connections_per_address: 10000 },
  unsubscribe_linger: '0s',
};
const BIG = 'x'.repeat(100_000);
const ESCAPED = '"' + '\\n'.repeat(60_000) + '"'; // the JSON reader needs room of its own for escapes

const startOom = (t, { every = '', ...config } = {}) =>
  start({ ...CONFIG, ...config }, { t, command: [OOM], env: { WSHUB_OOM_EVERY: String(every) } });

// Failures on; the function that is returned turns them off, and says how many there were.
async function scarce(hub) {
  const from = hub.log.items.length;
  hub.child.kill('SIGUSR1');
  await hub.event('scarce', { from });
  return async () => {
    const at = hub.log.items.length;
    hub.child.kill('SIGUSR2');
    return Number((await hub.event('plenty', { from: at })).failed);
  };
}

// Under failures a step may go wrong in any way but one: that nothing is heard any more.
async function attempt(step) {
  try {
    return await step();
  } catch (error) {
    if (/^not within/.test(error.message)) throw error;
    return undefined;
  }
}

function sendInPieces(client, text, pieces) {
  const bytes = Buffer.from(text);
  const size = Math.ceil(bytes.length / pieces);
  for (let at = 0; at < bytes.length; at += size) client.ws.send(bytes.subarray(at, at + size), { binary: false, fin: at + size >= bytes.length });
}

let nextAddress = 0;

// All that a client can make the hub allocate memory for. Each step is answered, or the connection ends.
async function live(hub, name, { abrupt = false } = {}) {
  const localAddress = `127.0.${1 + nextAddress++ % 200}.1`; // each has an entry of its own in the table of addresses
  const client = await attempt(() => Client.connect(hub, { localAddress }));
  if (!client) return;
  const own = [`${name}:a`, `${name}:b`, `${name}:${'long'.repeat(50)}`];
  const steps = [
    () => Promise.allSettled(own.map((channel) => attempt(() => client.request('subscribe', { channel }))))
      .then((all) => { for (const one of all) if (one.status === 'rejected') throw one.reason; }),
    () => client.request('subscribe', { channel: 'all' }),
    () => client.request('publish', { channel: own[0], data: name }),
    () => client.request('publish', { channel: 'all', data: BIG }),
    () => client.request('publish', { channel: own[1] }, { tail: `,"data":${ESCAPED}` }),
    () => {
      const done = client.frames.next((f) => f.json?.id === 'pieces', { what: 'answer to the fragmented message' });
      sendInPieces(client, JSON.stringify({ op: 'publish', id: 'pieces', channel: own[0], data: BIG }), 7);
      return done;
    },
    () => { client.ws.ping('still there?'); return client.request('ping'); },
    () => request(`${hub.url}/metrics`),
    () => request(`${hub.url}/nothing?${'q'.repeat(2000)}`, { method: 'POST', body: 'a body', headers: { 'x-long': 'y'.repeat(500) } }),
    () => client.request('unsubscribe', { channel: own[0] }),
  ];
  for (const step of steps) await attempt(step);
  if (abrupt) client.ws.terminate();
  else client.ws.close();
  await within(10000, `close of ${name}`, client.closed);
}

const GAUGES = ['wshub_connections', 'wshub_subscriptions', 'wshub_channels', 'wshub_worker_channels', 'wshub_outbox_bytes'];

// With memory again it is as if nothing had been.
async function assertWorks(hub) {
  await until(10000, 'every gauge at 0', async () => {
    const metrics = await hub.metrics();
    return GAUGES.every((name) => metrics.sum(name) === 0);
  });
  await until(10000, 'ready', async () => (await hub.get('/readyz')).status === 200);
  const [a, b] = await Promise.all([Client.connect(hub), Client.connect(hub)]);
  await b.subscribe('after');
  await a.publish('after', BIG);
  assert.equal(await b.waitMessage('after').then((m) => m.data), BIG);
  sendInPieces(a, JSON.stringify({ op: 'publish', channel: 'after', data: 'in pieces' }), 5);
  await b.waitMessage('after', (data) => data === 'in pieces');
  await b.unsubscribe('after');
  await Promise.all([a.close(), b.close()]);
}

for (const every of PERIODS) {
  test(`every ${every}. allocation fails, for many clients at once`, { skip }, async (t) => {
    const hub = await startOom(t, { every });
    const witnesses = await Promise.all(Array.from({ length: 4 }, () => connect(t, hub)));
    const speaker = await connect(t, hub);
    for (const witness of witnesses) await witness.subscribe('witness');

    const plenty = await scarce(hub);
    const spoken = (async () => {
      const confirmed = [];
      for (let n = 0; n < 40; n++) {
        const answer = await attempt(() => speaker.request('publish', { channel: 'witness', data: n }));
        if (answer?.op === 'ok') confirmed.push(n);
      }
      return confirmed;
    })();
    for (let round = 0; round < 3; round++)
      await Promise.all(Array.from({ length: 6 }, (_, i) => live(hub, `${every}:${round}:${i}`, { abrupt: i % 3 === 2 })));
    const confirmed = await spoken;
    const failed = await plenty();
    assert.ok(failed > 0, 'no allocation failed: this has tested nothing');

    for (const witness of witnesses) { // who is still there has missed nothing that was confirmed
      if (witness.ws.readyState !== witness.ws.OPEN || !await attempt(() => witness.barrier().then(() => true))) continue;
      const got = witness.messages('witness').map((m) => m.data);
      assert.deepEqual(confirmed.filter((n) => !got.includes(n)), [], 'confirmed, but not delivered');
      assert.deepEqual(got, [...new Set(got)].sort((x, y) => x - y), 'in order, none twice');
    }
    for (const client of [...witnesses, speaker]) client.ws.terminate();
    await assertWorks(hub);
    await hub.stop();
  });
}

// A failure after the other, each at the next allocation of a client's life, until one more finds nothing to fail.
async function eachInTurn(hub, after) {
  for (let turn = 1, failed = 1; failed > 0; turn++) {
    assert.ok(turn < 500, 'it never comes to the last one');
    const plenty = await scarce(hub);
    await live(hub, `turn:${turn}`);
    failed = await plenty();
    assert.ok(failed <= 1);
    await after(turn);
  }
}

test('each allocation of one client fails in turn, and nobody else notices', { skip }, async (t) => {
  const hub = await startOom(t, { workers: 1 });
  const bystander = await connect(t, hub);
  await bystander.subscribe('bystander');
  await eachInTurn(hub, async (turn) => {
    await bystander.publish('bystander', turn);
    await bystander.waitMessage('bystander', (data) => data === turn);
  });
  await bystander.close();
  await assertWorks(hub);
  await hub.stop();
});

test('the same where the client is alone, and makes the first entry of every table', { skip }, async (t) => {
  const hub = await startOom(t, { workers: 1 });
  await eachInTurn(hub, () => assertWorks(hub));
  await hub.stop();
});

for (const every of [2, 3, 7, 19]) {
  test(`every ${every}. allocation fails during the drain: it ends all the same`, { skip }, async () => {
    const hub = await startOom(undefined, { every, timeouts: { close: '500ms' }, drain: { delay: '0s', window: '200ms', timeout: '3s' } });
    const clients = await Promise.all(Array.from({ length: 20 }, () => Client.connect(hub)));
    for (const [i, client] of clients.entries()) await client.subscribe(`drain:${i % 7}`);
    await scarce(hub);
    for (const client of clients) client.request('publish', { channel: 'drain:1', data: BIG }).catch(() => {});
    hub.kill('SIGTERM');
    const end = await within(10000, () => `exit of the hub; its log:\n${hub.text.slice(-4000)}`, hub.exit);
    for (const client of clients) await within(5000, 'close', client.closed);
    assertNoSanitizerReport(end.log);
    assert.equal(end.signal, null, end.log.slice(-4000));
    const drained = hub.log.items.find((r) => r.event === 'drained');
    assert.ok(drained, end.log.slice(-4000));
    assert.equal(end.code, drained.lost_bytes === '0' && drained.unsettled === '0' ? 0 : 1, drained.line);
  });
}

// ---- with auth plugins ----

// By every way in, with everything that is asked about.
async function liveAsked(hub, n) {
  const origin = n % 2 ? { origin: hub.url } : {};
  const held = n % 3 === 0;
  const client = new Client(hub.url.replace('http', 'ws') + '/ws', { ...origin, ...(held ? {} : { headers: { Authorization: 'Bearer a' } }) });
  const steps = [
    () => client.opened,
    () => held && client.request('connect', { token: 'a' }),
    () => client.request('subscribe', { channel: 'granted' }),
    () => client.request('subscribe', { channel: 'asked' }),
    () => client.request('publish', { channel: 'asked', data: BIG }),
    () => Promise.all([client.request('publish', { channel: 'asked', data: 1 }), client.request('ping'), client.request('subscribe', { channel: 'no' })]),
    () => client.request('refresh', { token: n % 2 ? 'b' : 'a' }),
    () => client.request('ping'),
    () => client.request('refresh', { token: 'bad' }),
  ];
  for (const step of steps) await attempt(step);
  if (n % 5) client.ws.close();
  else client.ws.terminate();
  await within(10000, `close of ${n}`, client.closed);
}

for (const every of [0, 2, 3, 5, 7, 11, 13, 17, 23, 37, 59, 89, 149]) {
  test(`auth plugins, and ${every ? `every ${every}.` : 'in turn each'} allocation fails`, { skip }, async (t) => {
    const hub = await startAuth(t, ['token a yes user=a grant=sp:granted ask=sp expires=600000', 'token b yes user=a ask=s', 'token - pass',
      'operation * sp asked yes after=1'],
    { ...CONFIG, channels: [{ match: '*', subscribe: 'granted', publish: 'granted' }], options: { command: [OOM], env: { WSHUB_OOM_EVERY: String(every || '') } } });
    for (let turn = 1, failed = 1; every ? turn === 1 : failed > 0 && turn < 400; turn++) {
      const plenty = await scarce(hub);
      if (every) for (let round = 0; round < 3; round++) await Promise.all(Array.from({ length: 6 }, (_, i) => liveAsked(hub, round * 6 + i)));
      else await liveAsked(hub, turn);
      failed = await plenty();
      assert.ok(turn > 1 || failed > 0, 'no allocation failed: this has tested nothing');
    }
    await until(10000, 'every gauge at 0', async () => {
      const metrics = await hub.metrics();
      return [...GAUGES, 'wshub_connections_held', 'wshub_auth_in_flight'].every((name) => metrics.sum(name) === 0);
    });
    const client = await connect(t, hub, { headers: { Authorization: 'Bearer a' } });
    await client.subscribe('asked');
    await client.publish('asked', 'works');
    await client.waitMessage('asked', (data) => data === 'works');
    await hub.stop();
  });
}
