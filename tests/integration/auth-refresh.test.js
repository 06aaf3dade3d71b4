// SPDX-License-Identifier: MIT
// Identities that end, and others that take their place: nothing survives that the new one does not cover.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bearer, startAuth } from './support/auth.js';
import { connect } from './support/client.js';
import { start } from './support/hub.js';
import { SCALE } from './support/wait.js';

const GRANTED = { channels: [{ match: 'open:*', subscribe: 'all' }, { match: '*', subscribe: 'granted', publish: 'granted' }] };

test('an identity ends when it ends', async (t) => {
  const hub = await startAuth(t, ['token a yes user=a expires=700'], { timeouts: { refresh: '0s' } });
  const since = performance.now();
  const a = await connect(t, hub, bearer('a'));
  const end = await a.expectClose(4410);
  assert.equal(end.reason, 'token_expired');
  assert.ok(end.at - since >= 650 && end.at - since < 700 + 1000 * SCALE, `after ${end.at - since} ms`);
  assert.deepEqual(a.frames.items.slice(1).map((f) => f.json), [{ op: 'closing', code: 'token_expired' }]);
  assert.equal((await hub.metrics()).sum('wshub_connection_closes_total', { reason: 'token_expired' }), 1);
});

test('before that it is asked for another token, and goes on with it', async (t) => {
  const hub = await startAuth(t, ['token a yes user=a expires=1200 grant=s:room'], { ...GRANTED, timeouts: { refresh: '300ms' } });
  const a = await connect(t, hub, bearer('a'));
  await a.subscribe('room');
  for (let n = 0; n < 3; n++) {
    const from = a.frames.items.length;
    const { json } = await a.waitFrame((m) => m.op === 'expiring', { from });
    assert.ok(json.expires_in_ms > 0 && json.expires_in_ms <= 300, JSON.stringify(json));
    assert.deepEqual(Object.keys(json), ['op', 'expires_in_ms']);
    const answer = await a.ok('refresh', { token: 'a' });
    assert.ok(answer.expires_in_ms > 1200 - 1000 * SCALE && answer.expires_in_ms <= 1200, JSON.stringify(answer));
  }
  hub.table.say('token a yes user=a grant=s:room');
  assert.ok(!('expires_in_ms' in await a.ok('refresh', { token: 'a' })), 'for ever, now');
  assert.equal(a.frames.items.filter((f) => f.json.op === 'unsubscribed').length, 0);
});

test('a short life is not asked for at once, but when half of it is over', async (t) => {
  const hub = await startAuth(t, ['token a yes user=a expires=1000'], { timeouts: { refresh: '1h' } });
  const since = performance.now();
  const a = await connect(t, hub, bearer('a'));
  const { json, at } = await a.waitFrame((m) => m.op === 'expiring');
  assert.ok(at - since > 400, `after ${at - since} ms`);
  assert.ok(json.expires_in_ms <= 500, JSON.stringify(json));
  await a.expectClose(4410);
});

test('a refresh ends what its grants do not cover, before anything more is delivered', async (t) => {
  const hub = await startAuth(t, ['token both yes user=a grant=s:one grant=s:two', 'token one yes user=a grant=s:one', 'token none yes user=a',
    'token server yes user=server grant=p:*'], GRANTED);
  const a = await connect(t, hub, bearer('both'));
  const server = await connect(t, hub, bearer('server'));
  for (const channel of ['one', 'two', 'open:1']) await a.subscribe(channel);
  let running = true; // messages all the while
  const flood = (async () => {
    for (let n = 0; running; n++) {
      await Promise.all(['one', 'two'].map((channel) => server.publish(channel, n)));
    }
  })();
  await a.waitMessage('two');
  await a.ok('refresh', { token: 'one' });
  const { json } = await a.waitFrame((m) => m.op === 'unsubscribed');
  assert.deepEqual(json, { op: 'unsubscribed', channel: 'two', code: 'revoked' });
  const from = a.frames.items.length;
  await a.waitFrame((m) => m.op === 'message' && m.channel === 'one', { from });
  await a.fails('not_subscribed', 'unsubscribe', { channel: 'two' });
  await a.fails('denied', 'subscribe', { channel: 'two' });
  await a.ok('refresh', { token: 'none' });
  running = false;
  await flood;
  await a.barrier();
  const frames = a.frames.items.map((f) => f.json);
  for (const channel of ['one', 'two']) {
    const ended = frames.findIndex((m) => m.op === 'unsubscribed' && m.channel === channel);
    assert.ok(ended > 0);
    assert.ok(!frames.slice(ended).some((m) => m.op === 'message' && m.channel === channel), `${channel} goes on`);
  }
  assert.ok(!frames.some((m) => m.op === 'unsubscribed' && m.channel === 'open:1'), 'all may have it');
  assert.equal((await hub.metrics()).sum('wshub_subscriptions'), 1);
  // And the other way round: what is granted anew may be subscribed anew.
  await a.ok('refresh', { token: 'both' });
  await a.subscribe('two');
});

