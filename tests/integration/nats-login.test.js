// SPDX-License-Identifier: MIT
// Ways to log in to a NATS, and to be refused: user, token, nkey, credentials of an operator, TLS.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Authority } from './support/certificates.js';
import { connectMany } from './support/client.js';
import { run, yaml } from './support/hub.js';
import { startNats } from './support/nats.js';
import { startHub } from './support/nats_hub.js';
import { credentials, jwt, nkey } from './support/nats_keys.js';

const SECRET = 'p@ss:w/rd%é';

async function assertWorks(t, nats, options) {
  const hub = await startHub(t, nats, { options });
  const [a, b] = await connectMany(t, hub, 2);
  await b.subscribe('works');
  await a.publish('works', 1);
  await b.waitMessage('works');
  assert.ok(!hub.text.includes(SECRET), 'no secret in the log');
}

// The hub stays up and tries again; what it says fits.
async function assertRefused(t, nats, options, reason) {
  const hub = await startHub(t, nats, { options }, { ready: false });
  const { reason: said } = await hub.event('broker down');
  assert.match(said, reason);
  assert.ok(!hub.text.includes(SECRET), 'no secret in the log');
  return hub;
}

test('user and password: as options and in the url; a wrong one is refused and tried again', async (t) => {
  const nats = await startNats(t, { config: { authorization: { user: 'hub', password: SECRET } }, login: { user: 'hub', pass: SECRET } });
  const inUrl = `nats://hub:${encodeURIComponent(SECRET)}@127.0.0.1:${nats.port}`;
  await assertWorks(t, nats, { user: 'hub', password: SECRET });
  await assertWorks(t, nats, { url: inUrl });
  const hub = await assertRefused(t, nats, { user: 'hub', password: `not ${SECRET}` }, /Authorization Violation/);
  const before = hub.log.items.length;
  await nats.restart({ authorization: { user: 'hub', password: `not ${SECRET}` } });
  await hub.event('broker up', { deadline: 10000 });
  assert.ok(hub.log.items.length - before < 10);
});

test('token: as an option and in the url', async (t) => {
  const nats = await startNats(t, { config: { authorization: { token: SECRET } }, login: { auth_token: SECRET } });
  await assertWorks(t, nats, { token: SECRET });
  await assertWorks(t, nats, { url: `nats://${encodeURIComponent(SECRET)}@127.0.0.1:${nats.port}` });
  await assertRefused(t, nats, {}, /Authorization Violation/);
});

test('nkey: a public key in the configuration, its seed in a file', async (t) => {
  const key = nkey('user');
  const nats = await startNats(t, { config: { authorization: { users: [{ nkey: key.public }] } } });
  const file = join(nats.directory, 'user.nk');
  writeFileSync(file, `${key.seed}\n`);
  await assertWorks(t, nats, { nkey: key.public, nkey_seed: file });
  const other = nkey('user');
  writeFileSync(join(nats.directory, 'other.nk'), other.seed);
  await assertRefused(t, nats, { nkey: other.public, nkey_seed: join(nats.directory, 'other.nk') }, /Authorization Violation/);
  await assertRefused(t, nats, { nkey: key.public, nkey_seed: '/nowhere' }, /\/nowhere/);
});

test('credentials: a JWT of an account, signed by an operator', async (t) => {
  const [operator, account, system, user] = ['operator', 'account', 'account', 'user'].map(nkey);
  const accountToken = (key, name) => jwt(operator, key, name, { type: 'account',
    limits: { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 } });
  const nats = await startNats(t, { config: {
    operator: jwt(operator, operator, 'O', { type: 'operator', system_account: system.public }),
    system_account: system.public,
    resolver: 'MEMORY',
    resolver_preload: { [account.public]: accountToken(account, 'A'), [system.public]: accountToken(system, 'SYS') },
  } });
  const file = join(nats.directory, 'user.creds');
  const userToken = (more) => jwt(account, user, 'U', { type: 'user', subs: -1, data: -1, payload: -1 }, more);
  writeFileSync(file, credentials(userToken(), user));
  await assertWorks(t, nats, { credentials: file });
  writeFileSync(join(nats.directory, 'old.creds'), credentials(userToken({ exp: Math.floor(Date.now() / 1000) - 10 }), user));
  await assertRefused(t, nats, { credentials: join(nats.directory, 'old.creds') }, /Authori[sz]ation Violation|Expired/i);
});

