// SPDX-License-Identifier: MIT
// What those who were let in may do: the rules of `channels:`, the grants, and what a plugin decides for itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bearer, startAuth } from './support/auth.js';
import { connect } from './support/client.js';

const CHANNELS = [
  { match: 'all:*', subscribe: 'all', publish: 'all' },
  { match: 'user:*', subscribe: 'user', publish: 'user' },
  { match: 'granted:*', subscribe: 'granted', publish: 'granted' },
  { match: 'server:*', subscribe: 'server', publish: 'server' },
  { match: 'unsaid:*' },
];

const denied = (message) => ({ op: 'error', code: 'denied', message, retry: false });

// The answers without their ids.
async function answerTo(client, op, channel) {
  const { id: _, ...answer } = await client.request(op, { channel, data: 1 });
  return answer;
}

test('who may, by rule and by grant', async (t) => {
  const hub = await startAuth(t, [
    'token ann yes user=ann grant=s:granted:read grant=p:granted:write exact=sp:granted:{user}:* grant=sp:granted:of:{user}',
    'token - yes grant=sp:granted:read grant=sp:granted:of:{user} grant=sp:{user}',
  ], { channels: CHANNELS });
  const ann = await connect(t, hub, bearer('ann'));
  const anonymous = await connect(t, hub);
  const notGranted = (verb, channel) => denied(`${verb} to "${channel}" is not granted`);
  const forUsers = (verb, channel) => denied(`${verb} to "${channel}" is for users, and this connection has none`);
  const cases = [ // channel, ann subscribes, ann publishes, anonymous subscribes, anonymous publishes
    ['all:1', true, true, true, true],
    ['user:1', true, true, forUsers, forUsers],
    ['unsaid:1', true, true, forUsers, forUsers],
    ['without a rule', true, true, forUsers, forUsers],
    ['granted:read', true, notGranted, true, true],
    ['granted:write', notGranted, true, notGranted, notGranted],
    ['granted:{user}:*', true, true, notGranted, notGranted],
    ['granted:ann:1', notGranted, notGranted, notGranted, notGranted],
    ['granted:of:ann', true, true, notGranted, notGranted],
    ['granted:of:', notGranted, notGranted, notGranted, notGranted],
    ['granted:of:{user}', notGranted, notGranted, notGranted, notGranted],
    ['server:1', denied('subscribing to this channel is not allowed'), denied('publishing to this channel is not allowed'),
      denied('subscribing to this channel is not allowed'), denied('publishing to this channel is not allowed')],
  ];
  for (const [channel, ...expected] of cases) {
    const doing = [[ann, 'subscribe'], [ann, 'publish'], [anonymous, 'subscribe'], [anonymous, 'publish']];
    for (const [i, [client, op]] of doing.entries()) {
      const wanted = expected[i] === true ? { op: 'ok', channel }
        : typeof expected[i] === 'function' ? expected[i](op, channel) : expected[i];
      assert.deepEqual(await answerTo(client, op, channel), wanted, `${op} ${channel}`);
    }
  }
  assert.deepEqual(await answerTo(ann, 'subscribe', '$wshub:control'), denied("channels that begin with $wshub are the hub's own"));
});

test('no grant reaches the channels of the hub', async (t) => {
  const hub = await startAuth(t, ['token a yes user=a grant=sprhm:* exact=sprhm:$wshub:control ask=sp', 'operation * sp * yes'],
    { channels: [{ match: '*', subscribe: 'granted', publish: 'granted' }] });
  const a = await connect(t, hub, bearer('a'));
  for (const channel of ['$wshub:control', '$wshub', '$wshub:probe:a']) {
    await a.fails('denied', 'subscribe', { channel });
    await a.fails('denied', 'publish', { channel, data: { revoke: { user: 'b' }, at: 0, until: 9e15 } });
  }
});

