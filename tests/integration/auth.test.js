// SPDX-License-Identifier: MIT
// Who is let in, by every way that a token may take; what everybody else is told, in words and codes; and what must
// never happen on the way.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertFrames, attempt, bearer, refusal, startAuth, told } from './support/auth.js';
import { Client, PROTOCOL, connect } from './support/client.js';
import { Raw, frame, handshake, text, OP } from './support/raw.js';
import { until, within } from './support/wait.js';

const ANN = 'token ann-token yes user=ann id=t-1 grant=sp:room:*';
const CLOSE = { unauthenticated: 4401, token_expired: 4410, revoked: 4403, auth_unavailable: 1013 };

// ---- in ----

const ways = {
  'Authorization': [1, bearer('ann-token')],
  'the query': [2, { path: '/ws?a=b&token=ann%2Dtoken' }],
  'a cookie': [3, { headers: { Cookie: 'a=b; session=ann-token' } }],
  'a subprotocol': [4, { protocols: [PROTOCOL, 'wshub.token.ann-token'] }],
};

for (const [name, [source, options]] of Object.entries(ways)) {
  for (const origin of [undefined, 'same']) {
    test(`a token in ${name} lets in${origin ? ', from a page too' : ''}`, async (t) => {
      const hub = await startAuth(t, [ANN], { credentials: { cookie: 'session' } });
      const client = await connect(t, hub, { ...options, ...(origin && { origin: hub.url }) });
      assert.equal(client.welcome.user, 'ann');
      assert.ok(!('expires_in_ms' in client.welcome), 'it does not end');
      assert.equal(client.ws.protocol, PROTOCOL);
      assert.match((await hub.askedFor('authenticate'))[0], new RegExp(`^authenticate source=${source} .*address=127.0.0.1 protocol=wshub.json.v1$`));
      await client.subscribe('room:1');
    });
  }
}

test('welcome says how long the token is good', async (t) => {
  const hub = await startAuth(t, ['token a yes user=a expires=60000']);
  const client = await connect(t, hub, bearer('a'));
  assert.ok(client.welcome.expires_in_ms > 50000 && client.welcome.expires_in_ms <= 60000, JSON.stringify(client.welcome));
});

test('a plugin may let in who shows nothing: an anonymous has no user', async (t) => {
  const hub = await startAuth(t, ['token - yes grant=s:news'], {
    channels: [{ match: 'news', subscribe: 'granted' }, { match: 'open', subscribe: 'all' }],
  });
  const client = await connect(t, hub);
  assert.ok(!('user' in client.welcome));
  await client.subscribe('news');
  await client.subscribe('open');
  const error = await client.fails('denied', 'subscribe', { channel: 'other' });
  assert.equal(error.message, 'subscribe to "other" is for users, and this connection has none');
});

test('the first plugin that decides decides', async (t) => {
  const hub = await startAuth(t, undefined, { tables: [
    ['token a pass', 'token b yes user=from-first', 'token c no', 'token d fail'],
    ['token a yes user=from-second', 'token b no', 'token c yes user=from-second', 'token d yes user=from-second'],
  ] });
  assert.equal((await connect(t, hub, bearer('a'))).welcome.user, 'from-second');
  assert.equal((await connect(t, hub, bearer('b'))).welcome.user, 'from-first');
  assert.equal((await refusal(hub, bearer('c'))).status, 401);
  assert.equal((await refusal(hub, bearer('d'))).status, 503);
});

// ---- not in ----

const no = { status: 401, code: 'unauthenticated', message: 'The credentials are not accepted.',
  authenticate: 'Bearer error="invalid_token"' };
const unavailable = { status: 503, code: 'auth_unavailable', message: 'Who you are could not be found out: try again later.' };
const refusals = {
  'no': no,
  'no explain=because-of-something': no,
  'pass': { ...no, message: 'This hub lets in who shows credentials that it accepts.' },
  'expired': { status: 401, code: 'token_expired', message: 'The token has expired.',
    authenticate: 'Bearer error="invalid_token", error_description="The token has expired"' },
  'yes user=a expires=1 after=50': { status: 401, code: 'token_expired', message: 'The token has expired.',
    authenticate: 'Bearer error="invalid_token", error_description="The token has expired"' },
  'fail': unavailable,
  'nonsense': unavailable,
  'never': unavailable,
  'yes user=\u0001': unavailable, // breaks a rule of wshub/auth.h
  'yes user=a info={': unavailable,
};

