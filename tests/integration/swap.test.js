// SPDX-License-Identifier: MIT
// Swapping a broker is a line of YAML, and no client can tell: the same scenes are played on every broker, on three
// instances where it joins instances, and what each client sent and got is compared to the letter with the transcripts in
// transcripts/. They are what the memory broker gives, where one instance carries all clients; WSHUB_TEST_WRITE=1 writes
// them anew, from the memory broker, and the outage from redis.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { BACKENDS, capabilities } from './support/backends.js';
import { atEnd } from './support/cleanup.js';
import { start } from './support/hub.js';
import { untilReady } from './support/redis_hub.js';
import { Play, collapse, transcriptDiff } from './support/transcript.js';

// All but the broker. 64 KiB is the default of limits.message, said because a scene goes to the edge of it.
const HUB = `
listen: 127.0.0.1:0
unsubscribe_linger: 0s
limits: {message: 64KiB, channels_per_connection: 300}
drain: {delay: 0s, window: 0s, timeout: 10s}
channels:
  - {match: "staff:*", subscribe: server, publish: server}
  - {match: "news:*", publish: server}
`;

const everybody = (play, act) => Promise.all(play.players.map(act));
const numbers = (count) => Array.from({ length: count }, (_, n) => n);

// ---- scenes --------------------------------------------------------------------------------------------------------

async function rooms(play) {
  const { ann, bob, cid, dan, eve } = await play.enter('ann', 'bob', 'cid', 'dan', 'eve', 'fay');
  await play.step('everybody subscribes', () => everybody(play, (p) => p.subscribe('room')));
  for (const speaker of [ann, bob, cid])
    await play.step(`${speaker.name} speaks, and hears it once`, () => speaker.publish('room', `from ${speaker.name}`));
  await play.step('all speak at once', () => everybody(play, (p) => p.publish('room', { from: p.name })));
  await play.step('two leave the channel', () => Promise.all([ann.unsubscribe('room'), dan.unsubscribe('room')]));
  await play.step('who has left hears nothing, and may still speak', () => Promise.all([bob.publish('room', 1), dan.publish('room', 2)]));
  await play.step('and comes back', () => Promise.all([ann.subscribe('room'), dan.subscribe('room')]));
  await play.step('to hear what comes from then on', () => eve.publish('room', 3));
  await play.step('nobody is there', () => cid.publish('empty', 'into the void'));
}

async function apart(play) {
  const { ann, bob, cid } = await play.enter('ann', 'bob', 'cid');
  await play.step('each has two channels of three', async () => {
    for (const [player, ...channels] of [[ann, 'a', 'b'], [bob, 'b', 'c'], [cid, 'c', 'a']])
      await Promise.all(channels.map((channel) => player.subscribe(channel)));
  });
  await play.step('each hears its own two', () => everybody(play, (p) => Promise.all(['a', 'b', 'c'].map((c) => p.publish(c, `${p.name} to ${c}`)))));
}

async function acknowledged(play) {
  const { ann, bob, cid } = await play.enter('ann', 'bob', 'cid');
  await play.step('what is published after the answer to a subscribe arrives', async () => {
    for (const n of numbers(20)) {
      await ann.subscribe(`p2:${n}`);
      await bob.publish(`p2:${n}`, n);
    }
  });
  await play.step('and nothing after the answer to an unsubscribe', async () => {
    for (const n of numbers(20)) {
      cid.publish(`p2:${n}`, { may: 'cross it' });
      await ann.unsubscribe(`p2:${n}`);
      await bob.publish(`p2:${n}`, 'late');
    }
  });
  await play.step('away and back, all asked at once', () => {
    for (const n of numbers(10)) { ann.subscribe(`flap:${n}`); ann.unsubscribe(`flap:${n}`); ann.subscribe(`flap:${n}`); }
  });
  await play.step('it is there', () => Promise.all(numbers(10).map((n) => cid.publish(`flap:${n}`, n))));
}

