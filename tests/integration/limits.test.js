// SPDX-License-Identifier: MIT
// What the machine gives and takes: descriptors, sockets of every kind, several of them, several threads, signals.
import assert from 'node:assert/strict';
import { existsSync, lstatSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Client, connect, connectMany } from './support/client.js';
import { BIN, run, start, yaml } from './support/hub.js';
import { Raw, handshake } from './support/raw.js';
import { until, within } from './support/wait.js';

// The hub with its limit of open files, soft and hard.
const limited = (soft, hard = soft) => ['prlimit', `--nofile=${soft}:${hard}`, BIN];

const lines = (hub, event) => hub.log.items.filter((r) => r.event === event);

// ---- descriptors ----

test('out of descriptors: accepting pauses, those who are in go on, and it resumes', async (t) => {
  const hub = await start({ workers: 1, timeouts: { handshake: '5m' } }, { t, command: limited(200) });
  const [a, b] = await connectMany(t, hub, 2);
  await b.subscribe('full');
  const raws = [];
  t.after(() => raws.forEach((raw) => raw.destroy()));
  // The kernel's backlog takes those beyond the limit too.
  for (let i = 0; i < 250; i++) raws.push(await Raw.connect(hub.port));
  const paused = await hub.event('accept paused');
  assert.match(paused.reason, /too many open files/i);
  assert.match(paused.advice, /limit of open files.*limits\.connections/);

  const late = new Client(hub.url.replace('http', 'ws') + '/ws');
  t.after(() => late.ws.terminate());
  const since = performance.now();
  for (let n = 0; performance.now() - since < 600; n++) { // meanwhile it tries again a few times
    await a.publish('full', n);
    await b.waitMessage('full', (data) => data === n);
  }
  assert.equal(late.ws.readyState, late.ws.CONNECTING, 'there was no descriptor for this one');
  assert.equal(lines(hub, 'accept paused').length, 1, 'it says so once');
  assert.equal(lines(hub, 'accept resumed').length, 0);

  for (const raw of raws) raw.destroy();
  await hub.event('accept resumed');
  await within(5000, 'the one that waited is let in', late.opened);
  const fresh = await connect(t, hub);
  await fresh.publish('full', 'after');
  await b.waitMessage('full', (data) => data === 'after');
  assert.equal(lines(hub, 'accept paused').length, 1);
  assert.equal(lines(hub, 'accept resumed').length, 1);
});

test('the limit of open files limits the connections: the log says so, and beyond it there is a 503', async (t) => {
  const hub = await start({}, { t, command: limited(200) });
  const said = await hub.event('connections limited by the limit of open files');
  assert.equal(said.open_files, '200');
  const room = Number(said.connections);
  assert.ok(room > 50 && room < 200, said.line);
  assert.equal((await hub.metrics()).sum('wshub_connection_limit'), room);
  const clients = await connectMany(t, hub, room);
  const raw = await Raw.connect(hub.port);
  raw.send(handshake({ host: `127.0.0.1:${hub.port}` }));
  const answer = await raw.answer();
  raw.destroy();
  assert.equal(answer.status, 503);
  assert.equal(answer.json.error.code, 'limit');
  assert.match(answer.headers['retry-after'], /^\d+$/);
  assert.equal((await hub.get('/healthz')).status, 200, 'there is room for health and metrics');
  assert.equal((await hub.metrics()).sum('wshub_connections'), room);
  assert.equal(lines(hub, 'accept paused').length, 0);
  await clients[0].close();
  await until(5000, 'a free place', async () => connect(t, hub).catch(() => false));
});

test('the soft limit of open files is raised to the hard one', async (t) => {
  const hub = await start({}, { t, command: limited(100, 300) });
  assert.equal((await hub.event('connections limited by the limit of open files')).open_files, '300');
});

// ---- UNIX sockets ----

