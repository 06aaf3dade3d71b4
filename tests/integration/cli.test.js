// SPDX-License-Identifier: MIT
// The command line: verbs, options, exit codes (0 done, 1 failed while running, 2 used or configured wrongly).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { BIN, request, run, start, yaml } from './support/hub.js';

const directory = mkdtempSync(join(tmpdir(), 'wshub-cli-'));
after(() => rmSync(directory, { recursive: true, force: true }));

let files = 0;
function file(text) {
  const path = join(directory, `${++files}.yaml`);
  writeFileSync(path, text);
  return path;
}

test('--version names the program and a version on standard output', async () => {
  const end = await run(['--version']);
  assert.equal(end.code, 0);
  assert.match(end.stdout, /^wshub \d+\.\d+\.\d+/);
  assert.equal(end.stderr, '');
});

test('--help names every verb; each verb has a --help of its own', async () => {
  const top = await run(['--help']);
  assert.equal(top.code, 0);
  assert.equal(top.stderr, '');
  for (const verb of ['serve', 'check', 'config', 'plugins', 'drain', 'token', 'plugin-check']) {
    assert.match(top.stdout, new RegExp(`\\b${verb}\\b`));
    const end = await run([verb, '--help']);
    assert.equal(end.code, 0, verb);
    assert.match(end.stdout, new RegExp(`wshub ${verb}`), verb);
    assert.notEqual(end.stdout, top.stdout, `${verb} explains itself`);
    assert.equal(end.stderr, '', verb);
  }
});

test('wrong use exits 2, says what is wrong on standard error, and how to get help', async () => {
  for (const [args, named] of [[['dance'], /dance/], [['serve', '--frobnicate'], /frobnicate/], [['--frobnicate'], /frobnicate/],
    [['check', '--frobnicate'], /frobnicate/], [['serve', '-c'], /argument/], [['serve', 'extra'], /extra|arguments/]]) {
    const end = await run(args);
    assert.equal(end.code, 2, `${args.join(' ')}: ${end.stderr}`);
    assert.equal(end.stdout, '', args.join(' '));
    assert.match(end.stderr, named);
    assert.match(end.stderr, /--help/, args.join(' '));
  }
});

test('a configuration file that is not there exits 2 and is named', async () => {
  for (const verb of ['serve', 'check']) {
    const path = join(directory, 'nowhere.yaml');
    const end = await run([verb, '-c', path]);
    assert.equal(end.code, 2, verb);
    assert.ok(end.stderr.includes(path), end.stderr);
  }
});

test('check: every error is listed with file, line and column, and what was expected', async () => {
  const path = file('listen: 127.0.0.1:99999\nlimits:\n  message: 64 Kib\n  conections: 5\ntimeouts: {ping: fast}\npage: perhaps\n');
  for (const verb of ['check', 'serve']) {
    const end = await run([verb, '-c', path]);
    assert.equal(end.code, 2, verb);
    for (const [line, words] of [[1, /99999/], [3, /64 Kib.*expected/], [4, /connections/], [5, /fast.*expected/], [6, /perhaps.*expected/]]) {
      const found = end.stderr.split('\n').find((l) => l.includes(`.yaml:${line}:`));
      assert.ok(found, `${verb}: no error for line ${line}:\n${end.stderr}`);
      assert.match(found, words);
    }
  }
});

test('drain: a delay and a window that do not fit into the timeout are refused', async () => {
  for (const [text, named] of [
    ['drain:\n  delay: 25s\n  window: 10s\n', /:2:10: drain\.delay: found "25s", expected .*window together.*drain\.timeout/], // 30s
    ['drain:\n  delay: 1s\n  window: 10s\n  timeout: 10s\n', /:2:10: drain\.delay: found "1s", expected .*drain\.timeout/],
    ['drain:\n  window: 31s\n', /:2:11: drain\.window: found "31s", expected .*drain\.timeout/],
    ['drain:\n  timeout: 5s\n', /:2:12: drain\.timeout: found "5s", expected .*drain\.window.*10s/],
  ]) {
    const path = file(text);
    for (const verb of ['check', 'serve']) {
      const end = await run([verb, '-c', path]);
      assert.equal(end.code, 2, `${verb}: ${text}`);
      assert.match(end.stderr, named);
    }
  }
  assert.equal((await run(['check', '-c', file('drain: {delay: 20s, window: 10s, timeout: 30s}\n')])).code, 0, 'just fits');
});

test('brokers: a plugin that is unknown, and options that nobody takes, are refused with line and column', async () => {
  const path = file('brokers:\n  - name: main\n    plugin: kafka\n  - name: other\n    plugin: memory\n    options:\n      topic: x\n');
  for (const verb of ['check', 'serve']) {
    const end = await run([verb, '-c', path]);
    assert.equal(end.code, 2, end.stderr);
    assert.match(end.stderr, /\.yaml:[23]:\d+: brokers\[0\]\.plugin: found "kafka", expected .*memory/); // in that entry
    assert.match(end.stderr, /\.yaml:7:14: brokers\[1\]\.options\.topic: found an unknown option, expected one of last_values, history/);
  }
});