async function excluded(play) {
  const players = await play.enter('ann', 'bob', 'cid', 'dan', 'eve', 'fay');
  const { ann, bob, cid, dan, eve } = players;
  await play.step('everybody subscribes', () => everybody(play, (p) => p.subscribe('room')));
  await play.step('all but the speaker', () => ann.publish('room', 'typing', { exclude: [ann.id] }));
  await play.step('one on each instance is left out', () => bob.publish('room', 'some', { exclude: [ann.id, bob.id, cid.id] }));
  await play.step('all are left out', () => cid.publish('room', 'none', { exclude: play.players.map((p) => p.id) }));
  await play.step('a stranger is left out', () => dan.publish('room', 'all', { exclude: ['0'.repeat(32)] }));
  await play.step('nobody is left out', () => eve.publish('room', 'all', { exclude: [] }));
  await play.step('no list of connections', () => Promise.all(['x', 1, [1], ['two words'], Array(33).fill(ann.id)]
    .map((exclude) => ann.publish('room', 'never', { exclude }))));
}

// Text of JSON, which must arrive as it was written.
const PAYLOADS = [
  'null', 'true', 'false', '0', '-0', '1.0', '1e400', '-12.50E-3', '123456789012345678901234567890', '""', '"text"', '[]', '{}',
  '{"a" : 1.0,\n "a":\t[2 ,3]}', '"\\u0000\\u001f\\"\\\\\\/\\n"', '"caf\\u00e9"', '"café"', '"cafe\u0301"', '"\u{1f600}\u{10ffff}"',
  '"\\ud83d\\ude00"', '"\u2028\u2029\ufeff\ufffe"', '"\u05e9\u05dc\u05d5\u05dd \u4f60\u597d"', '{"":{"":[[[[[]]]]]}}',
  '"<script>&amp;\'%00%s"', '"PUB room 4\\r\\nboom"', '{"op":"message","channel":"room"}',
];

async function payloads(play) {
  const { ann, bob } = await play.enter('ann', 'bob', 'cid');
  await play.step('everybody subscribes', () => everybody(play, (p) => p.subscribe('room')));
  await play.step('every kind of JSON', () => Promise.all(PAYLOADS.map((raw) => ann.publishRaw('room', raw))));
  await play.step('large', () => Promise.all([1000, 4096, 16384, 65000].map((size) => bob.publish('room', 'x'.repeat(size)))));
  await play.step('large, of characters that take four bytes', () => bob.publish('room', '\u{1f600}'.repeat(16000)));
  await play.step('large and small in turn', () => Promise.all(numbers(10).flatMap((n) => [ann.publish('room', 'y'.repeat(60000)), ann.publish('room', n)])));
  await play.step('no JSON', () => ['nul', '{"a":1,}', '"\\x"', '01', "'a'"].forEach((raw) => ann.say(`{"op":"publish","channel":"room","data":${raw}}`)));
}

// What means something to some broker: separators, wildcards, prefixes, and names that differ in little.
const NAMES = [
  'a', 'A', 'a ', ' a', ' ', 'a b', 'a.b', 'a..b', '.', '..', '.a', 'a.', 'a/b', 'a//b', '/', '//', '/a', 'a/', '*', 'a*', '*.b', 'a.*', '?', '[a-z]', '>', 'a.>', '>.a',
  '#', 'a/#', '/#', '+', '+/b', 'a/+', '+/+', '$', '$SYS', '$SYS/broker', '$SYS.>', '$JS.API', '$KV', '$share/g/a', '_INBOX.a', '_INBOX.>', 'ws:conn:a', 'ws:instance:one',
  '%', '%20', 'a%2Eb', 'a%', '=', 'a=2E', '\\', '\\x2e', '"', '\'', '`', '{}', ':', '::', ',', ';', '~', '^', '|', '&', '@', '!', '-', '_', '__keyspace@0__:a',
  '\u00e9', 'e\u0301', '\u05e9', '\u4f60', '\u{1f600}', '\u00a0', '\u2028', '\ufeff', '\ufeffa', '\ufffd', '\ufffe', '\uffff', '\u{1fffe}', '\u{10ffff}',
  'x'.repeat(255), `${'x'.repeat(254)}y`, '.'.repeat(255), '/'.repeat(255), ' '.repeat(255), '*'.repeat(255), '\u00e9'.repeat(127), '\u{1f600}'.repeat(63), 'a.'.repeat(127), '/a'.repeat(127),
];

