// SPDX-License-Identifier: MIT
// What the hub says over plain HTTP: health, metrics, the page, refusals in JSON, and who is let in at all.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client, connect, connectMany } from './support/client.js';
import { start } from './support/hub.js';
import { Raw, closeFrame, handshake } from './support/raw.js';
import { SCALE, until } from './support/wait.js';

function assertRefusal(answer, status, code) {
  assert.equal(answer.status, status, answer.body);
  assert.match(answer.headers['content-type'], /^application\/json/);
  assert.deepEqual(Object.keys(answer.json), ['error']);
  assert.equal(typeof answer.json.error.code, 'string');
  if (code) assert.equal(answer.json.error.code, code);
  assert.ok(answer.json.error.message.length > 0, 'a refusal says why');
}

// A request by hand, for what no HTTP library would send.
async function ask(hub, head, body = '') {
  const raw = await Raw.connect(hub.port);
  raw.send(Buffer.from(head.join('\r\n') + '\r\n\r\n' + body, 'latin1'));
  const answer = await raw.answer({ head: head[0].startsWith('HEAD ') });
  raw.destroy();
  return answer;
}

test('health: /healthz and /readyz answer 200 once the hub is ready, and are not cached', async (t) => {
  const hub = await start({}, { t });
  for (const path of ['/healthz', '/readyz']) {
    const answer = await hub.get(path);
    assert.equal(answer.status, 200, `${path}: ${answer.body}`);
    assert.equal(answer.headers['cache-control'], 'no-store', path);
    assert.ok(answer.body.length > 0, path);
  }
});

test('metrics: valid Prometheus text, HELP and TYPE for every family, our prefix', async (t) => {
  const hub = await start({}, { t });
  const answer = await hub.get('/metrics');
  assert.match(answer.headers['content-type'], /^text\/plain; *version=0\.0\.4/);
  const { families, samples } = await hub.metrics(); // the reader throws at a second series or a lone sample
  for (const name of families.keys()) assert.match(name, /^(wshub|process)_/);
  for (const name of ['wshub_connections', 'wshub_channels', 'wshub_subscriptions'])
    assert.equal(families.get(name)?.type, 'gauge', name);
  for (const [name, { type }] of families)
    if (type === 'counter') assert.match(name, /_total$/, 'OpenMetrics: a counter is called _total');
  for (const { name, value } of samples) assert.ok(!Number.isNaN(value), name);
});

test('metrics: connections, channels and subscriptions follow what clients do', async (t) => {
  const hub = await start({ unsubscribe_linger: '0s' }, { t });
  const counts = async () => {
    const m = await hub.metrics();
    return ['wshub_connections', 'wshub_channels', 'wshub_subscriptions'].map((name) => m.sum(name));
  };
  const become = (wanted) => until(5000, `counts ${wanted}`, async () => String(await counts()) === String(wanted));
  await become([0, 0, 0]);
  const [a, b] = await connectMany(t, hub, 2);
  await become([2, 0, 0]);
  await a.subscribe('m:1');
  await b.subscribe('m:1');
  await b.subscribe('m:2');
  await become([2, 2, 3]);
  await b.unsubscribe('m:1');
  await become([2, 2, 2]);
  await b.close();
  await become([1, 1, 1]);
  await a.close();
  await become([0, 0, 0]);
});

test('page: HTML with a policy that lets nothing else in, on loopback by default', async (t) => {
  const hub = await start({}, { t });
  const answer = await hub.get('/');
  assert.equal(answer.status, 200);
  assert.match(answer.headers['content-type'], /^text\/html; *charset=utf-8$/i);
  const policy = answer.headers['content-security-policy'];
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /connect-src [^;]*'self'/);
  assert.doesNotMatch(policy, /unsafe-eval|\*/);
  assert.equal(answer.headers['x-content-type-options'], 'nosniff');
  assert.match(answer.body, /^<!doctype html>/i);
  assert.match(answer.body, /<title>wshub<\/title>/);
  assert.ok(answer.body.trimEnd().endsWith('</html>'), 'all of it');
});

test('page: off means that it is not there', async (t) => {
  const hub = await start({ page: 'off' }, { t });
  assertRefusal(await hub.get('/'), 404, 'not_found');
});