for (const [answer, expected] of Object.entries(refusals)) {
  test(`refused (${JSON.stringify(answer)}): by HTTP, and a page by a close that it can see`, async (t) => {
    const hub = await startAuth(t, [`token bad ${answer}`], { timeouts: { auth: '300ms' } });
    const { status, headers, json } = await refusal(hub, bearer('bad'));
    assert.equal(status, expected.status);
    assert.deepEqual(json, { error: { code: expected.code, message: expected.message } });
    assert.equal(headers['www-authenticate'], expected.authenticate);
    assert.equal(headers['retry-after'], expected.status === 503 ? '2' : undefined);

    const { events, code, reason } = await told(t, hub, bearer('bad'));
    const { reconnect_after_ms: after, ...closing } = events[0];
    assert.deepEqual(events.length, 1, JSON.stringify(events));
    assert.deepEqual(closing, { op: 'closing', code: expected.code });
    assert.equal(code, CLOSE[expected.code]);
    assert.equal(reason, expected.code);
    if (expected.status === 503) assert.ok(after >= 1000 && after < 5000, JSON.stringify(events));
    else assert.equal(after, undefined);

    const metrics = await hub.metrics();
    assert.equal(metrics.sum('wshub_connections'), 0);
    await connectAgain(t, hub);
  });
}

// Nobody's refusal is in the way of the next one.
async function connectAgain(t, hub) {
  hub.table.say(ANN);
  assert.equal((await connect(t, hub, bearer('ann-token'))).welcome.user, 'ann');
}

test('without any token there is nothing to hold against it', async (t) => {
  const hub = await startAuth(t, [], { timeouts: { connect: '0s' } });
  const { status, headers, json } = await refusal(hub);
  assert.equal(status, 401);
  assert.equal(headers['www-authenticate'], 'Bearer');
  assert.equal(json.error.code, 'unauthenticated');
  assert.deepEqual(await told(t, hub), { events: [{ op: 'closing', code: 'unauthenticated' }], code: 4401, reason: 'unauthenticated' });
});

test('two tokens at once are one too many to choose from: the header counts', async (t) => {
  const hub = await startAuth(t, [ANN]);
  assert.equal((await refusal(hub, { path: '/ws?token=ann-token', ...bearer('another') })).status, 401);
  assert.equal((await connect(t, hub, { path: '/ws?token=another', ...bearer('ann-token') })).welcome.user, 'ann');
});

// ---- held ----

test('who shows no token is held: nothing is allowed but connect and ping', async (t) => {
  const hub = await startAuth(t, [ANN], { channels: [{ match: 'open', subscribe: 'all', publish: 'all' }] });
  const client = attempt(t, hub);
  await client.opened;
  await client.ok('ping');
  const fields = { channel: 'open', data: 1, to: { user: 'a' }, token: 'x' };
  for (const op of ['subscribe', 'unsubscribe', 'publish', 'history', 'presence', 'send', 'refresh']) {
    const error = await client.fails('unauthenticated', op, fields);
    assert.deepEqual({ ...error, id: 0 }, { op: 'error', id: 0, code: 'unauthenticated', message: 'connect with a token comes first', retry: false });
  }
  assert.equal((await client.fails('bad_request', 'connect', { token: '' })).message, '"token" must not be empty');
  client.sendText('{');
  await client.waitFrame((m) => m.code === 'bad_request' && m.message === 'not one JSON object');
  assert.equal((await hub.metrics()).sum('wshub_connections_held'), 1);

  const before = client.frames.items.length;
  assert.deepEqual(await client.ok('connect', { token: 'ann-token' }), { op: 'ok', id: client.nextId - 1 });
  const [welcome, ok] = client.frames.items.slice(before).map((f) => f.json);
  assert.equal(welcome.op, 'welcome');
  assert.equal(welcome.user, 'ann');
  assert.equal(ok.op, 'ok');
  assert.equal((await hub.metrics()).sum('wshub_connections_held'), 0);
  await client.subscribe('open');
  assert.equal((await client.fails('bad_request', 'connect', { token: 'ann-token' })).message,
    'this connection was let in already: refresh takes another token');
  assert.deepEqual((await hub.askedFor('authenticate', 2)).map((line) => /source=(\d)/.exec(line)[1]), ['0', '5'], 'each time with what it had');
});

