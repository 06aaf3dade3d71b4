// SPDX-License-Identifier: MIT
// examples/auth-http: built against the installed SDK, loaded into a running hub, and asking backends of every kind.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Authority } from './support/certificates.js';
import { atEnd } from './support/cleanup.js';
import { Client, connect } from './support/client.js';
import { PROFILE, assertConforms, buildExample } from './support/example.js';
import { run, start, yaml } from './support/hub.js';
import { until, within } from './support/wait.js';

let example;
before(async () => { example = await buildExample('auth-http', 'http'); });
after(() => example?.end());

const SECRET = 'between-hub-and-backend';
const json = (value) => ({ body: JSON.stringify(value) });
const GRANTS = [{ pattern: 'room:*', verbs: ['subscribe', 'publish'] }, { pattern: 'of:{user}', verbs: ['subscribe'] }];
const FAILED = { status: 503, code: 'auth_unavailable' };
const REFUSED = { status: 401, code: 'unauthenticated' };

// A backend: answers(question, response) gives { status, body }, or answers by itself. `questions` is what it was asked.
class Backend {
  constructor(answers, tls) {
    this.answers = answers;
    this.questions = [];
    this.sockets = new Set();
    this.accepted = 0;
    const listener = (request, response) => this.take(request, response);
    this.server = tls ? https.createServer(tls, listener) : http.createServer(listener);
    this.server.on('connection', (socket) => {
      this.accepted++;
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
      socket.on('error', () => {});
    });
  }

  async take(request, response) {
    let text = '';
    for await (const part of request.setEncoding('utf8')) text += part;
    const question = JSON.parse(text);
    const { method, url, headers } = request;
    this.questions.push({ ...question, http: { method, url, authorization: headers.authorization, type: headers['content-type'] } });
    const answer = await this.answers(question, response);
    if (!answer) return;
    response.writeHead(answer.status ?? 200, { 'content-type': 'application/json', ...answer.headers });
    response.end(answer.body ?? '');
  }