test('refusals: 404 for an unknown path, whatever its query', async (t) => {
  const hub = await start({}, { t });
  for (const path of ['/nothing', '/healthz/', '/HEALTHZ', '/ws/', '/nothing?x=/healthz', '/%68ealthz/x'])
    assertRefusal(await hub.get(path), 404, 'not_found');
  assert.equal((await hub.get('/healthz?verbose')).status, 200, 'a query changes nothing');
});

test('refusals: 405 with Allow for another method', async (t) => {
  const hub = await start({}, { t });
  for (const path of ['/', '/healthz', '/readyz', '/metrics'])
    for (const method of ['POST', 'PUT', 'DELETE']) {
      const answer = await hub.get(path, { method });
      assertRefusal(answer, 405, 'method_not_allowed');
      assert.match(answer.headers.allow ?? '', /\bGET\b/, `${method} ${path}`);
    }
});

test('refusals: HEAD is a GET without the body', async (t) => {
  const hub = await start({}, { t });
  for (const path of ['/', '/healthz', '/readyz', '/nothing']) {
    const get = await hub.get(path);
    const head = await ask(hub, [`HEAD ${path} HTTP/1.1`, 'Host: localhost']);
    assert.equal(head.status, get.status, path);
    assert.equal(head.body, '', path);
    assert.equal(head.headers['content-type'], get.headers['content-type'], path);
    if (path !== '/metrics') assert.equal(head.headers['content-length'], get.headers['content-length'], path);
  }
});

