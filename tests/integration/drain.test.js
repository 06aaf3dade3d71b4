// SPDX-License-Identifier: MIT
// P8 drained: what SIGTERM does to clients, to probes, to queued messages, and to the exit code.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, connectMany } from './support/client.js';
import { request, start } from './support/hub.js';
import { OP, Raw, handshake } from './support/raw.js';
import { SCALE, until, within } from './support/wait.js';

const CLIENTS = 200;

// How one attempt to come in ends: an HTTP status, or `refused` when nobody listens.
async function attempt(hub) {
  try {
    const raw = await Raw.connect(hub.port);
    raw.send(handshake({ host: `127.0.0.1:${hub.port}` }));
    const { status } = await raw.head();
    raw.destroy();
    return status;
  } catch { return 'refused'; }
}

async function readiness(hub) {
  try { return (await request(`${hub.url}/readyz`)).status; } catch { return 'refused'; }
}

test('P8: 200 clients are told to leave over the window, get all that was queued, and the hub says so and exits 0', async (t) => {
  const WINDOW = 2000;
  const hub = await start({ drain: { delay: '0s', window: `${WINDOW}ms`, timeout: '20s' } }, { t });
  const publisher = await connect(t, hub);
  const clients = await connectMany(t, hub, CLIENTS);
  await Promise.all(clients.map((c) => c.subscribe('last')));
  for (let n = 0; n < 50; n++) publisher.request('publish', { channel: 'last', data: n }).catch(() => {});
  await publisher.barrier();
  const answered = publisher.frames.items.filter((f) => f.json.op === 'ok').length - 1;

  const started = performance.now();
  hub.kill('SIGTERM');
  const ends = await within(WINDOW + 8000, 'all closes', Promise.all(clients.map((c) => c.closed)));

  const delays = new Set();
  for (const [i, end] of ends.entries()) {
    assert.equal(end.code, 1001, `client ${i}: ${end.code} ${end.reason}`);
    const frames = clients[i].frames.items.map((f) => f.json);
    const closing = frames.filter((m) => m.op === 'closing');
    assert.equal(closing.length, 1, `client ${i} was told once`);
    assert.equal(closing[0].code, 'drain');
    assert.ok(Number.isInteger(closing[0].reconnect_after_ms) && closing[0].reconnect_after_ms >= 0, JSON.stringify(closing[0]));
    assert.equal(frames.at(-1).op, 'closing', 'it is the last word');
    delays.add(closing[0].reconnect_after_ms);
    const got = clients[i].messages('last').map((m) => m.data);
    assert.ok(got.length >= answered, `client ${i} got ${got.length} of ${answered} acknowledged messages`);
    assert.deepEqual(got, got.map((_, n) => n), `client ${i}: in order, no hole`);
  }
  assert.ok(delays.size > CLIENTS / 10, `reconnect_after_ms differs from client to client: ${delays.size} values`);

  const times = ends.map((e) => e.at - started).sort((a, b) => a - b);
  const spread = times.at(-1) - times[0];
  assert.ok(spread >= WINDOW * 0.5, `closes within only ${Math.round(spread)} ms of a window of ${WINDOW}`);
  assert.ok(times.at(-1) <= WINDOW + 3000 * SCALE, `the last close after ${Math.round(times.at(-1))} ms`);
  const tenth = new Map();
  for (const time of times) tenth.set(Math.floor(time / (WINDOW / 10)), (tenth.get(Math.floor(time / (WINDOW / 10))) ?? 0) + 1);
  assert.ok(Math.max(...tenth.values()) <= CLIENTS * 0.35, `closes by tenths of the window: ${JSON.stringify([...tenth])}`);

  const end = await hub.stop();
  assert.equal(end.code, 0);
  const summary = await hub.event('drained', { deadline: 1000 });
  assert.equal(Number(summary.connections), CLIENTS + 1, summary.line);
  for (const field of ['forced', 'lost_bytes', 'unsettled']) assert.equal(Number(summary[field]), 0, summary.line);
});