test('connect, subscribe, publish and all may be sent at once, even before the answer to the handshake', async (t) => {
  const hub = await startAuth(t, ['token - pass after=100', 'token late yes user=ann after=100 grant=sp:room:*'],
    { channels: [{ match: '*', subscribe: 'granted', publish: 'granted' }] });
  const raw = await Raw.connect(hub.port);
  t.after(() => raw.destroy());
  raw.send(Buffer.concat([handshake({ host: `127.0.0.1:${hub.port}` }),
    text({ op: 'ping', id: 0 }),
    text({ op: 'connect', id: 1, token: 'late' }),
    text({ op: 'subscribe', id: 2, channel: 'room:1' }),
    text({ op: 'publish', id: 3, channel: 'room:1', data: 3 }),
    text({ op: 'publish', id: 4, channel: 'hall:1', data: 4 }),
    text({ op: 'unsubscribe', id: 5, channel: 'room:1' }),
    text({ op: 'ping', id: 6 })]));
  assert.equal((await raw.head()).status, 101);
  const got = [];
  while (got.filter((m) => m.op === 'ok' || m.op === 'error').length < 7) got.push(await raw.json());
  const short = got.map((m) => [m.op, m.id ?? m.user ?? m.channel, ...(m.code ? [m.code] : [])].join(' '));
  const answers = short.filter((line) => !line.startsWith('message'));
  // From there on each waits for the broker by itself.
  assert.deepEqual(answers.slice(0, 3), ['ok 0', 'welcome ann', 'ok 1']);
  assert.deepEqual(answers.slice(3).sort(), ['error 4 denied', 'ok 2', 'ok 3', 'ok 5', 'ok 6']);
});

test('a header Authorization of another kind is said in the log, as whoever sent it waits in vain', async (t) => {
  const hub = await startAuth(t, [ANN]);
  for (const value of ['ann-token', 'Bearerann-token', 'Token ann-token']) {
    const from = hub.log.items.length;
    const client = attempt(t, hub, { headers: { Authorization: value } });
    await client.opened;
    const { line } = await hub.event('credentials refused', { from, where: { address: '127.0.0.1', reason: 'the header Authorization is not one `Bearer TOKEN`' } });
    assert.ok(!line.includes('ann-token'), line);
  }
});

test('a second refusal closes, and so does patience', async (t) => {
  const hub = await startAuth(t, ['token old expired', 'token broken fail', 'token odd pass'], { timeouts: { connect: '300ms' } });
  for (const [token, word] of [['bad', 'unauthenticated'], ['odd', 'unauthenticated'], ['old', 'token_expired'], ['broken', 'auth_unavailable']]) {
    const client = attempt(t, hub);
    await client.opened;
    client.sendText(JSON.stringify({ op: 'connect', id: 1, token }));
    client.sendText(JSON.stringify({ op: 'subscribe', id: 2, channel: 'a' }));
    await client.expectClose(CLOSE[word]);
    const events = client.frames.items.map(({ json: { reconnect_after_ms: _, ...event } }) => event);
    assert.deepEqual(events, [{ op: 'closing', code: word }]);
  }
  const silent = attempt(t, hub);
  const since = performance.now();
  await silent.expectClose(4401);
  assert.ok(performance.now() - since >= 300);
  assertFrames(silent, [{ op: 'closing', code: 'unauthenticated' }]);
  const metrics = await hub.metrics();
  assert.equal(metrics.sum('wshub_connection_closes_total', { reason: 'unauthenticated' }), 3);
  assert.equal(metrics.sum('wshub_connection_closes_total', { reason: 'token_expired' }), 1);
  assert.equal(metrics.sum('wshub_connection_closes_total', { reason: 'unavailable' }), 1);
  assert.equal(metrics.sum('wshub_connections'), 0);
});

test('a page is held as well', async (t) => {
  const hub = await startAuth(t, [ANN]);
  const client = attempt(t, hub, { origin: hub.url });
  await client.opened;
  await client.ok('connect', { token: 'ann-token' });
  await client.subscribe('room:1');
});

// ---- never ----

test('a page of another origin is refused before any plugin is asked', async (t) => {
  const hub = await startAuth(t, [ANN], { credentials: { cookie: 'session' } });
  for (const options of [{ headers: { Cookie: 'session=ann-token' } }, bearer('ann-token'), { path: '/ws?token=ann-token' }]) {
    const { status, json } = await refusal(hub, { ...options, headers: { ...options.headers, Origin: 'https://evil.example' } });
    assert.equal(status, 403);
    assert.equal(json.error.code, 'origin_denied');
    assert.match(json.error.message, /`origins`/);
  }
  await connect(t, hub, bearer('ann-token'));
  assert.equal((await hub.askedFor('authenticate')).length, 1, 'only for the one that was let in');
});