test('refusals: 400, 413, 414, 426, 431, 501 and 505 in JSON', async (t) => {
  const hub = await start({ limits: { http_head: '2KiB' } }, { t });
  const host = `Host: 127.0.0.1:${hub.port}`;
  assertRefusal(await ask(hub, ['GET /healthz', host]), 400, 'bad_request');
  assertRefusal(await ask(hub, ['GET /healthz HTTP/1.1', host, ': no name']), 400, 'bad_request');
  assertRefusal(await ask(hub, ['GET /healthz HTTP/1.1', host, 'Content-Length: 1', 'Content-Length: 2']), 400);
  assertRefusal(await ask(hub, ['POST /healthz HTTP/1.1', host, 'Content-Length: 1', 'Transfer-Encoding: chunked']), 400);
  assertRefusal(await ask(hub, ['POST /healthz HTTP/1.1', host, 'Content-Length: 100000000']), 413, 'too_large');
  assertRefusal(await ask(hub, [`GET /${'x'.repeat(3000)} HTTP/1.1`, host]), 414, 'too_large');
  assertRefusal(await ask(hub, ['GET /healthz HTTP/1.1', host, `X-Long: ${'x'.repeat(3000)}`]), 431, 'too_large');
  assertRefusal(await ask(hub, ['GET /healthz HTTP/1.1', host, ...Array.from({ length: 200 }, (_, i) => `X-Header-${i}: v`)]), 431, 'too_large');
  assertRefusal(await ask(hub, ['GET /ws HTTP/1.1', host]), 426, 'upgrade_required');
  assertRefusal(await ask(hub, ['BREW /healthz HTTP/1.1', host]), 501);
  assertRefusal(await ask(hub, ['GET /healthz HTTP/3.0', host]), 505);
  assertRefusal(await ask(hub, ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS client']), 400);
});

test('one request per connection: a second one behind it is not answered', async (t) => {
  const hub = await start({}, { t });
  const raw = await Raw.connect(hub.port);
  raw.send('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /nothing HTTP/1.1\r\nHost: a\r\n\r\n');
  const answer = await raw.answer(); // fails if anything follows the first body
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.connection, 'close');
  raw.destroy();
});

test('origins: same host by default, a list or a star by configuration', async (t) => {
  const open = async (hub, headers) => {
    const raw = await Raw.connect(hub.port);
    raw.send(handshake({ headers }));
    const { status } = await raw.head();
    raw.destroy();
    return status;
  };
  const same = await start({}, { t });
  const host = `127.0.0.1:${same.port}`;
  const table = [
    [{ Host: host }, 101], // no browser
    [{ Host: host, Origin: `http://${host}` }, 101],
    [{ Host: host, Origin: `https://${host}` }, 101], // TLS ended before us
    [{ Host: host, Origin: 'http://127.0.0.1' }, 403],
    [{ Host: host, Origin: `http://localhost:${same.port}` }, 403],
    [{ Host: host, Origin: `http://evil.example#${host}` }, 403],
    [{ Host: host, Origin: `http://${host}.evil.example` }, 403],
    [{ Host: host, Origin: 'null' }, 403],
    // A name that an attacker's DNS points at this machine is nobody's who was let in (P11).
    [{ Host: 'Hub.example', Origin: 'https://hub.example' }, 403],
  ];
  for (const [headers, status] of table) assert.equal(await open(same, headers), status, JSON.stringify(headers));

  const said = await start({ auth: 'none' }, { t });
  assert.equal(await open(said, { Host: 'Hub.example', Origin: 'https://hub.example' }), 101);
  assert.equal(await open(said, { Host: 'hub.example', Origin: 'https://other.example' }), 403);

  const list = await start({ origins: ['https://app.example.com', 'http://localhost:3000'] }, { t });
  assert.equal(await open(list, { Origin: 'https://app.example.com' }), 101);
  assert.equal(await open(list, { Origin: 'https://app.example.com:443' }), 101);
  assert.equal(await open(list, { Origin: 'http://localhost:3000' }), 101);
  assert.equal(await open(list, { Origin: 'http://app.example.com' }), 403);
  assert.equal(await open(list, { Origin: 'https://app.example.com.evil' }), 403);
  assert.equal(await open(list, { Host: 'a.example', Origin: 'http://a.example' }), 403, 'same-host was not listed');

  const any = await start({ origins: ['*'] }, { t });
  assert.equal(await open(any, { Origin: 'https://evil.example' }), 101);
  assert.equal(await open(any, { Origin: 'null' }), 101);
});

test('timeouts.handshake: a request that trickles in is cut with 408, however steadily it comes', async (t) => {
  const hub = await start({ timeouts: { handshake: '500ms' } }, { t });
  const raw = await Raw.connect(hub.port);
  const started = performance.now();
  const trickle = setInterval(() => raw.send('G'), 20);
  t.after(() => clearInterval(trickle));
  const head = await raw.head();
  const took = performance.now() - started;
  clearInterval(trickle);
  assert.equal(head.status, 408);
  assert.ok(took >= 400, `cut after only ${took} ms`);
  assert.ok(took < 2500 * SCALE, `cut only after ${took} ms`);
  await raw.end();
  assert.equal(JSON.parse(raw.buffer.toString()).error.code, 'timeout');
  raw.destroy();
});

test('timeouts.handshake: a silent connection is cut too, and one that upgraded lives on', async (t) => {
  const hub = await start({ timeouts: { handshake: '300ms' } }, { t });
  const quick = await Raw.upgrade(hub.port);
  await quick.welcome();
  const silent = await Raw.connect(hub.port);
  assert.equal((await silent.answer()).status, 408);
  silent.destroy();
  quick.send(closeFrame(1000)); // would find no connection if the deadline had hit it
  await quick.expectClose(1000, { answer: false });
});

test('limits.connections: beyond it an upgrade is refused with 503, and a place that is left is given again', async (t) => {
  const hub = await start({ limits: { connections: 3 } }, { t });
  const clients = await connectMany(t, hub, 3);
  const raw = await Raw.connect(hub.port);
  raw.send(handshake({ host: `127.0.0.1:${hub.port}` }));
  const answer = await raw.answer();
  assertRefusal(answer, 503);
  raw.destroy();
  assert.equal((await hub.get('/healthz')).status, 200, 'a full hub still answers its health');
  assert.ok((await hub.metrics()).text.length > 0, 'and its metrics');
  await clients[0].close();
  await until(5000, 'a free place', async () => {
    try { await connect(t, hub); return true; } catch (error) { assert.equal(error.status, 503); return false; }
  });
});

test('limits.connections_per_address: one too many is upgraded and closed with 4429', async (t) => {
  const hub = await start({ limits: { connections_per_address: 2 } }, { t });
  const [a] = await connectMany(t, hub, 2);
  const third = new Client(hub.url.replace('http', 'ws') + '/ws');
  const end = await third.expectClose(4429);
  assert.ok(end.reason.length > 0, 'it says why');
  assert.equal(third.frames.items.filter((f) => f.json.op === 'welcome').length, 0, 'no welcome');
  await a.barrier(); // those that were there are untouched
  await a.close();
  await until(5000, 'a free place', async () => {
    try { return await connect(t, hub); } catch { return false; }
  });
});