  async listen(port = 0) {
    this.server.listen(port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = this.server.address().port;
    this.url = `http://127.0.0.1:${this.port}/wshub?from=hub`;
    return this;
  }

  async close() {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  asked(question) { return this.questions.filter((one) => one.question === question).length; }
}

async function backend(t, answers, options) {
  const one = await new Backend(answers, options?.tls).listen();
  atEnd(t, () => one.close());
  return one;
}

const yes = (question) => json({ allow: true, user: question.token, grants: GRANTS });

const configured = (url, options = {}, more = {}) => ({
  auth: [{ plugin: example.plugin, options: { url, secret: SECRET, cache_ttl: '0s', refusal_ttl: '0s', ...options } }],
  channels: [{ match: '*', subscribe: 'granted', publish: 'granted' }],
  ...more,
});

async function hubFor(t, url, options, more) {
  const hub = await start(configured(url, options, more));
  atEnd(t, () => hub.stop());
  return hub;
}

const shows = (token, headers = {}) => ({ headers: { ...headers, authorization: `Bearer ${token}` } });

// How a client that is not let in is told; null: it was let in.
async function refusal(hub, options) {
  const client = new Client(hub.url.replace(/^http/, 'ws') + '/ws', options);
  const error = await within(10000, 'an answer', client.opened.then(() => null, (reason) => reason));
  client.ws.terminate();
  if (error) assert.ok(error.status, error.message);
  return error && { status: error.status, code: JSON.parse(error.body).error.code };
}

async function stopClean(hub, ...secrets) {
  await hub.stop();
  for (const secret of [SECRET, ...secrets]) assert.ok(!hub.text.includes(secret), `${secret} in the log`);
}

test('the backend is told of the request, and its answer is who the client is', async (t) => {
  const app = await backend(t, (question) => json({ allow: true, user: '42', token_id: 't-1', expires_in: 3600, issued_at: 1700000000,
    info: { name: 'Änn' }, grants: GRANTS, unknown: question.question }));
  const hub = await hubFor(t, app.url, { headers: 'user-agent, x-tenant', cookies: 'session' });
  const client = await connect(t, hub, { ...shows('s3cret', { 'user-agent': 'test "1"', 'x-tenant': 'a', 'x-other': 'b', cookie: 'session=abc; ad=1' }), path: '/ws?a=b' });
  assert.equal(client.welcome.user, '42');
  assert.ok(client.welcome.expires_in_ms > 3500000 && client.welcome.expires_in_ms <= 3600000, JSON.stringify(client.welcome));
  await client.subscribe('room:1');
  await client.publish('room:1', 'hi');
  await client.subscribe('of:42');
  await client.fails('denied', 'subscribe', { channel: 'of:43' });
  await client.fails('denied', 'publish', { channel: 'of:42', data: 1 });
  const { headers, ...told } = app.questions[0];
  assert.deepEqual(told, {
    question: 'authenticate', method: 'GET', path: '/ws', query: 'a=b', cookies: [['session', 'abc']], address: '127.0.0.1',
    protocol: 'wshub.json.v1', token: 's3cret', connection: client.welcome.connection,
    http: { method: 'POST', url: '/wshub?from=hub', authorization: `Bearer ${SECRET}`, type: 'application/json' },
  });
  assert.deepEqual(headers.sort(), [['user-agent', 'test "1"'], ['x-tenant', 'a']]);
  assert.equal(app.questions.length, 1);
  await stopClean(hub, 's3cret', 'abc');
});

test('who shows nothing is not asked about, unless ask_anonymous', async (t) => {
  const app = await backend(t, (question) => json({ allow: question.token === undefined, grants: [] }));
  const quiet = await hubFor(t, app.url, {}, { timeouts: { connect: '0s' } });
  assert.deepEqual(await refusal(quiet, {}), REFUSED);
  assert.deepEqual(await refusal(quiet, { headers: { cookie: 'other=1' } }), REFUSED);
  assert.equal(app.questions.length, 0);
  const asking = await hubFor(t, app.url, { ask_anonymous: true });
  const client = await connect(t, asking);
  assert.equal(client.welcome.user, undefined);
  assert.equal(app.questions.length, 1);
});

test('a cookie is shown to the backend, of an allowed page only', async (t) => {
  const app = await backend(t, (question) => json({ allow: question.cookies[0]?.[1] === 'good', user: 'ann' }));
  const hub = await hubFor(t, app.url, { cookies: 'session' }, { origins: ['https://app.example.com'], timeouts: { connect: '0s' } });
  const page = (origin) => ({ origin, headers: { cookie: 'session=good' } });
  assert.equal((await connect(t, hub, page('https://app.example.com'))).welcome.user, 'ann');
  const evil = await within(5000, 'a refusal', new Client(hub.url.replace(/^http/, 'ws') + '/ws', page('https://evil.example')).opened.catch((error) => error));
  assert.equal(evil.status, 403);
  assert.equal(app.questions.length, 1, 'nothing is asked for a page that is not allowed');
  await stopClean(hub, 'session=good');
});

// token -> what the backend answers, how the client is told, and what stands in the log
const ANSWERS = {
  no: [() => json({ allow: false }), REFUSED, 'the backend says no'],
  expired: [() => json({ allow: false, expired: true }), { status: 401, code: 'token_expired' }, 'the backend says that it has expired'],
  s401: [() => ({ status: 401 }), REFUSED, 'the backend answered HTTP 401'],
  s403: [() => ({ status: 403, body: '{"allow":true}' }), REFUSED, 'the backend answered HTTP 403'],
  s404: [() => ({ status: 404 }), REFUSED, 'the backend answered HTTP 4xx: is the url right?'],
  s429: [() => ({ status: 429 }), FAILED, "the backend's answer has an HTTP status that is neither 200 nor a refusal"],
  s500: [() => ({ status: 500, body: '{"allow":true}' }), FAILED, "the backend's answer has an HTTP status that is neither 200 nor a refusal"],
  s302: [() => ({ status: 302, headers: { location: '/wshub/yes' } }), FAILED, "the backend's answer has an HTTP status that is neither 200 nor a refusal"],
  s204: [() => ({ status: 204 }), FAILED, "the backend's answer has an HTTP status that is neither 200 nor a refusal"],
  empty: [() => ({ body: '' }), FAILED, "the backend's answer is not JSON with allow, true or false"],
  garbage: [() => ({ body: '<html>yes</html>' }), FAILED, "the backend's answer is not JSON with allow, true or false"],
  list: [() => json([true]), FAILED, "the backend's answer is not JSON with allow, true or false"],
  text: [() => json({ allow: 'true' }), FAILED, "the backend's answer is not JSON with allow, true or false"],
  twice: [() => ({ body: '{"allow":true,"allow":true}' }), FAILED, "the backend's answer is not JSON with allow, true or false"],
  deep: [() => ({ body: '['.repeat(30000) }), FAILED, "the backend's answer is not JSON with allow, true or false"],
  user: [() => json({ allow: true, user: 42 }), FAILED, "user in the backend's answer is no string"],
  tokenId: [() => json({ allow: true, token_id: {} }), FAILED, "token_id in the backend's answer is no string"],
  expires: [() => json({ allow: true, expires_in: -1 }), FAILED, "expires_in in the backend's answer is no number of seconds above 0"],
  expiresText: [() => json({ allow: true, expires_in: '60' }), FAILED, "expires_in in the backend's answer is no number of seconds above 0"],
  issued: [() => json({ allow: true, issued_at: 1e300 }), FAILED, "issued_at in the backend's answer is no number of seconds since 1970"],
  grants: [() => json({ allow: true, grants: 'room:*' }), FAILED, "grants in the backend's answer is not a list of at most 1024"],
  manyGrants: [() => json({ allow: true, grants: Array(1025).fill(GRANTS[0]) }), FAILED, "grants in the backend's answer is not a list of at most 1024"],
  pattern: [() => json({ allow: true, grants: [{ verbs: ['send'] }] }), FAILED, "a grant in the backend's answer has no pattern"],
  verb: [() => json({ allow: true, grants: [{ pattern: 'x', verbs: ['fly'] }] }), FAILED, "a grant in the backend's answer has a verb that there is not"],
  verbs: [() => json({ allow: true, grants: [{ pattern: 'x', verbs: 'send' }] }), FAILED, "a grant in the backend's answer has no list of verbs"],
  info: [() => json({ allow: true, info: 'x'.repeat(5000) }), FAILED, "info in the backend's answer is larger than 4 KiB"],
  huge: [() => json({ allow: true, user: 'x'.repeat(10000000) }), FAILED, "the backend's answer is larger than answer_size"],
  slow: [() => null, FAILED, 'the backend did not answer in time'],
  halfway: [(response) => { response.writeHead(200, { 'content-length': 100 }); response.write('{"allow":true', () => response.socket.destroy()); }, FAILED, /partial|reset|failure/i],
  dropped: [(response) => { response.socket.destroy(); }, FAILED, /nothing|reset|failure/i],
  rubbish: [(response) => { response.socket.end('what is HTTP?\r\n\r\n'); }, FAILED, /HTTP|Weird|Unsupported|failure/i],
  trickle: [(response) => { response.write('{'); const timer = setInterval(() => response.write(' '), 50); response.on('close', () => clearInterval(timer)); }, FAILED, 'the backend did not answer in time'],
};

test('whatever else the backend answers lets nobody in', async (t) => {
  const app = await backend(t, (question, response) => (question.token === 'good' ? yes(question) : ANSWERS[question.token][0](response)));
  let hub;
  for (const [i, [token, [, expected, reason]]] of Object.entries(ANSWERS).entries()) {
    if (i % 8 === 0) hub = await hubFor(t, app.url, { timeout: '1s' }); // the log of one would leave some out
    const from = hub.log.items.length;
    assert.deepEqual(await refusal(hub, shows(token)), expected, token);
    const record = await hub.log.next((r) => r.reason !== undefined, { from, what: `a reason for ${token}` });
    if (typeof reason === 'string') assert.equal(record.reason, reason, token);
    else assert.match(record.reason, reason, token);
    assert.equal(await refusal(hub, shows('good')), null, `after ${token}`);
  }
});

test('1,000 logins at once over a few connections, which are kept', async (t) => {
  const app = await backend(t, yes);
  const hub = await hubFor(t, app.url, { connections: 8 });
  const clients = await Promise.all(Array.from({ length: 1000 }, (_, i) => Client.connect(hub, shows(`u${i}`))));
  t.after(() => clients.forEach((client) => client.ws.terminate()));
  clients.forEach((client, i) => assert.equal(client.welcome.user, `u${i}`));
  assert.equal(app.questions.length, 1000);
  assert.ok(app.accepted <= 8, `${app.accepted} connections`);
});

test('a backend that does not answer delays nobody else, and answers in time for each', async (t) => {
  const app = await backend(t, (question) => (question.token === 'slow' ? null : yes(question)));
  const hub = await hubFor(t, app.url, { timeout: '1s', connections: 2 });
  const client = await connect(t, hub, shows('early'));
  await client.subscribe('room:1');
  const stuck = Promise.all(Array.from({ length: 20 }, () => refusal(hub, shows('slow'))));
  await until(5000, 'both connections are taken', () => app.questions.filter((one) => one.token === 'slow').length === 2);
  for (let i = 0; i < 50; i++) {
    await client.publish('room:1', i);
    await client.waitMessage('room:1', (data) => data === i);
  }
  for (const end of await stuck) assert.deepEqual(end, FAILED);
  await hub.event('auth plugin failed: nobody is let in by that', { where: { reason: 'the backend is too slow: no connection was free in time' } });
  assert.equal(await refusal(hub, shows('late')), null);
});

test('more questions than in_flight fail at once', async (t) => {
  const app = await backend(t, () => null);
  const hub = await hubFor(t, app.url, { in_flight: 1, timeout: '3s' });
  const first = refusal(hub, shows('a'));
  await until(5000, 'the first question', () => app.questions.length === 1);
  assert.deepEqual(await refusal(hub, shows('b')), FAILED);
  await hub.event('auth plugin failed: nobody is let in by that', { where: { reason: 'too many questions are in flight: see in_flight' } });
  assert.equal(app.questions.length, 1);
  assert.deepEqual(await first, FAILED);
});

test('the backend goes away, and comes back', async (t) => {
  const app = await backend(t, yes);
  const hub = await hubFor(t, app.url);
  const early = await connect(t, hub, shows('early'));
  await app.close();
  assert.deepEqual(await refusal(hub, shows('meanwhile')), FAILED);
  await hub.log.next((r) => /^the backend fails: Could(n't| not) connect to server$/.test(r.event), { what: 'no connection' }); // in 7.88, 8.14
  await early.subscribe('room:1'); // who is in goes on
  const back = await new Backend(yes).listen(app.port);
  atEnd(t, () => back.close());
  assert.equal((await connect(t, hub, shows('later'))).welcome.user, 'later');
  await hub.event('the backend answers again');
});

test('a connection that the backend closed meanwhile is no failure', async (t) => {
  const app = await backend(t, yes);
  const hub = await hubFor(t, app.url);
  for (let i = 0; i < 5; i++) {
    assert.equal((await connect(t, hub, shows(`u${i}`))).welcome.user, `u${i}`);
    for (const socket of app.sockets) socket.destroy();
  }
});

test('the cache: asked once, told for whom, bounded, emptied by SIGHUP', async (t) => {
  const app = await backend(t, (question) => (question.token.startsWith('no') ? json({ allow: false }) : yes(question)));
  const hub = await hubFor(t, app.url, { cache_ttl: '1h', refusal_ttl: '1h', cache_size: 2 });
  const ask = async (token, count, headers) => {
    assert.equal((await refusal(hub, shows(token, headers))) === null, !token.startsWith('no'), token);
    assert.equal(app.questions.length, count, `questions after ${token}`);
  };
  await ask('a', 1);
  await ask('a', 1);
  await ask('no', 2);
  await ask('no', 2);
  await ask('a', 2, { 'user-agent': 'other' }); // the backend is not told of it
  await ask('b', 3); // in the place of the oldest, which is a
  await ask('no', 3);
  await ask('a', 4);
  await ask('a', 4);
  hub.child.kill('SIGHUP');
  await hub.event('asked the backend 4 times, knew the answer 5 times');
  await ask('a', 5);
  await stopClean(hub);
});

test('the cache keeps no yes beyond its own end, and no failure', async (t) => {
  let status = 500;
  const app = await backend(t, (question) => (question.token === 'fails' ? { status } : json({ allow: true, user: 'u', expires_in: 0.5 })));
  const hub = await hubFor(t, app.url, { cache_ttl: '1h', refusal_ttl: '1h' });
  assert.deepEqual(await refusal(hub, shows('fails')), FAILED);
  status = 401;
  assert.deepEqual(await refusal(hub, shows('fails')), REFUSED);
  const first = await connect(t, hub, shows('short'));
  await first.expectClose(4410);
  const second = await connect(t, hub, shows('short'));
  assert.equal(app.questions.filter((one) => one.token === 'short').length, 2);
  await second.expectClose(4410);
});

test('refresh and authorize are asked too', async (t) => {
  const app = await backend(t, (question) => {
    if (question.question === 'authorize') return json({ allow: question.channel === 'asked' && question.verb === 'subscribe' });
    if (question.question === 'refresh') return json({ allow: question.token === 'new', user: 'u', expires_in: 60 });
    return json({ allow: true, user: 'u', token_id: 'id', expires_in: 60, grants: GRANTS });
  });
  const hub = await hubFor(t, app.url, { authorize: true });
  const client = await connect(t, hub, shows('old'));
  await client.subscribe('room:1');
  assert.equal(app.asked('authorize'), 0, 'a grant covers it');
  await client.subscribe('asked');
  await client.fails('denied', 'publish', { channel: 'asked', data: 1 });
  await client.fails('denied', 'subscribe', { channel: 'other' });
  const { http: _, ...question } = app.questions.find((one) => one.question === 'authorize');
  assert.deepEqual(question, { question: 'authorize', verb: 'subscribe', channel: 'asked', user: 'u', token_id: 'id', connection: client.welcome.connection });
  await client.fails('denied', 'refresh', { token: 'bad' });
  const answer = await client.ok('refresh', { token: 'new' });
  assert.ok(answer.expires_in_ms > 50000, JSON.stringify(answer));
  assert.equal(app.asked('refresh'), 2);
  await stopClean(hub);
});

test('https: only with a certificate that is trusted', async (t) => {
  const authority = new Authority(t);
  const { cert, key } = authority.issue('backend', 'IP:127.0.0.1');
  const app = await backend(t, yes, { tls: { cert: readFileSync(cert), key: readFileSync(key) } });
  const url = app.url.replace('http:', 'https:');
  const hub = await hubFor(t, url, { ca_file: authority.file });
  assert.equal((await connect(t, hub, shows('tls'))).welcome.user, 'tls');
  const stranger = await hubFor(t, url, {});
  assert.deepEqual(await refusal(stranger, shows('tls')), FAILED);
  assert.equal(app.questions.length, 1);
});

test('the hub stops while questions are under way', async (t) => {
  const app = await backend(t, () => null);
  const hub = await hubFor(t, app.url, { connections: 2 });
  const waiting = Array.from({ length: 10 }, () => refusal(hub, shows('x')).catch(() => {}));
  await until(5000, 'two questions', () => app.questions.length === 2);
  await hub.stop();
  await Promise.all(waiting);
});

test('options that cannot be used are refused, and none of them is shown', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'wshub-http-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const wrong = [
    [{ url: 'ftp://127.0.0.1/x' }, 'url: found "ftp://127.0.0.1/x", expected http:// or https://'],
    [{ url: 'http://' }, 'expected a URL such as https://app.example.com/wshub'],
    [{ url: 'http://me:pw@127.0.0.1/' }, 'expected no user in it: use the option secret'],
    [{ timeout: '5s' }, 'expected less than timeouts.auth, or the hub gives up first'],
    [{ ca_file: '/nonexistent' }, 'expected a PEM file that can be read'],
    [{ secret: 'a\nb' }, 'expected printable characters of ASCII'],
    [{ connections: 0 }, 'connections: found'],
  ];
  for (const [options, expected] of wrong) {
    const file = join(directory, 'wshub.yaml');
    writeFileSync(file, yaml(configured('http://127.0.0.1:9/', options)));
    const end = await run(['check', '-c', file]);
    assert.equal(end.code, 2, end.stdout);
    assert.ok(end.stderr.includes(expected), `${end.stderr}\n${expected}`);
    assert.ok(!end.stderr.includes(SECRET));
  }
});

const inRelease = { skip: PROFILE !== 'release' && 'the kit measures time' };

test('the conformance kit', inRelease, async (t) => {
  const answers = { good: { allow: true, user: 'ann' }, bad: { allow: false }, old: { allow: false, expired: true }, odd: 'what?' };
  const app = await backend(t, ({ question, token, channel }) =>
    json(question === 'authorize' ? { allow: channel === 'asked' } : answers[token] ?? { allow: false }));
  await assertConforms(example, {
    options: { url: 'http://${BACKEND}/wshub', secret: SECRET, authorize: true, timeout: '500ms' }, // below what the kit waits in any case
    requests: [
      { token: 'good', expect: 'yes', user: 'ann', away: 'failure' },
      { token: 'bad', expect: 'no' },
      { token: 'old', expect: 'expired' },
      { token: 'odd', expect: 'failure' },
      { expect: 'pass' },
    ],
    authorize: [
      { token: 'good', verb: 'subscribe', name: 'asked', expect: 'yes' },
      { token: 'good', verb: 'publish', name: 'other', expect: 'no' },
    ],
    backend: { address: `127.0.0.1:${app.port}` },
  });
});