test('a refresh that is refused changes nothing', async (t) => {
  const hub = await startAuth(t, ['token a yes user=a grant=s:room expires=60000', 'token other yes user=b grant=s:room', 'token anonymous yes grant=s:room',
    'token old expired', 'token fail fail', 'token never never', 'token pass pass', 'token over yes user=a expires=1 after=50',
    'token late yes user=a after=450'],
  { ...GRANTED, timeouts: { auth: '300ms' } });
  const a = await connect(t, hub, bearer('a'));
  await a.subscribe('room');
  const unavailable = ['internal', 'what decides this did not answer, or failed', true];
  const cases = {
    unknown: ['denied', 'the token is not accepted', false],
    other: ['denied', 'the token is not accepted', false],
    anonymous: ['denied', 'the token is not accepted', false],
    old: ['token_expired', 'the token has expired', false],
    over: ['token_expired', 'the token has expired', false],
    late: unavailable, fail: unavailable, never: unavailable, pass: unavailable, // the late yes comes while `never` is asked about
  };
  for (const [token, [code, message, retry]] of Object.entries(cases)) {
    const { id: _, ...answer } = await a.request('refresh', { token });
    assert.deepEqual(answer, { op: 'error', code, message, retry }, token);
  }
  await a.fails('bad_request', 'refresh', { token: '' });
  await a.fails('bad_request', 'refresh', {});
  await a.fails('already_subscribed', 'subscribe', { channel: 'room' });
  assert.ok(!a.frames.items.some((f) => f.json.op === 'unsubscribed'));
});

test('the token that was refused does not make the old one last', async (t) => {
  const hub = await startAuth(t, ['token a yes user=a expires=900']);
  const a = await connect(t, hub, bearer('a'));
  await a.fails('denied', 'refresh', { token: 'bad' });
  await a.expectClose(4410);
});

test('what only the plugin had allowed is asked about anew', async (t) => {
  const rules = (second) => ['token a yes user=a ask=s', 'token b yes user=a ask=s after=50', 'token server yes user=server grant=p:*',
    `operation a s keep ${second ? 'yes after=100' : 'yes'}`, `operation a s lose ${second ? 'no after=100' : 'yes'}`,
    `operation a s fail ${second ? 'fail after=100' : 'yes'}`];
  const hub = await startAuth(t, rules(false), GRANTED);
  const a = await connect(t, hub, bearer('a'));
  const server = await connect(t, hub, bearer('server'));
  for (const channel of ['keep', 'lose', 'fail']) await a.subscribe(channel);
  hub.table.say(...rules(true));
  let running = true;
  const flood = (async () => {
    for (let n = 0; running; n++) for (const channel of ['keep', 'lose', 'fail']) await server.publish(channel, n);
  })();
  await a.ok('refresh', { token: 'b' });
  const next = await a.request('ping'); // behind all of the questions
  assert.equal(next.op, 'ok');
  const frames = a.frames.items.map((f) => f.json);
  const refreshed = frames.findIndex((m) => m.op === 'ok' && m.id === next.id - 1);
  const settled = frames.findIndex((m) => m.id === next.id);
  for (const channel of ['lose', 'fail']) {
    const ended = frames.findIndex((m) => m.op === 'unsubscribed' && m.channel === channel);
    assert.ok(ended > refreshed && ended < settled, channel);
    assert.ok(!frames.slice(refreshed).some((m) => m.op === 'message' && m.channel === channel), `${channel}: delivered while it was asked about`);
  }
  const gap = frames.findIndex((m, i) => i > refreshed && m.op === 'gap');
  assert.equal(frames[gap].channel, 'keep', 'what passed by meanwhile is said');
  assert.ok(!frames.slice(refreshed, gap).some((m) => m.op === 'message' && m.channel === 'keep'));
  const from = a.frames.items.length;
  await a.waitFrame((m) => m.op === 'message' && m.channel === 'keep', { from });
  running = false;
  await flood;
  assert.equal((await hub.metrics()).sum('wshub_subscriptions'), 1);
});

test('without auth plugins there is nothing to connect or refresh with', async (t) => {
  const hub = await start({}, { t });
  const a = await connect(t, hub);
  assert.deepEqual(Object.keys(a.welcome), ['op', 'connection', 'instance', 'ping_interval_ms']);
  for (const op of ['connect', 'refresh'])
    assert.equal((await a.fails('unsupported', op, { token: 'x' })).message, 'this hub asks for no token');
});