test('P8: during drain.delay the hub is not ready but serves; then nobody new is let in', async (t) => {
  const hub = await start({ drain: { delay: '1500ms', window: '1500ms', timeout: '20s' } }, { t });
  const [a, b, ...rest] = await connectMany(t, hub, 20);
  await b.subscribe('still');
  assert.equal(await readiness(hub), 200);
  hub.kill('SIGTERM');
  await until(1000, 'readiness red', async () => (await readiness(hub)) === 503);
  assert.equal((await request(`${hub.url}/healthz`)).status, 200, 'the process lives');
  await a.publish('still', 'serving');
  await b.waitMessage('still');
  // From the first client that leaves, until the last has left, nobody comes in.
  await within(6000, 'first close', Promise.race([a, b, ...rest].map((c) => c.closed)));
  let attempts = 0;
  let left = false;
  Promise.all([a, b, ...rest].map((c) => c.closed)).then(() => { left = true; });
  while (!left) {
    const how = await attempt(hub);
    assert.ok(how === 'refused' || how === 503, `a newcomer got ${how}`);
    assert.ok(['refused', 503].includes(await readiness(hub)), 'readiness');
    attempts++;
  }
  assert.ok(attempts > 0);
  assert.equal((await hub.stop()).code, 0);
});

test('P8: a publish in flight at SIGTERM is answered', async (t) => {
  const hub = await start({ drain: { delay: '0s', window: '1s', timeout: '10s' } }, { t });
  const clients = await connectMany(t, hub, 10);
  const answers = clients.flatMap((c) => Array.from({ length: 20 }, (_, n) => c.request('publish', { channel: 'x', data: n })));
  hub.kill('SIGTERM');
  const settled = await Promise.allSettled(answers);
  // What reached the hub before the client's close frame left is answered, well or with a reason.
  const broken = settled.filter((s) => s.status === 'rejected');
  assert.equal(broken.length, 0, broken[0]?.reason?.message);
});

test('P8: a client that never closes cannot hold the hub beyond drain.timeout', async (t) => {
  const hub = await start({ drain: { delay: '0s', window: '200ms', timeout: '1500ms' }, timeouts: { close: '60s', write: '60s' } }, { t });
  const raw = await Raw.upgrade(hub.port);
  await raw.welcome();
  raw.socket.pause();
  t.after(() => raw.destroy());
  const started = performance.now();
  hub.kill('SIGTERM');
  await within(8000, 'exit', hub.exit);
  assert.ok(performance.now() - started < 5000 * SCALE);
  assert.equal((await hub.stop()).code, 0);
});

test('P8: a second SIGTERM hurries', async (t) => {
  const hub = await start({ drain: { delay: '0s', window: '60s', timeout: '120s' } }, { t });
  const clients = await connectMany(t, hub, 50);
  hub.kill('SIGTERM');
  await hub.event('drain begins');
  const started = performance.now();
  hub.kill('SIGTERM');
  const ends = await within(8000, 'all closes', Promise.all(clients.map((c) => c.closed)));
  for (const end of ends) assert.equal(end.code, 1001, 'in a hurry, but with a goodbye');
  await within(5000, 'exit', hub.exit);
  assert.ok(performance.now() - started < 8000 * SCALE);
  assert.equal((await hub.stop()).code, 0);
  await hub.event('drained', { deadline: 1000 });
});

test('P8: a hub without clients leaves at once; SIGINT is as good as SIGTERM', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT']) {
    const hub = await start({ drain: { delay: '0s', window: '30s', timeout: '60s' } }, { t });
    const started = performance.now();
    hub.kill(signal);
    const end = await within(5000, `exit after ${signal}`, hub.exit);
    assert.equal(end.code, 0, signal);
    assert.ok(performance.now() - started < 3000 * SCALE, signal);
  }
});

test('P8: a third signal leaves at once, and the exit code says that it was no good end', async (t) => {
  const hub = await start({ workers: 1, drain: { delay: '0s', window: '60s', timeout: '120s' }, timeouts: { close: '60s', write: '60s' } });
  const clients = []; // neither ever answers a close frame
  for (let n = 0; n < 2; n++) {
    clients.push(await Raw.upgrade(hub.port));
    await clients[n].welcome();
  }
  const told = clients.map(async (raw) => { while ((await raw.frame()).opcode !== OP.CLOSE); });
  hub.kill('SIGTERM');
  await Promise.race(told); // the first goes at once, whichever it is
  hub.kill('SIGTERM');
  await Promise.all(told); // it was hurried
  hub.kill('SIGTERM');
  await within(3000, 'exit', hub.exit);
  await hub.stop({ code: 1 });
  for (const raw of clients) raw.destroy();
});

test('P8: a signal at the moment of readiness drains; a second one when all is done does not spoil the exit code', async (t) => {
  const rounds = async () => {
    for (let round = 0; round < 15; round++) {
      const hub = await start({}, { t });
      hub.kill('SIGTERM');
      await hub.event('drained');
      hub.kill('SIGTERM');
      await hub.stop();
    }
  };
  await Promise.all(Array.from({ length: 4 }, rounds)); // side by side: signals meet threads that do not run
});
