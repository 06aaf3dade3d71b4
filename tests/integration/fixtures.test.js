// SPDX-License-Identifier: MIT
// The fixtures themselves, without a hub: a test that trusts a broken fixture proves nothing.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { atEnd } from './support/cleanup.js';
import { gather } from './support/crowd.js';
import { start } from './support/hub.js';
import { connect } from './support/client.js';
import { startProxy } from './support/proxy.js';
import { seeded, shuffle } from './support/random.js';
import { monitorRead, startRedis, startSentinel } from './support/redis.js';
import { Resp, RespError, respRead, respWrite } from './support/resp.js';
import { until, within } from './support/wait.js';

const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_, i) => i));

const isAlive = (pid) => { try { process.kill(pid, 0); return true; } catch { return false; } };

test('RESP: values are read whole or not at all, wherever the bytes are cut', () => {
  const bytes = Buffer.from('*4\r\n$3\r\na\r\n\r\n:-7\r\n*2\r\n$-1\r\n+OK\r\n-ERR no\r\n');
  for (let cut = 0; cut < bytes.length; cut++) assert.equal(respRead(bytes.subarray(0, cut)), undefined, `cut at ${cut}`);
  const [[text, number, [nothing, ok], error], end] = respRead(bytes);
  assert.deepEqual([text.toString(), number, nothing, ok, end], ['a\r\n', -7, null, 'OK', bytes.length]);
  assert.ok(error instanceof RespError && error.message === 'ERR no');
  assert.equal(respWrite(['SET', 'é', Buffer.from([0])]).toString('latin1'), '*3\r\n$3\r\nSET\r\n$2\r\n\xc3\xa9\r\n$1\r\n\0\r\n');
});

test('atEnd: in reverse order, all of them, and the first error counts', async () => {
  const [order, hooks] = [[], []];
  const fake = { after: (hook) => hooks.push(hook) };
  atEnd(fake, () => order.push(1));
  atEnd(fake, () => { order.push(2); throw new Error('two'); });
  atEnd(fake, async () => order.push(3));
  assert.equal(hooks.length, 1);
  await assert.rejects(hooks[0](), /two/);
  assert.deepEqual(order, [3, 2, 1]);
});

test('random: the same seed gives the same order', () => {
  const order = (seed) => shuffle(seeded(seed), Array.from({ length: 50 }, (_, i) => i)).join();
  assert.equal(order(7), order(7));
  assert.notEqual(order(7), order(8));
});

test('redis: commands are binary-safe both ways, errors reject, pipelines keep order', async (t) => {
  const redis = await startRedis(t);
  await redis.command('SET', EVERY_BYTE, EVERY_BYTE);
  assert.deepEqual(await redis.raw('GET', EVERY_BYTE), EVERY_BYTE);
  await assert.rejects(redis.command('LPUSH', EVERY_BYTE, 'x'), /WRONGTYPE/);
  assert.deepEqual(await Promise.all(Array.from({ length: 1000 }, (_, i) => redis.command('ECHO', i))), Array.from({ length: 1000 }, (_, i) => String(i)));
  assert.deepEqual(await redis.atomically(['SET', 'a', 1], ['INCR', 'a']), ['OK', 2]);
});

test('redis: a plain subscriber sees the bytes, and NUMSUB and the names of connections can be asked', async (t) => {
  const redis = await startRedis(t);
  const subscriber = await redis.subscribe('c', 'd');
  await redis.command('PUBLISH', 'c', EVERY_BYTE);
  assert.deepEqual(await subscriber.next('c'), { channel: 'c', payload: EVERY_BYTE });
  assert.equal(subscriber.count, 1);
  assert.deepEqual(await redis.subscriptions('c', 'd', 'e'), { c: 1, d: 1, e: 0 });
  await redis.command('CLIENT', 'SETNAME', 'wshub-x-pub');
  assert.deepEqual((await redis.clients()).map((c) => c.name), ['wshub-x-pub']);
  await subscriber.close();
  await until(5000, 'no subscription', async () => (await redis.subscriptions('c')).c === 0);
});