test('a page that is allowed by * alone brings no cookies', async (t) => {
  const hub = await startAuth(t, [ANN], { credentials: { cookie: 'session' }, origins: ['*', 'https://app.example'], timeouts: { connect: '0s' } });
  const cookie = { headers: { Cookie: 'session=ann-token; other=1' } };
  const evil = await told(t, hub, { ...cookie, origin: 'https://evil.example' });
  assert.deepEqual(evil.events, [{ op: 'closing', code: 'unauthenticated' }]);
  assert.match((await hub.askedFor('authenticate'))[0], /source=0 cookies=0 /);
  const good = await connect(t, hub, { ...cookie, origin: 'https://app.example' });
  assert.equal(good.welcome.user, 'ann');
  assert.match((await hub.askedFor('authenticate', 2))[1], /source=3 cookies=2 /);
});

test('a decision that comes too late is none, whatever it says', async (t) => {
  const hub = await startAuth(t, ['token late yes user=late after=600', ANN], { timeouts: { auth: '200ms' } });
  const held = attempt(t, hub);
  await held.opened;
  held.sendText(JSON.stringify({ op: 'connect', id: 1, token: 'late' }));
  const [byHttp, page] = await Promise.all([refusal(hub, bearer('late')), told(t, hub, bearer('late')), held.expectClose(1013)]);
  assert.equal(byHttp.status, 503);
  assert.equal(byHttp.json.error.code, 'auth_unavailable');
  assert.equal(page.code, 1013);
  assert.ok(!held.frames.items.some((f) => f.json.op === 'welcome'));
  // Its late yes comes meanwhile, and changes nothing.
  const since = performance.now();
  const ann = await connect(t, hub, bearer('ann-token'));
  while (performance.now() - since < 800) await ann.publish('room:1', 1);
  assert.equal((await hub.metrics()).sum('wshub_connections'), 1);
});

test('no secret is in the log, in a metric, or in an answer', async (t) => {
  const secrets = ['hush-header', 'hush-query', 'hush-cookie', 'hush-protocol', 'hush-message', 'hush-refresh', 'hush-other'];
  for (const answer of ['yes user=ann', 'no', 'expired', 'fail', 'never']) {
    const hub = await startAuth(t, [...secrets.map((s) => `token ${s} ${answer} explain=for-the-log-alone`)], {
      credentials: { cookie: 'session' }, timeouts: { auth: '100ms' }, log: { level: 'debug' },
    });
    const heard = [];
    for (const options of [bearer('hush-header'), { path: '/ws?token=hush-query' },
      { headers: { Cookie: 'session=hush-cookie; other=hush-other' } }, { protocols: [PROTOCOL, 'wshub.token.hush-protocol'] }, {}]) {
      const client = attempt(t, hub, { origin: hub.url, ...options });
      await client.opened;
      if (!('path' in options || 'headers' in options || 'protocols' in options)) client.sendText('{"op":"connect","id":1,"token":"hush-message"}');
      if (answer.startsWith('yes')) {
        await client.waitFrame((m) => m.op === 'welcome');
        heard.push(client);
        await client.request('refresh', { token: 'hush-refresh' });
        await client.request('refresh', { token: 'hush-unknown' });
        await client.close();
      }
      await client.closed;
      heard.push(client);
    }
    const refused = answer.startsWith('yes') ? '' : (await refusal(hub, bearer('hush-header'))).body;
    const metrics = (await hub.metrics()).text;
    await hub.stop();
    const said = heard.flatMap((c) => c.frames.items.map((f) => f.text)).join('\n');
    for (const [where, all] of Object.entries({ log: hub.text, metrics, said, refused: String(refused) }))
      assert.ok(!all.includes('hush-'), `${answer}: a secret in ${where}: ${/.*hush-.*/.exec(all)?.[0]}`);
    for (const [where, all] of Object.entries({ metrics, said, refused: String(refused) }))
      assert.ok(!all.includes('for-the-log-alone'), `${answer}: the plugin's words in ${where}`);
  }
});

// ---- on the way ----