test('TLS: the server must prove to be whom the url names, to an authority that is trusted', async (t) => {
  const authority = new Authority(t);
  const server = authority.issue('server', 'DNS:localhost,DNS:nats.example');
  const nats = await startNats(t, { config: { tls: { cert_file: server.cert, key_file: server.key } } });
  const url = `tls://localhost:${nats.port}`;
  await assertWorks(t, nats, { url, tls_ca: authority.file });
  await assertWorks(t, nats, { url: `tls://127.0.0.1:${nats.port}`, tls_ca: authority.file, tls_name: 'nats.example' });
  await assertWorks(t, nats, { url, tls_verify: false });
  await assertRefused(t, nats, { url }, /certificate|hostname|address mismatch/i);
  await assertRefused(t, nats, { url, tls_ca: new Authority(t).file }, /certificate|hostname|address mismatch/i);
  await assertRefused(t, nats, { url, tls_ca: authority.file, tls_name: 'other.example' }, /certificate|hostname|address mismatch/i);
  await assertRefused(t, nats, { url: `tls://127.0.0.1:${nats.port}`, tls_ca: authority.file }, /certificate|hostname|address mismatch/i);
  await assertRefused(t, nats, { url: `nats://localhost:${nats.port}` }, /certificate/i);
});

test('TLS: a client certificate, where the server asks for one', async (t) => {
  const authority = new Authority(t);
  const server = authority.issue('server', 'DNS:localhost');
  const client = authority.issue('hub', 'DNS:hub');
  const nats = await startNats(t, { config: { tls: { cert_file: server.cert, key_file: server.key, ca_file: authority.file, verify: true } } });
  const tls = { url: `tls://localhost:${nats.port}`, tls_ca: authority.file };
  await assertWorks(t, nats, { ...tls, tls_cert: client.cert, tls_key: client.key });
  await assertRefused(t, nats, tls, /certificate|closed/i);
});

test('options that contradict each other are refused by name, with nothing connected', async (t) => {
  const nats = await startNats(t);
  const refused = [
    [{ url: 'http://localhost' }, 'url'],
    [{ url: 'nats://a:b@h', user: 'x', password: 'y' }, 'user'],
    [{ user: 'x' }, 'user'],
    [{ token: 'x', credentials: '/f' }, 'credentials'],
    [{ nkey: nkey('user').public }, 'nkey'],
    [{ nkey: 'SUABC', nkey_seed: '/f' }, 'nkey'],
    [{ tls_ca: '/f' }, 'tls_ca'],
    [{ url: 'tls://h', tls_cert: '/f' }, 'tls_cert'],
    [{ url: 'tls://h', tls_ca: '/f', tls_verify: false }, 'tls_verify'],
    [{ prefix: 'a.b' }, 'prefix'],
    [{ prefix: '' }, 'prefix'],
    [{ prefix: 'wshub_history' }, 'prefix'],
    [{ inbox_prefix: 'wshub.inbox' }, 'inbox_prefix'],
    [{ user: 'x', password: 'a"b' }, 'password'],
    [{ user: 'x\\', password: 'b' }, 'user'],
    [{ token: 'a"b' }, 'token'],
    [{ name: 'a"b' }, 'name'],
    [{ url: 'nats://x:a%22b@h' }, 'url'],
    [{ url: 'nats://to%5Cken@h' }, 'url'],
    [{ url: 'nats://x:a%0Ab@h' }, 'url'],
    [{ inbox_prefix: 'a..b' }, 'inbox_prefix'],
    [{ replicas: 6 }, 'replicas'],
    [{ jetstream: 'disk' }, 'jetstream'],
  ];
  for (const [options, name] of refused) {
    const file = join(nats.directory, 'wshub.yaml');
    writeFileSync(file, yaml({ brokers: [{ name: 'main', plugin: 'nats', options }] }));
    const { code, stdout, stderr } = await run(['check', '-c', file]);
    assert.notEqual(code, 0, `${JSON.stringify(options)} is taken`);
    assert.match(stdout + stderr, new RegExp(`\\b${name}\\b`), JSON.stringify(options));
    assert.match(stdout + stderr, /expected/, stdout + stderr);
  }
});