async function names(play) {
  const { ann, bob, cid } = await play.enter('ann', 'bob', 'cid');
  await play.step('names that are none', () => Promise.all(['', 'a\nb', 'a\0', '\x7f', '\u0085', 'x'.repeat(256), '\u00e9'.repeat(128), '$wshub', '$wshub:probe:one']
    .map((name) => ann.subscribe(name))));
  await play.step('ann has one half of the names, cid the other', () => Promise.all(NAMES.map((name, i) => (i % 2 ? cid : ann).subscribe(name))));
  await play.step('each name is a channel of its own', () => Promise.all(NAMES.map((name, i) => bob.publish(name, i))));
  await play.step('half of them are left', () => Promise.all(NAMES.map((name, i) => i % 4 < 2 && (i % 2 ? cid : ann).unsubscribe(name))));
  await play.step('and the others stay', () => Promise.all(NAMES.map((name, i) => bob.publish(name, i))));
}

async function refused(play) {
  const { ann, bob, cid } = await play.enter('ann', 'bob', 'cid');
  await play.step('ann and bob subscribe', () => Promise.all([ann.subscribe('room'), bob.subscribe('room')]));
  await play.step('twice, or never', () => Promise.all([ann.subscribe('room'), cid.unsubscribe('room'), cid.unsubscribe('never')]));
  await play.step('denied', () => Promise.all([ann.subscribe('staff:1'), ann.publish('staff:1', 1), ann.subscribe('news:1'), bob.publish('news:1', 1),
    cid.publish('$wshub:probe:one', 1)]));
  await play.step('no such operation, and those that miss something', () => Promise.all(['shout', 'presence', 'send', 'refresh'].map((op) => ann.ask(op, { channel: 'room' }))));
  await play.step('members that are missing or wrong', () => Promise.all([ann.ask('subscribe'), ann.ask('publish', { channel: 'room' }), ann.ask('publish', { data: 1 }),
    ann.ask('subscribe', { channel: 1 }), ann.ask('unsubscribe', { channel: null })]));
  await play.step('no operation at all', () => ['{}', '[]', '1', '{', '"text"'].forEach((text) => ann.say(text)));
  await play.step('a failed subscribe leaves nothing behind', () => Promise.all([ann.unsubscribe('staff:1'), ann.unsubscribe('shout')]));
  await play.step('too large for the hub', () => {
    cid.say(`{"op":"publish","channel":"room","data":"${'x'.repeat(66000)}"}`);
    return cid.ended();
  });
  await play.step('all the others go on', () => Promise.all([ann.publish('room', 'still'), bob.publish('room', 'here')]));
}

async function leaving(play) {
  const { ann, bob, cid, dan, eve } = await play.enter('ann', 'bob', 'cid', 'dan', 'eve', 'fay');
  await play.step('everybody subscribes', () => everybody(play, (p) => p.subscribe('room')));
  await play.step('ann speaks and closes', async () => {
    await ann.publish('room', 'goodbye');
    await Promise.all(play.players.map((p) => p.awaits('message', 'room')));
    await ann.leave();
  });
  await play.step('bob is gone without a word', () => bob.leave(null));
  await play.step('nobody else notices', () => Promise.all([cid.publish('room', 1), dan.publish('room', 2), eve.publish('room', 3)]));
  await play.step('cid and fay close: their instance has nobody left', () => Promise.all([cid.leave(), play.players.at(-1).leave()]));
  await play.step('two are left', () => dan.publish('room', 4));
  const { gus } = await play.enter('gus');
  await play.step('a newcomer is another sender', async () => {
    await gus.subscribe('room');
    await gus.publish('room', 5);
  });
}

async function many(play) {
  const { ann, bob, cid, dan } = await play.enter('ann', 'bob', 'cid', 'dan');
  const channels = numbers(300).map((n) => `many:${n}`);
  await play.step('three clients take 300 channels each, at once', () => [ann, bob, cid].forEach((p) => channels.forEach((c) => p.subscribe(c))));
  await play.step('a message to each', () => channels.forEach((c, n) => dan.publish(c, n)));
  await play.step('one channel too many', () => ann.subscribe('many:300'));
  await play.step('a hundred are left, at once', () => [ann, bob, cid].forEach((p) => channels.slice(100, 200).forEach((c) => p.unsubscribe(c))));
  await play.step('a message to each, from another', () => channels.forEach((c, n) => ann.publish(c, n)));
}