test('a client that goes while it is asked about leaves nothing', async (t) => {
  const hub = await startAuth(t, ['token never never', 'token slow yes user=slow after=300', ANN], { timeouts: { auth: '1s' } });
  for (let i = 0; i < 10; i++) {
    const raw = await Raw.connect(hub.port);
    raw.send(handshake({ host: `127.0.0.1:${hub.port}`, ...bearer(i < 5 ? 'never' : 'slow') }));
    await hub.askedFor('authenticate', i + 1);
    if (i % 2) raw.destroy();
    else raw.socket.end();
  }
  const ann = await connect(t, hub, bearer('ann-token'));
  await until(5000, 'only one is left', async () => (await hub.metrics()).sum('wshub_connections') === 1);
  await ann.publish('room:1', 1);
});

test('the handshake ends in time, whatever the plugins do', async (t) => {
  const hub = await startAuth(t, ['token never never'], { timeouts: { auth: '1h', handshake: '1s' } });
  const { status, json } = await refusal(hub, bearer('never'));
  assert.equal(status, 503);
  assert.equal(json.error.code, 'timeout');
});

test('a drain refuses who is asked about, and lets go who is held', async (t) => {
  const hub = await startAuth(t, ['token never never', ANN], { timeouts: { auth: '1m' }, drain: { delay: '0s', window: '0s', timeout: '5s' } });
  const held = attempt(t, hub);
  await held.opened;
  const connecting = attempt(t, hub);
  await connecting.opened;
  connecting.sendText('{"op":"connect","id":1,"token":"never"}');
  const asked = refusal(hub, bearer('never'));
  await hub.askedFor('authenticate', 4);
  hub.kill('SIGTERM');
  const { status, json } = await asked;
  assert.equal(status, 503);
  assert.equal(json.error.code, 'draining');
  for (const client of [held, connecting]) {
    await client.expectClose(1001);
    assert.equal(client.frames.items.at(-1).json.code, 'drain');
  }
  await hub.stop();
});

test('early bytes have an end', async (t) => {
  const hub = await startAuth(t, ['token never never'], { timeouts: { auth: '1m' } });
  const raw = await Raw.connect(hub.port);
  t.after(() => raw.destroy());
  raw.send(Buffer.concat([handshake({ host: `127.0.0.1:${hub.port}`, ...bearer('never') }), frame(OP.TEXT, 'x'.repeat(60000))]));
  assert.equal((await raw.head()).status, 413);
});

test('who is not let in yet piles nothing up', async (t) => {
  const hub = await startAuth(t, ['token slow yes user=slow after=300']);
  const COUNT = 3000;
  let refused = [];
  for (let tries = 0; refused.length === 0 && tries < 10; tries++) { // the kernel may cut what is sent at once
    const raw = await Raw.upgrade(hub.port);
    t.after(() => raw.destroy());
    raw.send(Buffer.concat([text({ op: 'connect', id: 'c', token: 'slow' }), ...Array.from({ length: COUNT }, (_, id) => text({ op: 'ping', id }))]));
    const answers = [];
    while (answers.length < COUNT + 2) answers.push(await raw.json());
    refused = answers.filter((m) => m.op === 'error');
    assert.ok(refused.every((m) => m.code === 'rate_limited' && m.retry), JSON.stringify(refused[0]));
    const done = answers.filter((m) => m.op === 'ok' && m.id !== 'c').map((m) => m.id);
    assert.ok(done.length >= 200, `${done.length} were kept`);
    assert.deepEqual(done, [...done].sort((x, y) => x - y), 'in order');
    assert.equal(answers.filter((m) => m.op === 'welcome').length, 1);
  }
  assert.ok(refused.length > 0);
});

test('limits hold for who is asked about', async (t) => {
  const hub = await startAuth(t, ['token never never', ANN], { timeouts: { auth: '1m' }, limits: { connections: 1 } });
  const first = attempt(t, hub, bearer('never'));
  await hub.askedFor('authenticate');
  const { status, json } = await refusal(hub, bearer('ann-token'));
  assert.equal(status, 503);
  assert.equal(json.error.code, 'limit');
  first.ws.terminate();
  await until(5000, 'its place is free', async () => (await refusalOrIn(t, hub)) === 'in');
});

async function refusalOrIn(t, hub) {
  const client = new Client(hub.url.replace('http', 'ws') + '/ws', bearer('ann-token'));
  t.after(() => client.ws.terminate());
  return within(5000, 'an answer', client.opened.then(() => 'in', (error) => error.status));
}