test('an id that looks like a pattern is no pattern', async (t) => {
  const hub = await startAuth(t, ['token star yes user=* grant=sp:of:{user}', 'token brace yes user={user} grant=sp:of:{user}',
    'token ann yes user=ann grant=sp:of:{user}'], { channels: [{ match: '*', subscribe: 'granted', publish: 'granted' }] });
  const [star, brace, ann] = [await connect(t, hub, bearer('star')), await connect(t, hub, bearer('brace')), await connect(t, hub, bearer('ann'))];
  await ann.subscribe('of:ann');
  for (const intruder of [star, brace]) {
    await intruder.fails('denied', 'subscribe', { channel: 'of:ann' });
    await intruder.fails('denied', 'publish', { channel: 'of:ann', data: 1 });
    await intruder.fails('denied', 'subscribe', { channel: 'of:' });
  }
  await star.subscribe('of:*');
  await brace.subscribe('of:{user}');
  await ann.publish('of:ann', 'mine');
  await ann.waitMessage('of:ann', (data) => data === 'mine');
  for (const intruder of [star, brace]) {
    await intruder.barrier();
    assert.deepEqual(intruder.messages('of:ann'), []);
  }
});

test('messages say which user has sent them', async (t) => {
  const hub = await startAuth(t, ['token ann yes user=ann', 'token "é" yes user="é"', 'token - yes'],
    { channels: [{ match: '*', subscribe: 'all', publish: 'all' }] });
  const ann = await connect(t, hub, bearer('ann'));
  const odd = await connect(t, hub, { path: `/ws?token=${encodeURIComponent('"é"')}` });
  const anonymous = await connect(t, hub);
  assert.equal(odd.welcome.user, '"é"');
  await ann.subscribe('room');
  for (const [client, user] of [[ann, 'ann'], [odd, '"é"'], [anonymous, undefined]]) {
    await client.publish('room', client.welcome.connection);
    const message = await ann.waitMessage('room', (data) => data === client.welcome.connection);
    assert.deepEqual(message.from, { connection: client.welcome.connection, ...(user && { user }) });
  }
});

// ---- what a plugin decides ----

const ASKED = { channels: [{ match: '*', subscribe: 'granted', publish: 'granted' }], timeouts: { auth: '300ms' } };
const unavailable = { op: 'error', code: 'internal', message: 'what decides this did not answer, or failed', retry: true };

test('authorize is asked where no grant covers the name, for the verbs that the identity names', async (t) => {
  const hub = await startAuth(t, ['token ann yes user=ann grant=s:mine ask=s', 'operation ann s yes yes', 'operation ann s no no',
    'operation ann s fail fail', 'operation ann s never never', 'operation ann s late yes after=600', 'operation ann s expired expired',
    'operation ann s pass pass', 'operation ann p yes yes'], ASKED);
  const ann = await connect(t, hub, bearer('ann'));
  await ann.subscribe('mine');
  assert.equal(hub.asked('authorize').length, 0, 'a grant is enough');
  await ann.subscribe('yes');
  for (const channel of ['no', 'unknown'])
    assert.deepEqual(await answerTo(ann, 'subscribe', channel), denied(`subscribe to "${channel}" is not granted`));
  for (const channel of ['fail', 'never', 'late', 'expired', 'pass'])
    assert.deepEqual(await answerTo(ann, 'subscribe', channel), unavailable, channel);
  assert.deepEqual(await answerTo(ann, 'publish', 'yes'), denied('publish to "yes" is not granted'));
  // The late yes has come by now, and has changed nothing.
  await new Promise((resolve) => { const timer = setInterval(() => ann.barrier().then(() => hub.asked('authorize').length >= 8 && (clearInterval(timer), resolve())), 50); });
  assert.deepEqual(await answerTo(ann, 'unsubscribe', 'late'), { op: 'error', code: 'not_subscribed',
    message: 'this connection has not subscribed to the channel', retry: false });
});