async function burst(play) {
  const { ann, bob, cid } = await play.enter('ann', 'bob', 'cid', 'dan', 'eve', 'fay');
  await play.step('everybody subscribes', () => everybody(play, (p) => p.subscribe('room')));
  await play.step('each speaker keeps its order', () => [ann, bob, cid].forEach((p) => numbers(200).forEach((n) => p.publish('room', n))));
  await play.step('on two channels in turn', () => numbers(10).forEach((n) => ann.publish(n % 2 ? 'room' : 'other', n)));
}

const SCENES = { rooms, apart, acknowledged, excluded, payloads, names, refused, leaving, many, burst };

// ---- the same everywhere -------------------------------------------------------------------------------------------

const fileOf = (name) => new URL(`./transcripts/${name}.txt`, import.meta.url);

function assertSame(name, got, { backend, author }) {
  if (process.env.WSHUB_TEST_WRITE && backend === author) writeFileSync(fileOf(name), got);
  const diff = transcriptDiff(readFileSync(fileOf(name), 'utf8'), got);
  assert.ok(!diff, `what clients of ${backend} sent (>) and got (<) is not transcripts/${name}.txt: - is missing, + is new. ` +
    `If all brokers shall say so from now on, write it anew with WSHUB_TEST_WRITE=1.\n${diff}`);
}

// `rules`: more of the list of channels.
async function startHubs(t, broker, instances, rules = []) {
  const names = ['one', 'two', 'three'].slice(0, instances);
  return Promise.all(names.map(async (name) => {
    const hub = await start(`${HUB}${rules.map((rule) => `  - ${rule}\n`).join('')}instance_id: ${name}\n${broker.line}\n`);
    atEnd(t, () => hub.stop());
    return hub;
  }));
}

async function perform(hubs, scene, options) {
  const play = new Play(hubs, options);
  try { await scene(play); } finally { play.end(); }
  return play.text;
}

async function performAll(t, hubs, name, options) {
  for (const [title, scene] of Object.entries(SCENES))
    await t.test(title, async () => assertSame(title, await perform(hubs, scene, options), { backend: name, author: 'memory' }));
}

for (const { name, instances, missing, start: startBroker } of BACKENDS) {
  test(`${name}: what clients see on ${instances} instance${instances > 1 ? 's' : ''} is what they see everywhere`, { skip: missing() }, async (t) => {
    const broker = await startBroker(t);
    assert.doesNotMatch(broker.line, /\n/, 'one line of YAML');
    const hubs = await startHubs(t, broker, instances);
    await performAll(t, hubs, name);
  });
}

// ---- what only some brokers can do ---------------------------------------------------------------------------------

const CLAIMED = await capabilities();

// Why it cannot be tried: no broker here, or one that says itself that it cannot.
const without = ({ name, missing }, capability) => missing() ?? (CLAIMED[name].includes(capability) ? undefined : `${name} has no capability ${capability}`);

for (const backend of BACKENDS) {
  test(`${backend.name}: a history changes nothing but positions for who is there`, { skip: without(backend, 'history') }, async (t) => {
    const hubs = await startHubs(t, await backend.start(t), backend.instances, ['{match: "*", history: {size: 100, ttl: 1m}}']);
    await performAll(t, hubs, backend.name, { positions: false });
  });
}

