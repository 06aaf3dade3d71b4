// SPDX-License-Identifier: MIT
// The plugin jwt in a running hub: who is let in, for what and how long, and what happens to everybody else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attempt, bearer, refusal, told } from './support/auth.js';
import { connect } from './support/client.js';
import { start } from './support/hub.js';
import { AUDIENCE, ISSUER, claims, forgeries } from './support/forgeries.js';
import { Issuer, SECRET, folder, newKey, now, sign } from './support/jwt.js';
import { SCALE, until } from './support/wait.js';

const CHANNELS = [{ match: 'room:*', subscribe: 'granted', publish: 'granted' }];
const startJwt = (t, options, config = {}) => start({ auth: [{ plugin: 'jwt', options }], channels: CHANNELS, ...config }, { t });
const hmac = (more = {}) => ({ algorithms: ['HS256'], secret: SECRET, ...more });

test('the configuration by example: user, grants, expiry', async (t) => {
  const hub = await start(`listen: 127.0.0.1:0\nauth:\n  - plugin: jwt\n    options: {algorithms: [HS256], secret: "\${WSHUB_JWT_SECRET}"}\n` +
    `channels: ${JSON.stringify(CHANNELS)}\ndrain: {window: 0s}\n`, { t, env: { WSHUB_JWT_SECRET: SECRET } });
  const token = await sign({ sub: 'anna', subscribe: ['room:*'], publish: 'room:{user}' }, SECRET);
  for (const options of [bearer(token), { path: `/ws?token=${token}` }, { protocols: ['wshub.json.v1', `wshub.token.${token}`] }]) {
    const client = await connect(t, hub, options);
    assert.equal(client.welcome.user, 'anna');
    assert.ok(client.welcome.expires_in_ms > 590000 - 1000 * SCALE && client.welcome.expires_in_ms <= 600000);
    await client.subscribe('room:a');
    await client.publish('room:anna', 1);
    await client.fails('denied', 'publish', { channel: 'room:a', data: 1 });
  }
  const shown = attempt(t, hub); // a token may come in the first message, too
  await shown.opened;
  await shown.ok('connect', { token });
  await shown.subscribe('room:a');
});