test('redis: MONITOR shows each command with its arguments', async (t) => {
  const redis = await startRedis(t);
  const monitor = await redis.monitor();
  await redis.command('SET', 'a "b"\n', '\\ c');
  await redis.command('PING');
  await monitor.next((line) => line.includes('"PING"'));
  assert.deepEqual(monitor.commands('SET').map((m) => m.args), [['SET', 'a "b"\n', '\\ c']]);
  assert.deepEqual(monitorRead('1.5 [0 unix:/s] "get" "\\xff\\x00"').args, ['get', '\xff\0']);
});

test('redis: entries are read with TTL, whatever type they have', async (t) => {
  const redis = await startRedis(t);
  await redis.command('SET', 'ws:a', '{}', 'PX', 60000);
  await redis.command('RPUSH', 'ws:b', 'x');
  const entries = await redis.entries();
  assert.deepEqual([...entries.keys()].sort(), ['ws:a', 'ws:b']);
  assert.ok(entries.get('ws:a').ttl > 50000);
  assert.equal(entries.get('ws:b').ttl, -1);
  assert.equal(entries.get('ws:b').value, undefined);
});

test('redis: killed, it is gone; restarted, it is empty on the same port', async (t) => {
  const redis = await startRedis(t);
  const { port, child: { pid } } = redis;
  await redis.command('SET', 'a', 1);
  await redis.kill9();
  assert.ok(!isAlive(pid));
  await assert.rejects(Resp.connect({ host: '127.0.0.1', port }), /ECONNREFUSED/);
  await redis.restart();
  assert.equal(redis.port, port);
  assert.equal(await redis.command('GET', 'a'), null);
});

test('redis: paused, it answers nothing; resumed, it answers what was asked', async (t) => {
  const redis = await startRedis(t);
  await redis.command('PING');
  redis.pause();
  const asked = redis.command('PING');
  let answered = false;
  asked.then(() => { answered = true; });
  await until(5000, 'stopped', () => readFileSync(`/proc/${redis.child.pid}/stat`, 'utf8').split(') ')[1][0] === 'T');
  assert.equal(answered, false);
  redis.resume();
  assert.equal(await asked, 'PONG');
});

test('redis: password, ACL users, and the UNIX socket', async (t) => {
  const redis = await startRedis(t, { config: { requirepass: 'secret', user: ['hub on >pw ~* &* +@all -subscribe'] } });
  await assert.rejects(redis.connect({}).then((c) => c.command('GET', 'a')), /NOAUTH/);
  await assert.rejects(redis.connect({ password: 'wrong' }), /WRONGPASS/);
  const hub = await redis.connect({ username: 'hub', password: 'pw' });
  await assert.rejects(hub.command('SUBSCRIBE', 'c'), /NOPERM/);
  const local = await Resp.connect({ path: redis.socketPath }, { password: 'secret' });
  assert.equal(await local.command('PING'), 'PONG');
  await local.close();
});

test('redis: stopped, its process and its directory are gone, even when it was paused', async (t) => {
  const redis = await startRedis(t);
  const { directory, child: { pid } } = redis;
  redis.pause();
  await redis.stop();
  assert.ok(!isAlive(pid));
  assert.ok(!existsSync(directory));
});

test('sentinel: names the master, and after its death the replica', async (t) => {
  const master = await startRedis(t);
  const replica = await startRedis(t, { config: { replicaof: `127.0.0.1 ${master.port}` } });
  const sentinel = await startSentinel(t, master);
  const named = async () => Number((await sentinel.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'main'))[1]);
  assert.equal(await named(), master.port);
  await until(15000, 'the sentinel knows the replica', async () =>
    (await replica.command('INFO', 'replication')).includes('master_link_status:up') &&
    (await sentinel.command('SENTINEL', 'REPLICAS', 'main')).length === 1);
  await master.kill9();
  await until(20000, 'the failover', async () => (await named()) === replica.port);
});

// ---- the proxy ----

async function behindProxy(t) {
  const redis = await startRedis(t);
  const proxy = await startProxy(t, redis);
  const dial = async () => {
    const client = await Resp.connect({ host: '127.0.0.1', port: proxy.port });
    atEnd(t, () => client.close());
    return client;
  };
  return { redis, proxy, dial, client: await dial() };
}

const BULK = 'x'.repeat(100_000);