async function histories(play) {
  const { ann, bob, cid, dan, eve } = await play.enter('ann', 'bob', 'cid', 'dan', 'eve', 'fay');
  const fay = play.players[5];
  const channel = 'log:1';
  const places = [];
  const publish = async (player, data, more) => { places.push((await player.publish(channel, data, more)).position); };
  const recover = (player, since) => player.ask('subscribe', { channel, since });
  await play.step('bob is there, and others publish', async () => {
    await bob.subscribe(channel);
    for (const [n, player] of [ann, bob, cid, ann, bob, cid].entries()) await publish(player, n + 1);
    await bob.gets(channel, 6);
  });
  await play.step('who subscribes is told where it stands', () => cid.subscribe(channel));
  await play.step('who comes back gets what it has missed', () => Promise.all([recover(dan, places[2]), recover(eve, places[5]), dan.gets(channel, 6)]));
  await play.step('and then what is live', async () => {
    await publish(ann, 7);
    await Promise.all([bob, cid, dan, eve].map((p) => p.gets(channel, 7)));
  });
  await play.step('of another history nothing is known', () => recover(ann, { epoch: 'another', offset: 3 }));
  await play.step('all hear the next, and who is left out does not', async () => {
    await publish(fay, 8, { exclude: [eve.id] });
    await Promise.all([ann, bob, cid, dan].map((p) => p.gets(channel, 8)));
  });
  await play.step('nor when it comes back', async () => {
    await eve.unsubscribe(channel);
    await publish(ann, 9);
    await Promise.all([ann, bob, cid, dan].map((p) => p.gets(channel, 9)));
    await Promise.all([recover(eve, places[6]), eve.gets(channel, 9)]);
  });
  await play.step('pages, oldest first', async () => {
    await fay.ask('history', { channel, limit: 4 });
    await fay.ask('history', { channel, limit: 4, since: places[3] });
    await fay.ask('history', { channel, since: places[8] });
  });
  await play.step('pages, newest first', async () => {
    await fay.ask('history', { channel, limit: 3, reverse: true });
    await fay.ask('history', { channel, limit: 2, reverse: true, since: places[2] });
    await fay.ask('history', { channel, limit: 0 });
  });
  await play.step('no histories', () => Promise.all([fay.ask('history', { channel: 'other' }), fay.ask('subscribe', { channel: 'other', since: places[0] }),
    fay.ask('subscribe', { channel, since: { epoch: 'e' } }), fay.ask('history', { channel, limit: 1001 }), fay.ask('history', { channel, since: { epoch: 'another', offset: 3 } })]));
}

for (const backend of BACKENDS) {
  test(`${backend.name}: histories`, { skip: without(backend, 'history') }, async (t) => {
    const hubs = await startHubs(t, await backend.start(t), backend.instances, ['{match: "log:*", history: {size: 100, ttl: 1m}}']);
    assertSame('histories', await perform(hubs, histories, { marks: false }), { backend: backend.name, author: 'memory' });
  });
}

async function keys(play) {
  const { ann, bob, cid } = await play.enter('ann', 'bob', 'cid');
  await play.step('bob and cid subscribe', () => Promise.all([bob.subscribe('log:1'), cid.subscribe('log:1')]));
  await play.step('a key publishes once', async () => {
    await ann.publish('log:1', 'once', { key: 'order-1' });
    await bob.publish('log:1', 'again', { key: 'order-1' });
    await cid.publish('log:1', 'and again', { key: 'order-1' });
    await ann.publish('log:2', 'elsewhere', { key: 'order-1' });
    await ann.publish('log:1', 'other', { key: 'order-2' });
    await Promise.all([bob.gets('log:1', 'other'), cid.gets('log:1', 'other')]);
  });
  await play.step('no keys', () => Promise.all(['', 'two words', 'x'.repeat(65), 7].map((key) => ann.publish('log:1', 'never', { key }))));
  await play.step('nor where there is no history', () => ann.publish('other', 'never', { key: 'order-3' }));
}

for (const backend of BACKENDS) {
  test(`${backend.name}: keys`, { skip: without(backend, 'idempotent') }, async (t) => {
    const hubs = await startHubs(t, await backend.start(t), backend.instances, ['{match: "log:*", history: {size: 100, ttl: 1h}}']);
    assertSame('keys', await perform(hubs, keys, { marks: false }), { backend: backend.name, author: 'memory' });
  });
}

async function lastValues(play) {
  const { ann, bob, cid, dan, eve } = await play.enter('ann', 'bob', 'cid', 'dan', 'eve');
  const names = ['last:1', 'last: a.b/#*>+', 'last:empty'];
  const [one, nasty] = names;
  await play.step('nobody is there', async () => {
    for (const n of [1, 2, 3]) await ann.publish(one, { n });
    await ann.publish(nasty, 'kept');
    await ann.publish('other', 'not kept');
  });
  await play.step('who comes gets the latest, on any instance', () => Promise.all([bob, cid].flatMap((p) => [
    ...[...names, 'other'].map((name) => p.subscribe(name)), p.awaits('message', one), p.awaits('message', nasty)])));
  await play.step('who is there gets all, and no mark', () => Promise.all([ann.publish(one, { n: 4 }), bob.awaits('message', one), cid.awaits('message', one)]));
  await play.step('who comes later, or again, has it once', async () => {
    await bob.unsubscribe(one);
    await Promise.all([ann, bob, dan].flatMap((p) => [p.subscribe(one), p.awaits('message', one)]));
  });
  await play.step('one is left out', () => Promise.all([dan.publish(one, { n: 5 }, { exclude: [eve.id] }), ...[ann, bob, cid, dan].map((p) => p.awaits('message', one))]));
  await play.step('also of the last value', () => eve.subscribe(one));
}

