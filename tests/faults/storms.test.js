// SPDX-License-Identifier: MIT
// Small storms on the backends that WSHUB_STORM_BACKENDS names, all of their faults beside each other: each has hubs and a
// broker of its own, and mostly waits. With WSHUB_STORM_MIXED=1 they are all done in one run instead. The seed is drawn
// anew for each run, and named by the test; WSHUB_TEST_SEED sets it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { within } from '../integration/support/wait.js';
import { BACKENDS, EXTRA, SMALL } from './storms.js';

const { WSHUB_STORM_BIN, WSHUB_BIN, WSHUB_CLOCK_STEP, WSHUB_STORM_BACKENDS, WSHUB_STORM_MIXED, WSHUB_TEST_SEED } = process.env;
const seed = WSHUB_TEST_SEED ?? String(1 + Math.floor(Math.random() * 1e9));
const SKIPPED = 77;
const DEADLINE = 90000; // ms; a storm ends by itself before

async function storm(t, args) {
  const all = [...SMALL, '--hub', WSHUB_BIN, ...(WSHUB_CLOCK_STEP ? ['--clock', WSHUB_CLOCK_STEP] : []), '--seed', seed, ...args];
  const child = spawn(WSHUB_STORM_BIN, all, { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part) => { said += part; });
  const code = await within(DEADLINE, 'the end of the storm', new Promise((resolve) => child.on('close', resolve)));
  if (code === SKIPPED) return t.skip(said.trim());
  assert.equal(code, 0, `wshub-storm ${all.join(' ')}\n${said}`);
  t.diagnostic(said.trim());
}

// [name, arguments] of each storm of a backend.
function storms(name) {
  const { backend = name, args = [], faults } = BACKENDS[name];
  const possible = faults.filter((fault) => fault !== 'clock-step' || WSHUB_CLOCK_STEP);
  const mixed = possible.filter((fault) => !(fault === 'netns' && possible.includes('cut-clients')));
  const plans = WSHUB_STORM_MIXED === '1' ? [mixed] : possible.map((fault) => [fault]);
  return plans.map((plan) => [`${name}: ${plan.join(', ')}`,
    ['--backend', backend, '--faults', plan.join(','), ...plan.flatMap((fault) => EXTRA[fault] ?? []), ...args]]);
}

test(`storms, seed ${seed}`, { concurrency: 16 }, async (t) => {
  await Promise.all(WSHUB_STORM_BACKENDS.split(',').flatMap(storms).map(([name, args]) => t.test(name, (t) => storm(t, args))));
});
