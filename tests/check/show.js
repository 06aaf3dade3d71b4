// SPDX-License-Identifier: MIT
// A report of the kit as lines to read: `node tests/check/show.js REPORT.json`.
import { readFileSync } from 'node:fs';

const { plugin, seed, cases } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const width = Math.max(...cases.map(({ name }) => name.length));
const number = (value) => (Number.isInteger(value) ? value : value.toFixed(2));
const figures = (item) => item.figures.map(({ name, value, unit }) => `${name} ${number(value)}${unit === 'messages' ? '' : ` ${unit}`}`).join(', ');

console.log(`${plugin.name} ${plugin.version}, seed ${seed}`);
const isForeign = ({ verdict, text }) => verdict === 'skipped' && /^it is about (brokers|auth plugins)/.test(text);
for (const item of cases.filter((each) => !isForeign(each))) {
  console.log(`${item.verdict.padEnd(7)} ${item.name.padEnd(width)} ${String(item.milliseconds).padStart(6)} ms  ${figures(item)}`);
  if (item.text) console.log(item.text.trimEnd().replace(/^/gm, '        '));
}
const count = (verdict) => cases.filter((item) => item.verdict === verdict).length;
console.log(['pass', 'warning', 'skipped', 'fail', 'crashed'].map((verdict) => `${count(verdict)} ${verdict}`).join(', ') +
  `, ${(cases.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / 1000).toFixed(1)} s`);