test('check: a good file exits 0, and so does an empty one', async () => {
  for (const text of ['', '# nothing\n', 'listen: 127.0.0.1:0\n', yaml({ limits: { message: '1MiB' }, brokers: [{ name: 'main', plugin: 'memory' }] })]) {
    const end = await run(['check', '-c', file(text)]);
    assert.equal(end.code, 0, `${text}: ${end.stderr}`);
    assert.equal(end.stderr, '');
  }
});

test('config --defaults prints what check accepts, with every section', async () => {
  const defaults = await run(['config', '--defaults']);
  assert.equal(defaults.code, 0);
  for (const key of ['listen', 'workers', 'limits', 'timeouts', 'drain', 'brokers']) assert.match(defaults.stdout, new RegExp(`^${key}:`, 'm'));
  const end = await run(['check', '-c', file(defaults.stdout)]);
  assert.equal(end.code, 0, end.stderr);
});

test('P11: listening beyond loopback without a word about auth is refused, with what to do', async () => {
  for (const listen of ['0.0.0.0:0', '[::]:0', '192.0.2.1:8000', ['127.0.0.1:0', '0.0.0.0:0']]) {
    const path = file(yaml({ listen }));
    for (const verb of ['check', 'serve']) {
      const end = await run([verb, '-c', path]);
      assert.equal(end.code, 2, `${verb} ${listen}: ${end.stderr}`);
      assert.match(end.stderr, /reachable from other machines.*'auth: none'.*127\.0\.0\.1/, `${verb} ${listen}`);
    }
  }
  assert.equal((await run(['check', '-c', file(yaml({ listen: '0.0.0.0:0', auth: 'none' }))])).code, 0);
});

test('serve: a port in use is a clear error, and exit code 1', async (t) => {
  const other = net.createServer();
  await new Promise((resolve) => other.listen(0, '127.0.0.1', resolve));
  t.after(() => other.close());
  const address = `127.0.0.1:${other.address().port}`;
  const end = await run(['serve', '-c', file(yaml({ listen: address }))]);
  assert.equal(end.code, 1, end.stderr);
  assert.ok(end.stderr.includes(address), end.stderr);
  assert.match(end.stderr, /in use|already/i);
  assert.doesNotMatch(end.stderr, /event="?ready/);
});

test('serve: a second hub on the same port is refused, and does not share it in silence', async (t) => {
  const hub = await start({}, { t });
  const end = await run(['serve', '-c', file(yaml({ listen: hub.address }))]);
  assert.equal(end.code, 1, end.stderr);
  assert.ok(end.stderr.includes(`cannot listen on ${hub.address}: bind: Address already in use; ` +
    'another process listens there: stop it, or choose another port in `listen`'), end.stderr);
  assert.doesNotMatch(end.stderr, /event="?(ready|listening)/);
  assert.equal((await hub.get('/healthz')).status, 200);
});

test('serve: several listeners, each with its line', async (t) => {
  const hub = await start({ listen: ['127.0.0.1:0', '127.0.0.1:0'] }, { t });
  const lines = hub.log.items.filter((r) => r.event === 'listening');
  assert.equal(lines.length, 2);
  assert.notEqual(lines[0].address, lines[1].address);
  for (const { url } of lines) assert.equal((await request(`${url}healthz`)).status, 200);
});

test('serve: nothing goes to standard output, and every log line is logfmt with level and event', async (t) => {
  const hub = await start({}, { t });
  const { log } = await hub.stop();
  for (const line of log.trimEnd().split('\n')) {
    assert.match(line, /^(?:[a-z_.]+=(?:"(?:[^"\\]|\\.)*"|[^\s"]*)(?: |$))+$/, line);
    assert.match(line, /\blevel=(debug|info|warn|error)\b/);
    assert.match(line, /\bevent=/);
  }
});

test('serve: JSON logs are one object per line', async (t) => {
  const child = spawn(BIN, ['serve', '-c', file(yaml({ listen: '127.0.0.1:0', log: { format: 'json' } }))], { stdio: ['ignore', 'ignore', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  let text = '';
  const ready = new Promise((resolve) => child.stderr.on('data', (part) => { text += part; if (/"event":"ready"/.test(text)) resolve(); }));
  const ended = new Promise((resolve) => child.on('close', (code) => resolve(code)));
  await Promise.race([ready, ended]);
  child.kill('SIGTERM');
  assert.equal(await ended, 0, text);
  for (const line of text.trimEnd().split('\n')) assert.equal(typeof JSON.parse(line).event, 'string', line);
});
