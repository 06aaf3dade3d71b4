// SPDX-License-Identifier: MIT
// P8 by the server API and by `wshub drain`: ordered, watched, taken back, and when it is too late for that.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import readline from 'node:readline';
import { test } from 'node:test';
import { PLUGINS, Table } from './support/auth.js';
import { connect, connectMany } from './support/client.js';
import { BIN, request, run, start } from './support/hub.js';
import { pause } from './support/pause.js';
import { Raw, handshake } from './support/raw.js';
import { startRedis } from './support/redis.js';
import { startHub } from './support/redis_hub.js';
import { Inbox, until, within } from './support/wait.js';

const KEY = '0123456789abcdef-key';
const API = { api: { keys: [KEY] } };
const LONG = { delay: '0s', window: '60s', timeout: '120s' };

const api = (hub, method, { key = KEY, ...options } = {}) =>
  request(`${hub.url}/api/drain`, { method, headers: key ? { authorization: `Bearer ${key}` } : {}, ...options });

async function readiness(hub) { return (await request(`${hub.url}/readyz`)).json.status; }

const phaseIs = (hub, phase) => until(5000, `phase ${phase}`, async () => (await api(hub, 'GET')).json.phase === phase);

// One whose delay nobody waits for.
async function startPatient(t, config = {}) {
  const hub = await start({ ...API, drain: { ...LONG, delay: '50s' }, ...config });
  t.after(async () => {
    hub.kill('SIGTERM');
    await hub.event('drain begins', { where: { by: 'signal' } });
    hub.kill('SIGTERM');
    await hub.stop();
  });
  return hub;
}

