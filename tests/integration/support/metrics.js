// SPDX-License-Identifier: MIT
// A strict reader of the Prometheus text format 0.0.4: it throws at what a scraper would refuse or silently misread.

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/;
const TYPES = new Set(['counter', 'gauge', 'histogram', 'summary', 'untyped']);

function labelsRead(line, at) {
  const labels = {};
  while (line[at] !== '}') {
    const m = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)",?/.exec(line.slice(at));
    if (!m) throw new Error(`bad labels: ${line}`);
    if (m[1] in labels) throw new Error(`label twice: ${line}`);
    labels[m[1]] = m[2].replace(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : c));
    at += m[0].length;
  }
  return [labels, at + 1];
}

function familyOf(name, families) {
  if (families.has(name)) return name;
  const base = name.replace(/_(bucket|sum|count)$/, '');
  const type = families.get(base)?.type;
  return type === 'histogram' || type === 'summary' ? base : null;
}

// { families: Map(name -> {help, type}), samples: [{name, labels, value}] }
export function metricsParse(text) {
  if (!text.endsWith('\n')) throw new Error('the last line has no line feed');
  const families = new Map();
  const samples = [];
  const seen = new Set();
  const closed = new Set(); // families whose block has ended: all lines of one family stand together
  let open = null;
  const enter = (family, line) => {
    if (family === open) return;
    if (closed.has(family)) throw new Error(`family ${family} in two places: ${line}`);
    if (open) closed.add(open);
    open = family;
  };
  for (const line of text.slice(0, -1).split('\n')) {
    const meta = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (meta) {
      const [, kind, name, rest] = meta;
      enter(name, line);
      const family = families.get(name) ?? {};
      const key = kind.toLowerCase();
      if (key in family) throw new Error(`second ${kind}: ${line}`);
      if (kind === 'TYPE' && !TYPES.has(rest)) throw new Error(`unknown type: ${line}`);
      family[key] = rest;
      families.set(name, family);
      continue;
    }
    if (line.startsWith('#') || line === '') continue;
    const name = NAME.exec(line)?.[0];
    if (!name) throw new Error(`not a sample: ${line}`);
    let labels = {};
    let at = name.length;
    if (line[at] === '{') [labels, at] = labelsRead(line, at + 1);
    const m = /^ ([-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|Inf)|NaN)$/.exec(line.slice(at));
    if (!m) throw new Error(`bad value: ${line}`);
    const family = familyOf(name, families);
    if (!family) throw new Error(`sample without TYPE before it: ${line}`);
    enter(family, line);
    const series = name + JSON.stringify(Object.entries(labels).sort());
    if (seen.has(series)) throw new Error(`series twice: ${line}`);
    seen.add(series);
    samples.push({ name, labels, value: Number(m[1].replace('Inf', 'Infinity')) });
  }
  for (const [name, family] of families)
    if (!family.help || !family.type) throw new Error(`${name} needs both HELP and TYPE`);
  return { families, samples };
}

// The sum of all samples of that name whose labels include these; undefined when there is none.
export function metricsSum({ samples }, name, labels = {}) {
  const found = samples.filter((s) => s.name === name &&
    Object.entries(labels).every(([k, v]) => s.labels[k] === String(v)));
  return found.length ? found.reduce((sum, s) => sum + s.value, 0) : undefined;
}