test('proxy: passes everything, counts connections', async (t) => {
  const { proxy, dial, client } = await behindProxy(t);
  assert.deepEqual(await client.raw('ECHO', EVERY_BYTE), EVERY_BYTE);
  assert.equal(await client.command('ECHO', BULK), BULK);
  await dial();
  assert.equal(proxy.connections, 2);
  assert.equal(proxy.pairs.size, 2);
  proxy.reset();
  await within(5000, 'the end', client.closed);
  assert.equal(proxy.pairs.size, 0);
});

test('proxy: delays, and keeps the order when it stops delaying', async (t) => {
  const { proxy, client } = await behindProxy(t);
  proxy.switch('delay', { ms: 200 });
  const since = performance.now();
  const slow = client.command('ECHO', 'slow');
  await until(5000, 'the reply is held back', () => [...proxy.pairs][0].quick === false);
  proxy.switch('pass');
  assert.deepEqual(await Promise.all([slow, client.command('ECHO', 'quick')]), ['slow', 'quick']);
  assert.ok(performance.now() - since >= 195);
});

test('proxy: cuts after so many bytes of replies', async (t) => {
  const { proxy, client } = await behindProxy(t);
  proxy.switch('cut', { after: 5 });
  let got = 0;
  client.socket.prependListener('data', (part) => { got += part.length; });
  await assert.rejects(client.command('ECHO', 'hello'), /closed|ECONNRESET/);
  assert.ok(got <= 5, `${got} bytes came through`);
});

test('proxy: truncates and garbles, the same with the same seed', async (t) => {
  const { proxy, client, dial } = await behindProxy(t);
  const reply = async (connection, mode, options) => {
    proxy.switch(mode, options);
    let got = Buffer.alloc(0);
    connection.socket.removeAllListeners('data');
    connection.socket.on('data', (part) => { got = Buffer.concat([got, part]); });
    connection.raw('ECHO', BULK.slice(0, 1000)).catch(() => {});
    await until(5000, 'some bytes', () => got.length > 0);
    return got;
  };
  const garbled = { one: 20, seed: 3 };
  const first = await reply(client, 'garble', garbled);
  const whole = respWrite([BULK.slice(0, 1000)]).subarray(4);
  assert.equal(first.length, whole.length);
  assert.ok(!first.equals(whole));
  assert.deepEqual(await reply(await dial(), 'garble', garbled), first);
  assert.ok((await reply(await dial(), 'truncate', { one: 1, seed: 5 })).length < whole.length);
});

test('proxy: in a blackhole nothing comes, and then all of it', async (t) => {
  const { proxy, client } = await behindProxy(t);
  proxy.switch('blackhole');
  const asked = client.command('ECHO', 'old');
  const late = Resp.connect({ host: '127.0.0.1', port: proxy.port }); // the kernel connects it
  const fresh = (await late).command('ECHO', 'new');
  await until(5000, 'the second connection', () => proxy.pairs.size === 2);
  assert.deepEqual([...proxy.pairs].map((p) => p.passed), [0, 0]);
  proxy.switch('pass');
  assert.deepEqual(await Promise.all([asked, fresh]), ['old', 'new']);
  await (await late).close();
});

test('proxy: stalled, the output buffer of the server fills', async (t) => {
  const { redis, proxy, client } = await behindProxy(t);
  await redis.command('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 65536 0 0');
  await client.streaming('SUBSCRIBE', 'c');
  proxy.switch('stall');
  await until(20000, 'Redis gives the reader up', async () => {
    await redis.command('PUBLISH', 'c', BULK);
    return (await redis.subscriptions('c')).c === 0;
  });
  proxy.switch('pass');
  await within(5000, 'the end is passed on', client.closed);
});

test('proxy: refused connections end at once, those there go on', async (t) => {
  const { proxy, dial, client } = await behindProxy(t);
  proxy.switch('refuse');
  const refused = await dial();
  await within(5000, 'the end', refused.closed);
  assert.equal(await client.command('PING'), 'PONG');
});

// ---- the crowd, with the memory broker ----

test('crowd: a thousand subscribers each get every message once', async (t) => {
  const hub = await start({ limits: { connections: 5000 } }, { t });
  const crowd = await gather(t, hub, 1000, 'all');
  const publisher = await connect(t, hub);
  for (let n = 0; n < 3; n++) await publisher.publish('all', n);
  await crowd.each(3);
});
