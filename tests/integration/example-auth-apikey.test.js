// SPDX-License-Identifier: MIT
// examples/auth-apikey: built against the installed SDK, and loaded into a running hub.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Client, connect } from './support/client.js';
import { PROFILE, assertConforms, buildExample } from './support/example.js';
import { ROOT, run, start, yaml } from './support/hub.js';
import { until, within } from './support/wait.js';

let example;
before(async () => { example = await buildExample('auth-apikey', 'apikey'); });
after(() => example?.end());

const newKey = () => randomBytes(24).toString('hex');
const hash = (key) => createHash('sha256').update(key).digest('hex');
const KEYS = { alice: newKey(), bob: newKey(), carol: newKey() };
const line = (user, grants = '') => `${hash(KEYS[user])} ${user} ${grants}\n`;

function keyFile(t, text) {
  const directory = mkdtempSync(join(tmpdir(), 'wshub-keys-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'keys');
  writeFileSync(path, text);
  return { directory, path, write: (now) => writeFileSync(path, now),
    replace: (now) => { writeFileSync(`${path}.new`, now); renameSync(`${path}.new`, path); } };
}

const configured = (file, more = {}) => ({
  auth: [{ plugin: example.plugin, options: { file } }],
  channels: [{ match: '*', subscribe: 'granted', publish: 'granted' }],
  ...more,
});

const bearer = (key) => ({ headers: { authorization: `Bearer ${key}` } });
const header = (key) => ({ headers: { 'x-api-key': key } });

// How a client that is not let in is told.
async function refusal(hub, options) {
  const client = new Client(hub.url.replace(/^http/, 'ws') + '/ws', options);
  const error = await within(5000, 'a refusal', client.opened.then(() => { throw new Error('it was let in'); }, (reason) => reason));
  assert.ok(error.status, error.message);
  return { status: error.status, code: JSON.parse(error.body).error.code };
}

async function isLetIn(hub, options) {
  const client = new Client(hub.url.replace(/^http/, 'ws') + '/ws', options);
  const opened = await client.opened.then(() => true, (error) => { assert.equal(error.status, 401, error.message); return false; });
  client.ws.terminate();
  return opened;
}

function assertNoSecrets(hub) {
  for (const key of Object.values(KEYS)) assert.ok(!hub.text.includes(key) && !hub.text.includes(hash(key)), 'a key, or its hash, in the log');
}

test('it is short enough to be read', () => {
  assert.ok(readFileSync(join(ROOT, 'examples/auth-apikey/plugin.c'), 'utf8').split('\n').length - 1 <= 350);
});

test('a key lets in as its user, wherever it is shown, and does what its line grants', async (t) => {
  const file = keyFile(t, `# who\n\n${line('alice', 'subscribe+publish:room:* subscribe:news:*')}${line('bob', 'subscribe:of:{user}')}`);
  const hub = await start(configured(file.path), { t });
  const alice = await connect(t, hub, header(KEYS.alice));
  assert.equal(alice.welcome.user, 'alice');
  await alice.subscribe('room:1');
  await alice.publish('room:1', 'hi');
  assert.equal((await alice.waitMessage('room:1')).data, 'hi');
  await alice.subscribe('news:1');
  await alice.fails('denied', 'publish', { channel: 'news:1', data: 'no' });
  await alice.fails('denied', 'subscribe', { channel: 'other' });
  const bob = await connect(t, hub, bearer(KEYS.bob));
  assert.equal(bob.welcome.user, 'bob');
  await bob.subscribe('of:bob');
  await bob.fails('denied', 'subscribe', { channel: 'of:alice' });
  assert.equal((await connect(t, hub, { path: `/ws?token=${KEYS.bob}` })).welcome.user, 'bob');
  await hub.stop();
  assertNoSecrets(hub);
});

test('who shows no key, or another, is not let in', async (t) => {
  const file = keyFile(t, line('alice'));
  const hub = await start(configured(file.path, { timeouts: { connect: '0s' } }), { t });
  const unauthenticated = { status: 401, code: 'unauthenticated' };
  for (const options of [{}, header(KEYS.bob), bearer(KEYS.bob), header(''), header(hash(KEYS.alice)), header(KEYS.alice.toUpperCase()),
    header(KEYS.alice.slice(0, -1)), { headers: { 'x-api-key': KEYS.bob, authorization: `Bearer ${KEYS.alice}` } }])
    assert.deepEqual(await refusal(hub, options), unauthenticated, JSON.stringify(options));
  await hub.event('credentials refused', { where: { reason: 'unknown API key' } });
  await hub.stop();
  assertNoSecrets(hub);
});

test('the file as it changes: written, replaced, gone, behind a symbolic link', async (t) => {
  const file = keyFile(t, line('alice'));
  const hub = await start(configured(file.path), { t });
  const becomes = (user, expected) => until(10000, `${user} ${expected ? 'is let in' : 'is not'}`, async () => (await isLetIn(hub, header(KEYS[user]))) === expected);
  const stays = await connect(t, hub, header(KEYS.alice));
  file.write(line('alice') + line('bob'));
  await becomes('bob', true);
  file.replace(line('carol'));
  await becomes('carol', true);
  assert.equal(await isLetIn(hub, header(KEYS.bob)), false);
  assert.equal(await isLetIn(hub, header(KEYS.alice)), false);
  unlinkSync(file.path);
  await hub.event(`${file.path}: No such file or directory; the keys of before stay`);
  assert.equal(await isLetIn(hub, header(KEYS.carol)), true);
  // As Kubernetes changes a mounted map: the link to the folder is replaced, the file's own name never.
  for (const [name, user] of [['one', 'alice'], ['two', 'bob']]) writeFileSync(join(file.directory, name), line(user));
  symlinkSync('one', join(file.directory, 'now'));
  symlinkSync('now', file.path);
  await becomes('alice', true);
  symlinkSync('two', join(file.directory, 'next'));
  renameSync(join(file.directory, 'next'), join(file.directory, 'now'));
  await becomes('bob', true);
  assert.equal(await isLetIn(hub, header(KEYS.alice)), false);
  await stays.barrier(); // who is in, is in: `revoke` ends that
});

test('a file with an error changes nothing, and the log names the line', async (t) => {
  const file = keyFile(t, line('alice'));
  const hub = await start(configured(file.path), { t });
  const wrongs = [
    ['line 2: expected the SHA-256 of a key first, 64 hex digits in lower case', `${line('bob')}${KEYS.carol} carol\n`],
    ['line 1: expected a user behind the hash, at most 255 printable characters of ASCII', `${hash(KEYS.bob)}\n`],
    ['line 3: expected verbs out of subscribe, publish, presence, history and send', `\n${line('bob')}${line('carol', 'listen:room:*')}`],
    ['line 1: expected verbs:pattern for each grant, as in subscribe+publish:room:*', line('bob', 'publish')],
    ['line 1: expected a verb before the colon', line('bob', '+:room:*')],
    ['line 4097: expected at most 4096 keys', Array.from({ length: 4097 }, (_, i) => `${hash(String(i))} u${i}\n`).join('')],
    ['line 1: expected at most 1024 grants for a key, and 16384 in all', line('bob', 'send:x '.repeat(1025))],
    ['expected at most 1 MiB, without NUL bytes', `${line('bob')}\0${line('carol')}`],
    ['expected at most 1 MiB, without NUL bytes', '#'.repeat(1024 * 1024 + 1)],
  ];
  for (const [why, text] of wrongs) {
    file.replace(text);
    hub.child.kill('SIGHUP');
    await hub.event(`${file.path}: ${why}; the keys of before stay`, { deadline: 10000 });
    assert.equal(await isLetIn(hub, header(KEYS.alice)), true, why);
    assert.equal(await isLetIn(hub, header(KEYS.bob)), false, why);
  }
  file.replace(line('bob'));
  await until(10000, 'the mended file is taken', () => isLetIn(hub, header(KEYS.bob)));
  await hub.stop();
  assertNoSecrets(hub);
});

test('SIGHUP takes it at once', async (t) => {
  const file = keyFile(t, line('alice'));
  const hub = await start(configured(file.path), { t });
  file.write(line('alice') + line('bob') + line('carol'));
  hub.child.kill('SIGHUP');
  await hub.event(`${file.path}: 3 keys`);
  assert.equal(await isLetIn(hub, header(KEYS.bob)), true);
});

test('wshub check reads the file too, and serve does not start without', async (t) => {
  const file = keyFile(t, `${line('alice')}nonsense\n`);
  const config = join(file.directory, 'wshub.yaml');
  writeFileSync(config, yaml(configured(file.path)));
  for (const verb of ['check', 'serve']) {
    const end = await run([verb, '-c', config]);
    assert.equal(end.code, 2, end.stderr);
    assert.match(end.stderr, /auth\[0\]\.options\.file: found ".*keys", expected a file of API keys, which this is not: line 2: expected the SHA-256/);
  }
});

const inRelease = { skip: PROFILE !== 'release' && 'the kit measures time' };

test('the conformance kit, with the file as it changes', inRelease, async (t) => {
  const file = keyFile(t, line('alice', 'subscribe:room:*'));
  for (const [name, text] of [['good', line('alice', 'subscribe:room:*')], ['other', line('bob')], ['spoiled', 'nonsense\n']])
    writeFileSync(join(file.directory, name), text);
  const put = (name) => `cd ${file.directory} && cp ${name} new && mv new keys`;
  await assertConforms(example, {
    options: { file: file.path },
    requests: [
      { token: KEYS.alice, expect: 'yes', user: 'alice', changed: 'pass' },
      { token: KEYS.bob, expect: 'pass', changed: 'yes' },
      { headers: { 'x-api-key': KEYS.alice }, expect: 'yes', user: 'alice', changed: 'no' },
      { headers: { 'x-api-key': 'nonsense' }, expect: 'no' },
      { expect: 'pass' },
    ],
    reload: { change: put('other'), spoil: put('spoiled'), restore: put('good') },
  });
});