test('publishes keep their order, whether they are asked about or not', async (t) => {
  const hub = await startAuth(t, ['token ann yes user=ann grant=sp:free ask=p', 'token bob yes user=bob grant=s:*', 'operation ann p slow yes after=20',
    'operation ann p free yes', 'operation ann p never never'], ASKED);
  const ann = await connect(t, hub, bearer('ann'));
  const bob = await connect(t, hub, bearer('bob'));
  for (const channel of ['slow', 'free']) await bob.subscribe(channel);
  const COUNT = 20;
  for (let n = 0; n < COUNT; n++) ann.sendText(JSON.stringify({ op: 'publish', channel: n % 3 ? 'free' : 'slow', data: n }));
  ann.sendText(JSON.stringify({ op: 'publish', id: 'x', channel: 'never', data: 'x' }));
  await ann.publish('free', COUNT);
  await bob.waitMessage('free', (data) => data === COUNT);
  const got = bob.frames.items.map((f) => f.json).filter((m) => m.op === 'message').map((m) => m.data);
  assert.deepEqual(got, Array.from({ length: COUNT + 1 }, (_, n) => n));
  assert.ok(ann.frames.items.some((f) => f.json.id === 'x' && f.json.code === 'internal'));
});

test('one session that is asked about holds up no other, and what it had sent is done or answered', async (t) => {
  const hub = await startAuth(t, ['token ann yes user=ann ask=sp', 'token bob yes user=bob grant=sp:*', 'operation ann s never never'],
    { ...ASKED, timeouts: { auth: '2s' } });
  const ann = await connect(t, hub, bearer('ann'));
  const bob = await connect(t, hub, bearer('bob'));
  const waits = ann.request('subscribe', { channel: 'never' }, { deadline: 10000 });
  const pings = Array.from({ length: 500 }, () => ann.request('ping', {}, { deadline: 10000 }));
  let done = false;
  waits.then(() => { done = true; });
  for (let n = 0; n < 50; n++) await bob.publish('room', n);
  assert.equal(done, false, 'bob did not have to wait');
  assert.equal((await waits).code, 'internal');
  assert.ok((await Promise.all(pings)).every((answer) => answer.op === 'ok'));
});

test('a drain waits for the answer to an operation', async (t) => {
  const hub = await startAuth(t, ['token ann yes user=ann ask=s', 'operation ann s slow yes after=500', 'token bob yes user=bob grant=sp:*'],
    { channels: ASKED.channels, timeouts: { auth: '5s' }, drain: { delay: '0s', window: '0s', timeout: '10s' } });
  const ann = await connect(t, hub, bearer('ann'));
  const waits = ann.request('subscribe', { channel: 'slow' });
  await hub.askedFor('authorize');
  hub.kill('SIGTERM');
  assert.equal((await waits).op, 'ok');
  await ann.expectClose(1001);
  await hub.stop();
});

test('a client that goes while an operation is asked about leaves nothing', async (t) => {
  const hub = await startAuth(t, ['token ann yes user=ann ask=sp', 'operation ann s slow yes after=200', 'token bob yes user=bob grant=sp:*'], ASKED);
  for (let n = 0; n < 5; n++) {
    const ann = await connect(t, hub, bearer('ann'));
    ann.sendText('{"op":"subscribe","id":1,"channel":"slow"}');
    ann.sendText('{"op":"subscribe","id":2,"channel":"slow"}');
    await hub.askedFor('authorize', n + 1);
    ann.ws.terminate();
  }
  const bob = await connect(t, hub, bearer('bob'));
  await new Promise((resolve) => { const since = performance.now(); const timer = setInterval(() => bob.publish('slow', 1).then(() => performance.now() - since > 400 && (clearInterval(timer), resolve())), 20); });
  const metrics = await hub.metrics();
  assert.equal(metrics.sum('wshub_subscriptions'), 0);
  assert.equal(metrics.sum('wshub_connections'), 1);
});
