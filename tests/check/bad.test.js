// SPDX-License-Identifier: MIT
// The conformance kit is worth what it catches. Each of tests/plugins/bad does one thing wrong, and fails the case that
// is about it, with a text that says what; the good one, which is made of the same, passes everything.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const KIT = process.env.WSHUB_CHECK_BIN ?? 'build/wshub-plugin-check';
const PLUGINS = process.env.WSHUB_BAD_PLUGINS ?? 'build/tests/plugins/bad';
const AT_ONCE = 2; // the kit measures time: not more than there are cores

// plugin: [the case that finds it, what its text says, the verdict if it is not "fail"]
const caught = {
};

// Runs the kit, and reads its report. Exit codes: 0 all is well, 1 something is not.
function check(plugin, ...args) {
  return new Promise((resolve, reject) => {
    execFile(KIT, [join(PLUGINS, `${plugin}.so`), '--json', '--seed', '1', ...args], { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      if (error && error.code !== 1) return reject(new Error(`${plugin}: ${error.message}\n${stderr}`));
      try {
        resolve({ code: error ? 1 : 0, report: JSON.parse(stdout) });
      } catch {
        reject(new Error(`${plugin}: no JSON: ${stdout}\n${stderr}`));
      }
    });
  });
}

async function expectCaught(plugin) {
  const [name, fragment, verdict = 'fail'] = caught[plugin];
  const { code, report } = await check(plugin, '--only', name);
  const [one] = report.cases;
  assert.equal(report.cases.length, 1);
  if (one.verdict === 'skipped' && /malloc/.test(one.text)) return 'needs the kit\'s own malloc';
  assert.equal(one.verdict, verdict, `${name}: ${one.text}`);
  assert.match(one.text, fragment);
  assert.equal(code, verdict === 'warning' ? 0 : 1);
}

test('every bad plugin is in the table, and the other way round', () => {
  const there = readdirSync(PLUGINS).filter((name) => name.endsWith('.so')).map((name) => name.slice(0, -3));
  assert.deepEqual(there.filter((name) => name !== 'good').sort(), Object.keys(caught).sort());
});

test('each bad plugin fails its case', { concurrency: AT_ONCE }, async (t) => {
  await Promise.all(Object.keys(caught).map((plugin) => t.test(plugin, async (t) => {
    const skipped = await expectCaught(plugin);
    if (skipped) t.skip(skipped);
  })));
});

// What it skips, it skips for want of a broker of its own.
test('the good plugin passes everything', async () => {
  const { code, report } = await check('good');
  const others = report.cases.filter(({ verdict, text }) => verdict !== 'pass' &&
    !(verdict === 'skipped' && /broker\.|malloc/.test(text)));
  assert.deepEqual(others.map(({ name, verdict, text }) => `${name}: ${verdict}: ${text}`), []);
  assert.equal(code, 0);
});
