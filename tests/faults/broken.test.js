// SPDX-License-Identifier: MIT
// A checker that cannot fail is worth nothing: a relay between hub and clients that drops, doubles, swaps or changes
// one message in so many, or keeps the word of a gap to itself, and wshub-storm must find it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { atEnd } from '../integration/support/cleanup.js';
import { start } from '../integration/support/hub.js';
import { within } from '../integration/support/wait.js';

const STORM = process.env.WSHUB_STORM_BIN;
const TWELFTH = 12; // one in so many
const LATE = 500; // ms

// Cuts the bytes of a server into whole frames; the answer to the upgrade goes first, as it is.
function* frames(state, chunk) {
  state.rest = Buffer.concat([state.rest, chunk]);
  if (!state.upgraded) {
    const end = state.rest.indexOf('\r\n\r\n');
    if (end < 0) return;
    yield { bytes: state.rest.subarray(0, end + 4) };
    state.rest = state.rest.subarray(end + 4);
    state.upgraded = true;
  }
  for (;;) {
    if (state.rest.length < 4) return;
    const short = state.rest[1] & 127;
    const head = short === 126 ? 4 : 2;
    const length = short === 126 ? state.rest.readUInt16BE(2) : short;
    if (state.rest.length < head + length) return;
    yield { bytes: state.rest.subarray(0, head + length), text: state.rest.subarray(head, head + length).toString() };
    state.rest = state.rest.subarray(head + length);
  }
}

// What a broken network would do to a message: the frames that go in its place.
const harms = {
  none: (bytes) => [bytes],
  drop: () => [],
  double: (bytes) => [bytes, bytes],
  swap: () => [], // it comes behind the next one, or as late as this
  change: (bytes) => { const other = Buffer.from(bytes); other[other.indexOf('"data":"g') + 12] ^= 1; return [other]; },
};

async function startBroken(t, port, harm) {
  let count = 0;
  const sockets = new Set();
  const server = net.createServer((client) => {
    const hub = net.connect(port, '127.0.0.1');
    const state = { rest: Buffer.alloc(0) };
    for (const [from, to] of [[client, hub], [hub, client]]) {
      sockets.add(from.setNoDelay());
      from.on('error', () => to.destroy());
      from.on('close', () => { sockets.delete(from); to.destroy(); });
    }
    const release = () => { if (state.late) client.write(state.late); state.late = undefined; };
    const late = setInterval(release, LATE);
    client.on('close', () => clearInterval(late));
    client.on('data', (chunk) => hub.write(chunk));
    hub.on('data', (chunk) => {
      for (const { bytes, text } of frames(state, chunk)) {
        const hurt = text?.startsWith('{"op":"message"') && ++count % TWELFTH === 0;
        const parts = hurt ? harms[harm](bytes) : [bytes];
        parts.forEach((part) => client.write(part));
        release();
        if (hurt && harm === 'swap') state.late = bytes;
      }
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(t, () => { sockets.forEach((s) => s.destroy()); return new Promise((resolve) => server.close(resolve)); });
  return server.address().port;
}

async function storm(t, port, args) {
  const directory = mkdtempSync(join(tmpdir(), 'wshub-broken-'));
  atEnd(t, () => rmSync(directory, { recursive: true, force: true }));
  const report = join(directory, 'report.json');
  const child = spawn(STORM, ['--url', `127.0.0.1:${port}`, '--seconds', '2', '--settle', '2', '--quiet', '--rate', '300',
    '--report', report, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (part) => { said += part; });
  const code = await within(30000, 'end of the storm', new Promise((resolve) => child.on('close', resolve)));
  return { code, said, ...JSON.parse(readFileSync(report, 'utf8')) };
}

// Which of the findings there must be; every other is 0.
const expected = { none: [], drop: ['lost'], double: ['duplicated'], swap: ['reordered'], change: ['foreign', 'lost'] };

async function isFound(t, history, harm, findings) {
  const channel = { match: 'storm:*', ...(history && { history: { size: 1000, ttl: '1h' } }) };
  const hub = await start({ channels: [channel] });
  atEnd(t, () => hub.stop());
  // One publisher: without a history only its own messages have an order that can be broken.
  const port = await startBroken(t, hub.port, harm);
  const result = await storm(t, port, [history ? '--history' : '--no-history', '--publishers', '1', '--channels', '2']);
  const found = Object.entries(result.violations).filter(([, count]) => count > 0).map(([name]) => name).sort();
  assert.deepEqual(found, findings, result.said);
  assert.equal(result.code, findings.length ? 1 : 0, result.said);
}

test('what a network does to messages is found', { concurrency: 10 }, async (t) => {
  const cases = [false, true].flatMap((history) => Object.entries(expected).map(([harm, findings]) => ({ history, harm, findings })));
  await Promise.all(cases.map(({ history, harm, findings }) => t.test(`${history ? 'with a history' : 'without'}: ${harm}`,
    (t) => isFound(t, history, harm, findings))));
});
