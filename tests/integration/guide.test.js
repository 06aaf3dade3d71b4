// SPDX-License-Identifier: MIT
// The plugin that docs/writing-a-plugin.md begins with: as long as the page says, built by the page's own command against
// the installed SDK, checked and loaded with the page's own configurations. tests/sdk has the rest of the page.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { Client, connect } from './support/client.js';
import { installSdk, profileFlags, tool } from './support/example.js';
import { ROOT, run, start } from './support/hub.js';
import { within } from './support/wait.js';

const GUIDE = readFileSync(join(ROOT, 'docs/writing-a-plugin.md'), 'utf8');
const block = (language, n) => [...GUIDE.matchAll(new RegExp('^```' + language + '\\n([^]*?)^```$', 'gm'))][n][1];
const PROGRAM = block('c', 0);
const CONFIGURATION = block('yaml', 0);
const COMMAND = /^ {4}(cc .*)$/m.exec(GUIDE)[1];
const CHECK = /^```yaml\n(requests:[^]*?)^```$/m.exec(GUIDE)[1];
const TOKEN = 'sesame-23-open';

const folder = mkdtempSync(join(tmpdir(), 'wshub-guide-'));
after(() => rmSync(folder, { recursive: true, force: true }));

before(async () => {
  const pc = await installSdk(join(folder, 'sdk'));
  writeFileSync(join(folder, 'one-token.c'), PROGRAM);
  writeFileSync(join(folder, 'check.yaml'), CHECK);
  const command = COMMAND.replace('-O2', `-O2 -Wall -Wextra -Wshadow -Werror -pedantic ${profileFlags()}`);
  await tool('sh', ['-euc', command], { cwd: folder, env: { ...process.env, PKG_CONFIG_PATH: dirname(pc) } });
});

// The page's, and a drain that keeps no test waiting.
const startHub = (t) => start(CONFIGURATION.replace('127.0.0.1:8000', '127.0.0.1:0').replace('./one-token.so', join(folder, 'one-token.so')) +
  'drain: {window: 0s}\n', { t });

test('it is a whole plugin in 25 lines', () => {
  assert.equal(PROGRAM.trimEnd().split('\n').length, 25);
});

test('it keeps the contract, with the configuration that the page gives', async () => {
  const end = await run(['plugin-check', join(folder, 'one-token.so'), '--config', join(folder, 'check.yaml')], { deadline: 60000 });
  assert.equal(end.code, 0, end.stdout + end.stderr);
  for (const name of ['auth-decides', 'auth-keeps-nothing-lent', 'auth-hostile', 'auth-nearly-right'])
    assert.match(end.stdout, new RegExp(`auth +${name} +(pass|warning)`));
});

test('a running hub lets in who shows its token, and nobody else', async (t) => {
  const hub = await startHub(t);
  const query = await connect(t, hub, { path: `/ws?token=${TOKEN}` });
  const header = await connect(t, hub, { headers: { authorization: `Bearer ${TOKEN}` } });
  assert.equal(query.welcome.user, 'alice');
  assert.equal(header.welcome.user, 'alice');
  await query.subscribe('room');
  await header.publish('room', 'hi');
  assert.equal((await query.waitMessage('room')).data, 'hi');
  for (const token of ['sesame-23-opem', TOKEN.slice(0, -1), `${TOKEN}.`]) {
    const other = new Client(`${hub.url.replace(/^http/, 'ws')}/ws?token=${token}`);
    const error = await within(5000, 'a refusal', other.opened.then(() => { throw new Error(`${token} was let in`); }, (reason) => reason));
    assert.equal(error.status, 401, error.message);
  }
  assert.ok(!hub.text.includes(TOKEN), 'the token is in the log');
});

test('a client may show its token in its first message', async (t) => {
  const hub = await startHub(t);
  const client = new Client(`${hub.url.replace(/^http/, 'ws')}/ws`);
  t.after(() => client.ws.terminate());
  await within(5000, 'open', client.opened);
  client.sendText(JSON.stringify({ op: 'connect', id: 1, token: TOKEN }));
  const welcome = await client.waitFrame((m) => m.op === 'welcome', { what: 'welcome' });
  assert.equal(welcome.json.user, 'alice');
});