function socketPath(t) {
  const directory = mkdtempSync(join(tmpdir(), 'wshub-socket-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 's');
}

const over = (path) => ({ url: `ws+unix:${path}:` }); // what Client takes for a hub

function healthz(path) {
  return within(5000, `healthz of ${path}`, new Promise((resolve, reject) => {
    http.get({ socketPath: path, path: '/healthz', agent: false }, (res) => { res.resume(); res.on('end', () => resolve(res.statusCode)); })
      .on('error', reject);
  }));
}

const isRefused = (path) => new Promise((resolve) => {
  const socket = net.connect(path, () => { socket.destroy(); resolve(false); });
  socket.on('error', () => resolve(true));
});

test('a UNIX socket: HTTP and WebSocket over it, for all workers, and the file is gone with the hub', async (t) => {
  const path = socketPath(t);
  const hub = await start({ listen: `unix:${path}`, workers: 2 }, { t });
  assert.equal(hub.address, `unix:${path}`);
  assert.ok(lstatSync(path).isSocket());
  assert.equal(await healthz(path), 200);
  const clients = await connectMany(t, over(path), 8);
  for (const client of clients) await client.subscribe('unix');
  await clients[0].publish('unix', 'hello');
  for (const client of clients) await client.waitMessage('unix', (data) => data === 'hello');
  await hub.stop();
  assert.ok(!existsSync(path), 'the file is left behind');
});

test('a UNIX socket: a file left from a crash is replaced, a live one and a file of another kind are not', async (t) => {
  const path = socketPath(t);
  const crashed = await start({ listen: `unix:${path}` });
  crashed.kill('SIGKILL');
  await crashed.exit;
  assert.ok(lstatSync(path).isSocket());
  const hub = await start({ listen: `unix:${path}` }, { t });
  assert.equal(await healthz(path), 200);
  const config = join(hub.directory, 'second.yaml');
  for (const [where, text] of [[path, yaml({ listen: `unix:${path}` })], [config, yaml({ listen: `unix:${config}` })]]) {
    writeFileSync(config, text);
    const end = await run(['serve', '-c', config]);
    assert.equal(end.code, 1, end.stderr);
    assert.ok(end.stderr.includes(`cannot listen on unix:${where}`), end.stderr);
    assert.match(end.stderr, /in use/);
    assert.ok(existsSync(where));
  }
  assert.equal(await healthz(path), 200);
});

// With clients over TCP nothing holds the old file's inode, and the new file may get the same number.
for (const through of ['UNIX', 'TCP']) {
  test(`a UNIX socket: a successor that starts during the drain of ${through} clients keeps its own file`, async (t) => {
    const path = socketPath(t);
    const drain = { delay: '0s', window: '20s', timeout: '40s' };
    const old = await start({ listen: ['127.0.0.1:0', `unix:${path}`], drain }, { t });
    const clients = await connectMany(t, through === 'TCP' ? old : over(path), 3);
    old.kill('SIGTERM');
    await old.event('drain begins');
    await until(5000, 'the old one has stopped listening', () => isRefused(path));
    const successor = await start({ listen: `unix:${path}`, drain }, { t });
    assert.equal(await healthz(path), 200);
    assert.ok(clients.some((client) => client.ws.readyState === client.ws.OPEN), 'the drain is not over');
    old.kill('SIGTERM'); // hurry
    await old.stop();
    assert.ok(existsSync(path), 'the old one took the file of the new one along');
    assert.equal(await healthz(path), 200);
    await successor.stop();
    assert.ok(!existsSync(path));
  });
}

test('a UNIX socket: a hub that cannot start leaves no file', async (t) => {
  const path = socketPath(t);
  const hub = await start({}, { t });
  const config = join(hub.directory, 'second.yaml');
  writeFileSync(config, yaml({ listen: [`unix:${path}`, hub.address] }));
  assert.equal((await run(['serve', '-c', config])).code, 1);
  assert.ok(!existsSync(path));
});

// ---- listeners and workers ----

test('several listeners at once, TCP and UNIX: clients of all of them are in one hub', async (t) => {
  const path = socketPath(t);
  const hub = await start({ listen: ['127.0.0.1:0', '127.0.0.2:0', `unix:${path}`], workers: 2 }, { t });
  await hub.event('listening', { where: { address: `unix:${path}` } });
  const urls = [...lines(hub, 'listening').filter((r) => r.url).map((r) => ({ url: r.url.replace(/\/$/, '') })), over(path)];
  assert.equal(urls.length, 3);
  const clients = await Promise.all(urls.map((one) => connect(t, one)));
  for (const client of clients) await client.subscribe('everywhere');
  for (const [i, client] of clients.entries()) {
    await client.publish('everywhere', i);
    for (const other of clients) await other.waitMessage('everywhere', (data) => data === i);
  }
});

test('workers: 3 have their share of the connections each, and a message reaches all of them', async (t) => {
  const hub = await start({ workers: 3 }, { t });
  assert.equal((await hub.event('listening')).workers, '3');
  const clients = await connectMany(t, hub, 90);
  await Promise.all(clients.map((client) => client.subscribe('spread')));
  const share = async (name) => {
    const metrics = await hub.metrics();
    return [0, 1, 2].map((worker) => metrics.sum(name, { worker }));
  };
  const connections = await share('wshub_connections');
  assert.equal(connections.reduce((sum, n) => sum + n), 90);
  assert.ok(Math.min(...connections) > 0, `connections per worker: ${connections}`);
  assert.deepEqual(await share('wshub_subscriptions'), connections);
  assert.deepEqual(await share('wshub_worker_channels'), [1, 1, 1]);
  await clients[0].publish('spread', 'to all');
  await Promise.all(clients.map((client) => client.waitMessage('spread', (data) => data === 'to all')));
  assert.deepEqual(await share('wshub_messages_sent_total'), connections);
  assert.equal((await hub.metrics()).sum('wshub_channels'), 1, 'one subscription at the broker for all of them');
});

// ---- signals ----

test('SIGHUP neither kills nor drains: a line in the log, and everything goes on', async (t) => {
  const hub = await start({}, { t });
  const client = await connect(t, hub);
  for (let times = 0; times < 3; times++) {
    const from = hub.log.items.length;
    hub.child.kill('SIGHUP');
    await hub.log.next((r) => /SIGHUP/.test(r.event), { from, what: 'a line about SIGHUP' });
  }
  await client.barrier();
  assert.equal((await hub.get('/readyz')).status, 200);
  assert.equal(lines(hub, 'drain begins').length, 0);
  await (await connect(t, hub)).barrier();
});

// ---- an address that takes and says nothing ----

test('connections_per_address: sockets that never say anything count too, and others still get in', async (t) => {
  const hub = await start({ limits: { connections_per_address: 2 }, timeouts: { handshake: '5m' } }, { t });
  const SHARE = 2 + 16; // and 16 for those that are refused in words, and for health checks
  const silent = [];
  t.after(() => silent.forEach((socket) => socket.destroy()));
  for (let i = 0; i < SHARE; i++) silent.push(await Raw.connect(hub.port));
  await until(5000, 'all are accepted', async () => (await acceptedFrom(hub, '127.0.0.2')) >= SHARE);
  const beyond = await Raw.connect(hub.port);
  await until(5000, 'one beyond the share is closed at once', () => beyond.ended);
  beyond.destroy();
  silent.pop().destroy();
  await until(5000, 'a place that became free is given again', async () => {
    const raw = await Raw.connect(hub.port);
    raw.send('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    const answered = await raw.head().then((head) => head.status === 200, () => false);
    raw.destroy();
    return answered;
  });
});

// Sockets that the hub has taken, asked from another address of this machine, which has a share of its own.
async function acceptedFrom(hub, localAddress) {
  const body = await new Promise((resolve, reject) => {
    http.get({ host: '127.0.0.1', port: hub.port, path: '/metrics', localAddress, agent: false }, (res) => {
      let all = '';
      res.on('data', (d) => { all += d; });
      res.on('end', () => resolve(all));
    }).on('error', reject);
  });
  return [...body.matchAll(/^wshub_accepted_connections_total\{.*\} (\d+)$/gm)].reduce((sum, m) => sum + Number(m[1]), 0);
}

// A free port below those that the kernel takes for outgoing connections: dialling one of these while nobody listens
// may connect a socket to itself.
async function portNobodyDials() {
  for (let port = 20000 + Math.floor(Math.random() * 5000); ; port++) {
    const free = await new Promise((resolve) => {
      const probe = net.createServer();
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
    });
    if (free) return port;
  }
}

test('a start that fails ends with exit code 1, whoever is connecting meanwhile', async (t) => {
  const free = await portNobodyDials();
  const folder = mkdtempSync(join(tmpdir(), 'wshub-start-'));
  const file = join(folder, 'wshub.yaml');
  writeFileSync(file, `listen: [127.0.0.1:${free}, unix:${folder}/missing/s.sock]\n`);
  const clients = [];
  let trying = true;
  const herd = (async () => {
    while (trying) {
      const socket = net.connect(free, '127.0.0.1');
      socket.on('error', () => {});
      await new Promise((resolve) => socket.once('close', resolve).once('connect', resolve));
      clients.push(socket); // and waits, as a client does, for whoever accepts it
    }
  })();
  try {
    for (let i = 0; i < 20; i++) {
      const { code, stderr } = await run(['serve', '-c', file], { deadline: 5000 });
      assert.equal(code, 1, stderr);
      assert.match(stderr, /cannot listen on unix:/);
    }
  } finally {
    trying = false;
    await herd;
    for (const socket of clients) socket.destroy();
    rmSync(folder, { recursive: true });
  }
});