for (const backend of BACKENDS) {
  test(`${backend.name}: last values`, { skip: without(backend, 'last_value') }, async (t) => {
    const hubs = await startHubs(t, await backend.start(t), backend.instances, ['{match: "last:*", last_value: true}']);
    assertSame('last-values', await perform(hubs, lastValues, { marks: false }), { backend: backend.name, author: 'memory' });
  });
}

// ---- an outage -----------------------------------------------------------------------------------------------------

const outage = (broker) => async (play) => {
  const { ann, bob, cid, dan, eve } = await play.enter('ann', 'bob', 'cid', 'dan', 'eve', 'fay');
  await play.step('everybody subscribes, some to more', () => Promise.all([...play.players.map((p) => p.subscribe('room')), cid.subscribe('other'), dan.subscribe('other')]));
  await play.step('messages flow', () => Promise.all([ann.publish('room', 1), bob.publish('other', 2)]));
  const from = play.hubs.map((hub) => hub.log.items.length);
  await broker.kill9();
  await Promise.all(play.hubs.map((hub, i) => hub.event('broker down', { from: from[i], deadline: 15000 })));
  await play.step('the broker is dead: what needs it fails', () => Promise.all([ann, bob, cid].flatMap((p) => [p.publish('room', 'lost'), p.subscribe('new'), p.subscribe('room')])));
  await play.step('and what does not need it works', () => Promise.all([dan.unsubscribe('room'), eve.ask('ping'), eve.unsubscribe('never')]));
  await broker.restart();
  await Promise.all(play.hubs.map((hub) => untilReady(hub, 15000)));
  await play.step('it is back: everybody is told of the gap', () => Promise.all([...play.players.filter((p) => p !== dan).map((p) => p.awaits('gap', 'room')),
    cid.awaits('gap', 'other'), dan.awaits('gap', 'other')]));
  await play.step('messages flow again', () => Promise.all([...play.players.map((p) => p.publish('room', 3)), ann.publish('other', 4)]));
  await play.step('and what failed can be asked again', () => Promise.all([ann.subscribe('new'), dan.subscribe('room')]));
  await play.step('with effect', () => Promise.all([eve.publish('new', 5), eve.publish('room', 6)]));
};

for (const { name, instances, missing, start: startBroker } of BACKENDS.filter((b) => b.instances > 1)) {
  test(`${name}: an outage of the broker is told to clients as everywhere`, { skip: missing() }, async (t) => {
    const broker = await startBroker(t);
    const hubs = await startHubs(t, broker, instances);
    assertSame('outage', await perform(hubs, outage(broker)), { backend: name, author: 'redis' });
  });
}

// ---- the comparison itself -----------------------------------------------------------------------------------------

test('a transcript that differs is seen, and told by its lines', () => {
  const lines = ['-- a step', 'ann > x', ...numbers(10).map((n) => `ann < {"id":"ann-${n}","data":${2 * n}}`), 'bob < y'];
  const text = collapse(lines).join('\n');
  assert.equal(text, ['-- a step', 'ann > x', 'ann < {"id":"ann-0","data":0}', 'ann < {"id":"ann-1","data":2}', '  ... and so on, 10 in all ...',
    'ann < {"id":"ann-9","data":18}', 'bob < y'].join('\n'));
  assert.equal(transcriptDiff(text, text), '');
  const changes = { lost: [6, 1], twice: [6, 0, lines[6]], 'in another order': [6, 2, lines[7], lines[6]], 'in another place': [12, 1, 'ann < y'] };
  for (const [what, change] of Object.entries(changes)) {
    const changed = [...lines];
    changed.splice(...change);
    assert.match(transcriptDiff(text, collapse(changed).join('\n')), /^[-+] /m, what);
  }
});