test('forged tokens let nobody in, and leave nothing in the log', async (t) => {
  const files = folder(t), rsa = newKey('RS256', 'r'), ec = newKey('ES256', 'e');
  const jwks_file = files.write('keys.json', { keys: [rsa.jwk, ec.jwk] });
  const hub = await startJwt(t, { algorithms: ['HS256', 'RS256', 'ES256'], secret: SECRET, jwks_file, issuer: ISSUER, audience: [AUDIENCE] },
    { log: { level: 'debug' }, limits: { http_head: '64KiB' }, timeouts: { connect: '0s' } });
  assert.equal((await connect(t, hub, bearer(await sign(claims(), rsa)))).welcome.user, 'anna');
  const rows = await forgeries({ rsa });
  for (const [what, token, , status] of rows) {
    const answer = await refusal(hub, bearer(token)).catch((error) => { throw new Error(`${what}: ${error.message}`); });
    assert.equal(answer.status, 401, `${what}: ${JSON.stringify(answer.json)}`);
    assert.equal(answer.json.error.code, status === 'EXPIRED' ? 'token_expired' : 'unauthenticated', what);
    for (const word of ['signature', 'kid', 'alg', 'claim']) assert.ok(!JSON.stringify(answer.json).includes(word), what);
  }
  const { code } = await told(t, hub, bearer(await sign(claims({ exp: now() - 1 }), rsa)));
  assert.equal(code, 4410);
  assert.equal((await hub.metrics()).sum('wshub_connections'), 1);
  await hub.stop();
  assert.match(hub.text, /the token's signature does not fit/);
  for (const secret of [SECRET, 'eyJ', 'passwd', ...rows.map(([, token]) => token.split('.')[2]).filter((part) => part?.length > 20)])
    assert.ok(!hub.text.includes(secret), secret);
});

test('a token ends, and another takes its place with fewer grants', async (t) => {
  const hub = await startJwt(t, hmac(), { timeouts: { refresh: '1s' } });
  const client = await connect(t, hub, bearer(await sign({ sub: 'anna', exp: now() + 3, subscribe: ['room:1', 'room:2'] }, SECRET)));
  await client.subscribe('room:1');
  await client.subscribe('room:2');
  await client.waitFrame((m) => m.op === 'expiring', { deadline: 10000 });
  await client.fails('denied', 'refresh', { token: await sign({ sub: 'bert', subscribe: ['room:*'] }, SECRET) });
  await client.fails('denied', 'refresh', { token: await sign({ sub: 'anna', subscribe: ['room:*'] }, 'x'.repeat(64)) });
  await client.fails('token_expired', 'refresh', { token: await sign({ sub: 'anna', exp: now() - 1 }, SECRET) });
  await client.ok('refresh', { token: await sign({ sub: 'anna', exp: now() + 4, subscribe: ['room:1'] }, SECRET) });
  const ended = await client.waitFrame((m) => m.op === 'unsubscribed');
  assert.equal(ended.json.channel, 'room:2');
  assert.equal(ended.json.code, 'revoked');
  await client.expectClose(4410, { deadline: 10000 });
});

test('an API key is passed on: the next plugin of the chain is asked', async (t) => {
  const other = 'y'.repeat(32);
  const hub = await start({ timeouts: { connect: '0s' }, auth: [{ plugin: 'jwt', name: 'first', options: hmac() }, { plugin: 'jwt', name: 'second', options: hmac({ secret: other }) }] }, { t });
  assert.equal((await connect(t, hub, bearer(await sign({ sub: 'anna' }, SECRET)))).welcome.user, 'anna');
  assert.equal((await refusal(hub, bearer(await sign({ sub: 'anna' }, other)))).status, 401); // it is a JWT, and the first says no
  assert.equal((await refusal(hub, bearer('an-api-key'))).status, 401); // nobody decides
  const metrics = await hub.metrics();
  assert.equal(metrics.sum('wshub_auth_decisions_total', { auth: 'second', result: 'pass' }), 1);
});

test('SIGHUP: the files are read again', async (t) => {
  const files = folder(t), one = newKey('ES256', '1'), two = newKey('ES256', '2');
  const jwks_file = files.write('keys.json', { keys: [one.jwk] });
  const hub = await startJwt(t, { algorithms: ['ES256'], jwks_file });
  const token = await sign({ sub: 'anna' }, two);
  assert.equal((await refusal(hub, bearer(token))).status, 401);
  files.write('keys.json', { keys: [two.jwk] });
  hub.child.kill('SIGHUP');
  await until(5000, 'the new key counts', () => connect(t, hub, bearer(token)).then(() => true, () => false));
  assert.equal((await refusal(hub, bearer(await sign({ sub: 'anna' }, one)))).status, 401);
});

test('a JWKS URL that is away: try again later; then it is there, and rotates', async (t) => {
  const one = newKey('RS256', '1'), two = newKey('RS256', '2');
  const issuer = await Issuer.start(t);
  issuer.publish(one);
  issuer.answer = (response) => { response.statusCode = 503; response.end(); };
  const hub = await startJwt(t, { algorithms: ['RS256'], jwks_url: issuer.url, jwks_cooldown: '200ms' });
  const answer = await refusal(hub, bearer(await sign({ sub: 'anna' }, one)));
  assert.equal(answer.status, 503);
  assert.equal(answer.json.error.code, 'auth_unavailable');
  issuer.answer = null;
  const letIn = (key) => until(10000, 'let in', async () => connect(t, hub, bearer(await sign({ sub: 'anna' }, key))).then(() => true, () => false));
  await letIn(one);
  issuer.publish(one, two);
  await letIn(two);
  await letIn(one);
});

test('a storm of logins delays no message', async (t) => {
  const files = folder(t), key = newKey('ES512', 'e');
  const hub = await startJwt(t, { algorithms: ['ES512'], key_file: files.write('key.pem', key.pem), grants: ['subscribe+publish:room:*'] }, { timeouts: { auth: '30s' } });
  const token = await sign({ sub: 'anna' }, key);
  const client = await connect(t, hub, bearer(token));
  await client.subscribe('room:1');
  let running = true;
  const storm = Promise.all([...Array(40)].map(async () => {
    for (let i = 0; i < 10; i++) {
      const one = attempt(t, hub, bearer(token));
      await one.opened;
      one.ws.terminate();
    }
  })).finally(() => { running = false; });
  let worst = 0, messages = 0;
  for (; running; messages++) {
    const began = performance.now();
    await client.publish('room:1', messages);
    await client.waitMessage('room:1', (data) => data === messages);
    worst = Math.max(worst, performance.now() - began);
  }
  await storm;
  assert.ok(messages > 10, `${messages} messages`);
  assert.ok(worst < 300 * SCALE, `a message took ${worst} ms`);
});
