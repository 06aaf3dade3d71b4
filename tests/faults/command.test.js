// SPDX-License-Identifier: MIT
// The command line of wshub-storm, and that a seed is a plan.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const { WSHUB_STORM_BIN, WSHUB_BIN } = process.env;

const folder = mkdtempSync(join(tmpdir(), 'wshub-command-'));
after(() => rmSync(folder, { recursive: true }));

function storm(...args) {
  const { status, stdout, stderr } = spawnSync(WSHUB_STORM_BIN, ['--hub', WSHUB_BIN, '--folder', folder, ...args], { encoding: 'utf8', timeout: 60000 });
  return { status, stdout, stderr };
}

const FAULTS = 'rolling:3,kill-broker:5,kill-instance:5,pause-broker:2';
const plan = (seed, ...more) => storm('--backend', 'redis', '--faults', FAULTS, '--seconds', '60', '--seed', seed, '--plan', ...more).stdout;

test('the same seed is the same plan, another seed another one', () => {
  assert.equal(plan('7').split('\n').length, 3 + 5 + 5 + 2 + 1);
  assert.equal(plan('7'), plan('7'));
  assert.equal(plan('7'), plan('7', '--subscribers', '500', '--rate', '9'));
  assert.notEqual(plan('7'), plan('8'));
});

for (const [why, args, word] of [
  ['an unknown option', ['--nonsense', '1'], /--nonsense/],
  ['an option without its value', ['--seed'], /--seed/],
  ['a number out of its range', ['--instances', '99'], /--instances: found 99, expected 1 to 16/],
  ['an unknown backend', ['--backend', 'kafka'], /--backend/],
  ['an unknown fault', ['--backend', 'redis', '--faults', 'flood'], /flood: no such fault/],
  ['too many faults', ['--backend', 'redis', '--faults', 'rolling:201'], /rolling: expected a count/],
  ['memory with two instances', ['--backend', 'memory', '--instances', '2'], /--instances/],
  ['MQTT with a history', ['--backend', 'mqtt'], /no history/],
  ['a broker to kill that is not there', ['--backend', 'memory', '--instances', '1', '--faults', 'kill-broker'], /no server/],
  ['hubs of others to kill', ['--url', '127.0.0.1:1', '--faults', 'kill-instance'], /--url/],
  ['a clock without the library', ['--backend', 'redis', '--faults', 'clock-step'], /--clock/],
  ['more channels of one subscriber than there are', ['--backend', 'redis', '--per-subscriber', '50'], /--per-subscriber/],
  ['a hub that is not there', ['--backend', 'memory', '--instances', '1', '--hub', '/nonexistent/wshub'], /at the start: hub-1/],
]) {
  test(`refused with 2: ${why}`, () => {
    const { status, stderr } = storm(...args);
    assert.match(stderr, word);
    assert.equal(status, 2);
  });
}