// The program while it runs: its lines on standard output, and its end.
function watch(args) {
  const child = spawn(BIN, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const lines = new Inbox(`wshub ${args.join(' ')}`);
  let stderr = '';
  readline.createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  child.stderr.setEncoding('utf8').on('data', (part) => { stderr += part; });
  const end = new Promise((resolve) => child.on('close', (code) => resolve({ code, stderr })));
  return { lines, end };
}

test('who has no key orders nothing', async (t) => {
  const hub = await start({ ...API }, { t });
  for (const method of ['GET', 'POST', 'DELETE']) {
    assert.equal((await api(hub, method, { key: null })).status, 401, method);
    assert.equal((await api(hub, method, { key: 'x'.repeat(20) })).status, 401, method);
  }
  const put = await api(hub, 'PUT');
  assert.equal(put.status, 405);
  assert.equal(put.headers.allow, 'GET, HEAD, POST, DELETE');
  assert.equal((await api(hub, 'POST', { body: '{"window":"1s"}' })).status, 400, 'it takes no orders on how');
  assert.equal(await readiness(hub), 'ready');
  const without = await start({}, { t });
  assert.equal((await api(without, 'POST')).status, 404);
});

test('P8: POST drains as SIGTERM does: red, watched, a line each second, and exit code 0', async (t) => {
  const hub = await start({ ...API, drain: { delay: '0s', window: '2500ms', timeout: '20s' } }, { t });
  const clients = await connectMany(t, hub, 20);
  const serving = await api(hub, 'GET');
  assert.equal(serving.status, 200);
  assert.deepEqual({ status: serving.json.status, connections: serving.json.connections }, { status: 'serving', connections: 20 });
  const ordered = await api(hub, 'POST');
  assert.equal(ordered.status, 202);
  const { status, phase, connections, closed, forced, unsettled, remaining_ms } = ordered.json;
  assert.deepEqual({ status, phase, connections, closed, forced, unsettled }, { status: 'draining', phase: 'delay', connections: 20, closed: 0, forced: 0, unsettled: 0 });
  assert.ok(remaining_ms > 0 && remaining_ms <= 20000);
  assert.equal((await api(hub, 'POST')).status, 202, 'twice is once');
  await phaseIs(hub, 'connections');
  assert.equal(await readiness(hub), 'draining');
  const raw = await Raw.connect(hub.port);
  raw.send(handshake({ host: `127.0.0.1:${hub.port}` }));
  assert.equal((await raw.head()).status, 503, 'nobody new');
  raw.destroy();
  for (const end of await within(10000, 'all closes', Promise.all(clients.map((c) => c.closed)))) assert.equal(end.code, 1001);
  hub.signalled = true; // it ends by itself
  const end = await hub.stop();
  assert.equal(end.code, 0);
  const progress = hub.log.items.filter((r) => r.event === 'draining');
  assert.ok(progress.length >= 2, `${progress.length} lines of progress`);
  for (const line of progress) for (const field of ['connections', 'closed', 'unsettled', 'seconds_left']) assert.match(line[field], /^\d+$/, line.line);
  assert.ok(progress.some((r) => Number(r.connections) + Number(r.closed) === 20 && Number(r.closed) > 0), progress.map((r) => r.line).join('\n'));
  const begins = await hub.event('drain begins');
  assert.equal(begins.by, 'api');
  const drained = await hub.event('drained');
  assert.equal(drained.connections, '20');
});

test('P8: taken back in the delay, all is as before', async (t) => {
  const hub = await start({ ...API, drain: { ...LONG, delay: '50s' } }, { t });
  const [a, b] = await connectMany(t, hub, 2);
  await b.subscribe('room');
  assert.equal((await api(hub, 'DELETE')).status, 409, 'there is nothing to take back');
  for (const round of [1, 2]) {
    assert.equal((await api(hub, 'POST')).status, 202);
    assert.equal(await readiness(hub), 'draining');
    await connect(t, hub); // still served
    assert.equal((await api(hub, 'DELETE')).json.status, 'serving');
    assert.equal(await readiness(hub), 'ready');
    await a.publish('room', round);
    await b.waitMessage('room', (data) => data === round);
  }
  assert.equal((await api(hub, 'DELETE')).status, 409);
  hub.kill('SIGTERM'); // also a signal's can be taken back, and does not count after that
  await hub.event('drain begins', { where: { by: 'signal' } });
  assert.equal((await api(hub, 'DELETE')).status, 200);
  await a.barrier();
  hub.kill('SIGTERM');
  await until(5000, 'draining again', async () => (await readiness(hub)) === 'draining');
  hub.kill('SIGTERM'); // hurries, as the second of this one
  assert.equal((await hub.stop()).code, 0);
});

test('P8: taken back while connections go, the rest stays and newcomers are let in', async (t) => {
  const hub = await start({ ...API, drain: { delay: '0s', window: '8s', timeout: '60s' } }, { t });
  const clients = await connectMany(t, hub, 40);
  await Promise.all(clients.map((c) => c.subscribe('room')));
  const told = (c) => c.frames.items.some((f) => f.json.op === 'closing');
  assert.equal((await api(hub, 'POST')).status, 202);
  await until(10000, 'some are told to go', () => clients.filter(told).length >= 5);
  const answers = await Promise.all([api(hub, 'DELETE'), api(hub, 'DELETE')]);
  assert.ok(answers.some((a) => a.status === 200), 'one takes it back');
  for (const a of answers) assert.ok([200, 409].includes(a.status), `${a.status} ${a.body}`); // the other may come after that
  assert.equal(await readiness(hub), 'ready');
  const newcomer = await connect(t, hub);
  await newcomer.subscribe('room');
  await newcomer.publish('room', 'after');
  const staying = clients.filter((c) => !told(c));
  assert.ok(staying.length >= 20, `${staying.length} of 40 stay`);
  for (const c of [...staying, newcomer]) await c.waitMessage('room');
  for (const c of clients.filter(told)) await c.expectClose(1001);
  assert.equal((await hub.metrics()).sum('wshub_connections'), staying.length + 1);
  hub.kill('SIGTERM');
  await hub.event('drain begins', { where: { by: 'signal' } });
  hub.kill('SIGTERM');
  assert.equal((await hub.stop()).code, 0);
});

test('P8: when the connections have gone it is too late to take it back', async (t) => {
  const redis = await startRedis(t);
  const hub = await startHub(t, redis, { ...API, drain: { delay: '0s', window: '0s', timeout: '30s' }, timeouts: { broker: '3s' } });
  const client = await connect(t, hub);
  await client.subscribe('room');
  pause(redis.child);
  await api(hub, 'POST');
  await client.expectClose(1001);
  await phaseIs(hub, 'channels');
  const refused = await api(hub, 'DELETE');
  assert.equal(refused.status, 409);
  assert.equal(refused.json.error.code, 'too_late');
  redis.child.kill('SIGCONT');
  hub.signalled = true;
  assert.equal((await hub.stop()).code, 0);
});

test('P8: an order of the API that is under way at the end is answered, though the broker never says', async (t) => {
  const redis = await startRedis(t);
  const table = new Table(t, ['token a yes user=ann']);
  const hub = await startHub(t, redis, {
    ...API, plugin_path: [PLUGINS], auth: [{ plugin: 'auth_table', name: 'table', options: { file: table.file } }],
    drain: { delay: '0s', window: '0s', timeout: '1s' }, timeouts: { broker: '20s' },
  });
  pause(redis.child);
  const revoking = request(`${hub.url}/api/revoke`, { method: 'POST', headers: { authorization: `Bearer ${KEY}` }, body: '{"user":"ann"}', deadline: 15000 });
  await until(5000, 'the broker is asked', async () => (await hub.metrics()).sum('wshub_revocations') === 1);
  hub.kill('SIGTERM');
  const answer = await revoking;
  assert.equal(answer.status, 503);
  assert.equal(answer.json.error.code, 'draining', answer.body);
  redis.child.kill('SIGCONT');
  await hub.stop({ code: 1 }); // it was not settled
});

test('P8: told all at once, clients come back over the window; told one by one, within a second', async (t) => {
  const waits = async (hurried) => {
    const hub = await start({ drain: hurried ? LONG : { delay: '0s', window: '500ms', timeout: '20s' } }, { t });
    const clients = await connectMany(t, hub, 100);
    hub.kill('SIGTERM');
    if (hurried) { await hub.event('drain begins'); hub.kill('SIGTERM'); }
    await within(10000, 'all closes', Promise.all(clients.map((c) => c.closed)));
    await hub.stop();
    return clients.map((c) => c.frames.items.map((f) => f.json).find((m) => m.op === 'closing').reconnect_after_ms).sort((a, b) => a - b);
  };
  const calm = await waits(false);
  assert.ok(calm.at(-1) < 1000, `${calm.at(-1)}`);
  const hurried = await waits(true);
  assert.ok(hurried.at(-1) < 60000 && hurried.at(-1) > 30000 && hurried[0] < 30000, `${hurried[0]} to ${hurried.at(-1)}`);
});

test('P8: a client by itself goes at once, whatever the window', async (t) => {
  const hub = await start({ workers: 1, drain: LONG }, { t });
  const client = await connect(t, hub);
  hub.kill('SIGTERM');
  await client.expectClose(1001);
  assert.equal((await hub.stop()).code, 0);
});

test('wshub drain: orders, takes back, and waits until it is gone', async (t) => {
  const hub = await start({ ...API, drain: { delay: '0s', window: '1500ms', timeout: '20s' } }, { t });
  const file = join(hub.directory, 'wshub.yaml'); // says port 0: the port is not in it
  const here = ['drain', '-c', file, '--url', hub.url];
  const nothing = await run([...here, '--cancel']);
  assert.equal(nothing.code, 1);
  assert.match(nothing.stderr, /409: there is no drain to take back/);
  await connectMany(t, hub, 12);
  const waited = run([...here, '--wait'], { deadline: 30000 });
  const end = await waited;
  assert.equal(end.code, 0, end.stderr);
  assert.match(end.stdout, /draining \(connections\): \d+ connections left, \d+ closed, 0 of them cut, \d+ unsettled, \d+ s left/);
  assert.match(end.stdout, /gone\n$/);
  hub.signalled = true;
  assert.equal((await hub.stop()).code, 0);
  const refused = await run(['drain', '--url', hub.url, '--key-env', 'A_KEY'], { env: { A_KEY: KEY } });
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /cannot connect: Connection refused/);
});

