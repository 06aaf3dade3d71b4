// SPDX-License-Identifier: MIT
// Bad plugins and what finds them: a table, and a folder in which each is. Used by bad.test.js and bad-auth.test.js.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const KIT = process.env.WSHUB_CHECK_BIN ?? 'build/wshub-plugin-check';
const AT_ONCE = 2; // the kit measures time: not more than there are cores

export const SANITIZED = process.env.WSHUB_CHECK_SANITIZED === '1';
export const COUNTED = 'the kit counts memory with a malloc of its own'; // and a sanitizer's build has none
export const FOUND_BY_ASAN = SANITIZED ? 'crashed' : 'fail'; // before the case can tell

// Runs the kit, and reads its report. Exit codes: 0 all is well, 1 something is not.
export function check(file, ...args) {
  return new Promise((resolve, reject) => {
    execFile(KIT, [file, '--json', '--seed', '1', ...args], { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      if (error && error.code !== 1) return reject(new Error(`${file}: ${error.message}\n${stderr}`));
      try {
        resolve({ code: error ? 1 : 0, report: JSON.parse(stdout) });
      } catch {
        reject(new Error(`${file}: no JSON: ${stdout}\n${stderr}`));
      }
    });
  });
}

async function expectCaught(file, [name, fragment, verdict = 'fail', need], args) {
  if (need && SANITIZED) return need;
  const { code, report } = await check(file, '--only', name, ...args);
  const [one] = report.cases;
  assert.equal(report.cases.length, 1);
  if (one.verdict === 'skipped' && /malloc/.test(one.text)) return 'needs the kit\'s own malloc';
  assert.equal(one.verdict, verdict, `${name}: ${one.text}`);
  assert.match(one.text, fragment);
  assert.equal(code, verdict === 'warning' ? 0 : 1);
}

// `caught`: of each plugin in `folder` but good.so, [the case that finds it, what its text says, the verdict if it is
// not "fail", what it needs]. `args`: of the kit, for a plugin.
export function testCaught(folder, caught, args = () => []) {
  test('every bad plugin is in the table, and the other way round', () => {
    const there = readdirSync(folder).filter((name) => name.endsWith('.so')).map((name) => name.slice(0, -3));
    assert.deepEqual(there.sort(), ['good', ...Object.keys(caught)].sort());
  });

  test('each bad plugin fails its case', { concurrency: AT_ONCE }, async (t) => {
    await Promise.all(Object.keys(caught).map((plugin) => t.test(plugin, async (t) => {
      const skipped = await expectCaught(join(folder, `${plugin}.so`), caught[plugin], args(plugin));
      if (skipped) t.skip(skipped);
    })));
  });
}

// But for what it skips, for a reason like this.
export async function expectGood(folder, reason, ...args) {
  const { code, report } = await check(join(folder, 'good.so'), ...args);
  const others = report.cases.filter(({ verdict, text }) => verdict !== 'pass' &&
    !(verdict === 'skipped' && reason.test(text)));
  assert.deepEqual(others.map(({ name, verdict, text }) => `${name}: ${verdict}: ${text}`), []);
  assert.equal(code, 0);
}