test('wshub drain: reads where the instance is, and with which key, from its configuration', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'wshub-drain-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const hub = await startPatient(t, { listen: `unix:${join(directory, 's')}` });
  const file = join(hub.directory, 'wshub.yaml');
  const waiting = watch(['drain', '-c', file, '--wait']);
  for (let n = 1; n <= 2; n++) await waiting.lines.next((line) => line.startsWith('draining (delay): 0 connections left'), { from: n - 1 });
  const back = await run(['drain', '-c', file, '--cancel', '--key-env', 'A_KEY'], { env: { A_KEY: KEY } });
  assert.equal(back.code, 0, back.stderr);
  assert.equal(back.stdout, 'serving 0 connections\n');
  const end = await within(10000, 'end of --wait', waiting.end);
  assert.equal(end.code, 1);
  assert.match(end.stderr, /the drain was cancelled: it serves again/);
});

test('wshub drain: what is wrong is said, with the exit code for it', async (t) => {
  const hub = await start({ ...API }, { t });
  const file = join(hub.directory, 'wshub.yaml');
  const cases = [
    [['--url', hub.url, '--key-env', 'NO_SUCH_VARIABLE'], 2, /NO_SUCH_VARIABLE/],
    [['-c', file, '--url', 'https://example.com'], 2, /no TLS/],
    [['-c', file, '--url', 'example.com'], 2, /expected http:/],
    [['-c', file, '--url', 'http://[::1'], 2, /expected http:/],
    [['-c', join(hub.directory, 'none.yaml')], 2, /none\.yaml/],
    [['-c', file, '--cancel', '--wait'], 2, /--help/],
    [['-c', file, '--url', hub.url, '--key-env', 'OTHER'], 1, /401: this is none of `api.keys`/],
    [['-c', file, '--url', 'unix:/nowhere/at/all'], 1, /cannot connect: No such file/],
  ];
  for (const [args, code, said] of cases) {
    const end = await run(['drain', ...args], { env: { OTHER: 'x'.repeat(20) } });
    assert.equal(end.code, code, `${args.join(' ')}: ${end.stderr}`);
    assert.match(end.stderr, said);
    assert.ok(!end.stderr.includes(KEY), 'no key is shown');
  }
  const keyless = await start({}, { t });
  const end = await run(['drain', '-c', join(keyless.directory, 'wshub.yaml')]);
  assert.equal(end.code, 2);
  assert.match(end.stderr, /found no `api.keys` in the configuration/);
  assert.equal(await readiness(hub), 'ready');
});

test('P8: many orders at once leave one state', async (t) => {
  const hub = await startPatient(t);
  const client = await connect(t, hub);
  for (let round = 0; round < 5; round++) {
    const answers = await Promise.all(Array.from({ length: 30 }, (_, n) => api(hub, ['POST', 'DELETE', 'GET'][n % 3], { deadline: 10000 })));
    for (const a of answers) assert.ok([200, 202, 409].includes(a.status), `${a.status} ${a.body}`);
    assert.equal((await api(hub, 'POST')).json.status, 'draining');
    assert.equal((await api(hub, 'DELETE')).json.status, 'serving');
    assert.equal(await readiness(hub), 'ready');
    await client.barrier();
  }
});
