// SPDX-License-Identifier: MIT
// What every client of a scenario sent and got, as text that is the same wherever the hub promises the same: a transcript
// of one broker can be compared with that of another to the letter.
//
// A step ends when all that it caused has arrived, and only within a step may things come in another order. These are
// concurrent, and are put in one order here: what different clients get; answers and messages; messages of different
// channels; messages of one channel by different publishers, because not every broker orders them. All else stays as it
// came. A message whose data is {"may": ...} crosses something that decides whether it arrives, and is told only where it
// must not. Connection ids become the names of the clients, and instances and epochs "*". Offsets become the places in the
// order in which the channel was published to: not every broker counts them one by one.
import { createHash } from 'node:crypto';
import { Client } from './client.js';
import { within } from './wait.js';

const DEADLINE = 20000; // ms for an answer, or for a message to arrive
const LINE = 180; // characters; longer ones lose their middle
const RUN = 4; // lines that only count up: fewer are shown as they are

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

// ---- lines ---------------------------------------------------------------------------------------------------------

// Control characters would break lines; of what is long the hash stays.
function lineOf(text) {
  const shown = text.replace(/[\0-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
  const all = [...shown];
  if (all.length <= LINE) return shown;
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16);
  return `${all.slice(0, LINE / 2).join('')} [... ${Buffer.byteLength(text)} bytes, sha256 ${hash} ...] ${all.slice(-LINE / 3).join('')}`;
}

// A line as its words and its numbers. A number that would not come back as it was written is a word.
function countable(line) {
  const numbers = [];
  const words = line.replace(/\d+/g, (digits) => {
    if (digits.length > 15 || String(Number(digits)) !== digits) return digits;
    numbers.push(Number(digits));
    return '\0';
  });
  return { words, numbers };
}

// How many lines from `at` on differ only in numbers that go up by the same steps.
function runLength(lines, at) {
  const [first, second] = [lines[at], lines[at + 1]].map((line) => line !== undefined && countable(line));
  if (!second || first.words !== second.words) return 1;
  const steps = second.numbers.map((n, i) => n - first.numbers[i]);
  let length = 2;
  for (; at + length < lines.length; length++) {
    const { words, numbers } = countable(lines[at + length]);
    if (words !== first.words || numbers.some((n, i) => n !== first.numbers[i] + length * steps[i])) break;
  }
  return length;
}

// Of hundreds of lines that count up, the first two and the last are shown.
export function collapse(lines) {
  const out = [];
  for (let at = 0; at < lines.length;) {
    const length = runLength(lines, at);
    const isRun = length >= RUN;
    const shown = isRun ? [lines[at], lines[at + 1], `  ... and so on, ${length} in all ...`, lines[at + length - 1]] : [lines[at]];
    out.push(...shown);
    at += isRun ? length : 1;
  }
  return out;
}

// ---- clients -------------------------------------------------------------------------------------------------------

class Player {
  constructor(play, name, client) {
    Object.assign(this, { play, name, client });
    this.id = client.welcome.connection;
    play.names.set(this.id, name);
    this.serial = 0;
    this.order = new Map(); // id of an operation -> its place among those asked
    this.operations = new Map(); // id of an operation -> what it was
    this.channels = new Set(); // those that it has
    this.marks = new Set(); // those that have come
    this.left = new Set(); // those that it had: nothing of them may come any more
    this.seen = 0; // frames that are in the transcript
    this.end = null;
    client.closed.then((end) => { this.end = end; });
  }

  get isOpen() { return this.client.ws.readyState === 1; }

  // The answer, whatever it is. `tail`: more members of the operation, as JSON text.
  ask(op, fields = {}, { tail = '' } = {}) {
    const id = `${this.name}-${++this.serial}`;
    const from = this.client.frames.items.length;
    this.order.set(id, this.serial);
    this.operations.set(id, { op, channel: fields.channel });
    this.play.channelOf(fields.channel);
    this.say(`${JSON.stringify({ op, id, ...fields }).slice(0, -1)}${tail}}`);
    const answered = this.client.waitFrame((m) => m.id === id, { from, deadline: DEADLINE, what: `${this.name}: answer to ${op} ${id}` })
      .then(({ json }) => this.#answered(json, op, fields.channel));
    this.play.pending.push(answered);
    return answered;
  }

  #answered(json, op, channel) {
    if (json.op !== 'ok') return json;
    if (op === 'subscribe') this.channels.add(channel);
    if (op === 'unsubscribe') this.channels.delete(channel);
    if (op === 'publish') this.play.spoke(channel, this);
    if (op === 'publish' && json.position) this.play.placeOf(channel, json.position.offset);
    return json;
  }

  // Until this message has come.
  gets(channel, data) {
    return this.client.waitFrame((m) => m.op === 'message' && m.channel === channel && m.data === data,
      { from: this.seen, deadline: DEADLINE, what: `${this.name}: ${JSON.stringify(data)} of ${channel}` });
  }

  // Sends the text as it is.
  say(text) {
    this.play.sent.push(`${this.name} > ${text}`);
    this.client.sendText(text);
  }

  subscribe(channel) { return this.ask('subscribe', { channel }); }
  unsubscribe(channel) { return this.ask('unsubscribe', { channel }); }
  publish(channel, data, more = {}) { return this.ask('publish', { channel, data, ...more }); }
  publishRaw(channel, raw) { return this.ask('publish', { channel }, { tail: `,"data":${raw}` }); }

  // Until a frame of this step has come.
  awaits(op, channel) {
    return this.client.waitFrame((m) => m.op === op && m.channel === channel, { from: this.seen, deadline: DEADLINE, what: `${this.name}: ${op} ${channel}` });
  }

  // Closes, or vanishes without a word.
  leave(code = 1000) {
    this.play.sent.push(`${this.name} leaves ${code ?? 'without a word'}`);
    if (code) this.client.ws.close(code);
    else this.client.ws.terminate();
    return this.ended();
  }

  ended() { return within(DEADLINE, `end of ${this.name}`, this.client.closed); }

  // The lines of what came since the last call.
  take() {
    const answers = [];
    const channels = new Map(); // name -> stretches between gaps, of { from, line }
    for (const frame of this.client.frames.items.slice(this.seen)) this.#sort(frame, answers, channels);
    this.seen = this.client.frames.items.length;
    const lines = answers.sort((a, b) => a.place - b.place).map((a) => a.line);
    for (const [, stretches] of [...channels].sort(([a], [b]) => this.play.channelOf(a) - this.play.channelOf(b)))
      for (const stretch of stretches) lines.push(...stretch.sort((a, b) => compare(a.from, b.from)).map((m) => m.line));
    if (this.end) {
      lines.push(lineOf(`${this.name}   closed ${this.end.code} ${this.end.reason}`.trimEnd()));
      this.play.gone.add(this);
    }
    return lines;
  }

  #sort({ text, json }, answers, channels) {
    if (typeof json.id === 'number' || this.play.isMark(this, json)) return; // a step's own end
    const isLate = json.op === 'message' && this.left.has(json.channel);
    if (json.data?.may !== undefined && !isLate) return;
    const line = lineOf(`${this.name} < ${this.play.anonymous(text)}${isLate ? '   AFTER THE UNSUBSCRIBE' : ''}`);
    if (json.op === 'ok') this.#follow(this.operations.get(json.id));
    if (json.op !== 'message' && json.op !== 'gap') {
      answers.push({ place: this.order.get(json.id) ?? 0, line });
      return;
    }
    const stretches = channels.get(json.channel) ?? [[]];
    channels.set(json.channel, stretches);
    if (json.op === 'gap') stretches.push([{ from: '', line }], []); // what stands before a gap and behind it is told apart
    else stretches.at(-1).push({ from: this.play.names.get(json.from?.connection) ?? '', line });
  }

  #follow({ op, channel }) {
    if (op === 'subscribe') this.left.delete(channel);
    if (op === 'unsubscribe') this.left.add(channel);
  }
}

// ---- a play --------------------------------------------------------------------------------------------------------

export class Play {
  // `marks`: false where a mark would be one message too many; then the scene awaits what is to come. `positions`: false
  // where a transcript shall be as if there were none.
  constructor(hubs, { marks = true, positions = true } = {}) {
    this.hubs = hubs;
    this.hasMarks = marks;
    this.hasPositions = positions;
    this.places = new Map(); // channel -> the offsets of what was published to it, in that order
    this.players = [];
    this.names = new Map(); // connection id -> name of the client
    this.channels = new Map(); // name -> its place among all that were ever named
    this.gone = new Set(); // players whose end is in the transcript
    this.lines = [];
    this.marks = 0;
    this.#begin();
  }

  #begin() {
    this.sent = [];
    this.pending = []; // answers that are awaited
    this.speakers = new Map(); // channel -> players whose publish was taken
  }

  // Clients by these names, spread over the instances: { ann, bob, ... }
  async enter(...names) {
    await this.step(`${names.join(', ')}: connect`, async () => {
      const clients = await Promise.all(names.map((_, i) => Client.connect(this.hubs[(this.players.length + i) % this.hubs.length])));
      this.players.push(...clients.map((client, i) => new Player(this, names[i], client)));
    });
    return Object.fromEntries(this.players.map((player) => [player.name, player]));
  }

  channelOf(name) {
    if (!this.channels.has(name)) this.channels.set(name, this.channels.size);
    return this.channels.get(name);
  }

  spoke(channel, player) {
    if (!this.speakers.has(channel)) this.speakers.set(channel, new Set());
    this.speakers.get(channel).add(player);
  }

  anonymous(text) {
    let out = text.replace(/^(\{"op":"welcome".*"instance":)"[^"]*"/, '$1"*"');
    for (const [id, name] of this.names) out = out.replaceAll(id, name);
    return out.includes('"offset":') ? this.#placed(out) : out;
  }

  placeOf(channel, offset) {
    const places = this.places.get(channel) ?? [];
    this.places.set(channel, places);
    if (offset > 0 && !places.includes(offset)) places.push(offset);
    return places.indexOf(offset) + 1;
  }

  #placed(text) {
    if (!this.hasPositions) return text.replace(/,"position":\{"epoch":"[^"]*","offset":\d+\}/, '').replace(/,"offset":\d+/, '');
    const { channel } = JSON.parse(text.slice(text.indexOf('{')));
    return text.replace(/"epoch":"(?!another")[^"]*"/g, '"epoch":"*"')
      .replace(/"offset":(\d+)/g, (_, offset) => `"offset":${this.placeOf(channel, Number(offset))}`);
  }

  // A mark that has come twice is no mark, but a message too many.
  isMark(player, { channel, data }) {
    if (data?.mark === undefined) return false;
    const key = `${data.mark} ${channel}`;
    if (player.marks.has(key)) return false;
    player.marks.add(key);
    return true;
  }

  // What the clients do, and all that comes of it.
  async step(title, act) {
    await act();
    await Promise.all(this.pending);
    await this.#settle();
    const present = this.players.filter((player) => !this.gone.has(player));
    this.lines.push('', `-- ${title}`, ...collapse(this.sent.map((text) => lineOf(this.anonymous(text)))));
    for (const player of present) this.lines.push(...collapse(player.take()));
    this.#begin();
  }

  // Whoever has published sends a mark behind it, and every subscriber waits for it: one publisher's messages of a channel
  // stay in order, so nothing can come later. A ping does the same for answers that have no id.
  async #settle() {
    const open = (speakers) => [...speakers].filter((speaker) => speaker.isOpen);
    if (this.hasMarks) await Promise.all([...this.speakers].flatMap(([channel, speakers]) => open(speakers).map((s) => this.#mark(channel, s))));
    await Promise.all(this.players.filter((player) => player.isOpen).map((player) => player.client.barrier()));
  }

  async #mark(channel, speaker) {
    const mark = ++this.marks;
    const from = this.players.map((player) => player.client.frames.items.length);
    await speaker.client.publish(channel, { mark }, { deadline: DEADLINE });
    await Promise.all(this.players.map((player, i) => player.isOpen && player.channels.has(channel) &&
      player.client.waitFrame((m) => m.channel === channel && m.data?.mark === mark,
        { from: from[i], deadline: DEADLINE, what: `${player.name}: the last message of ${speaker.name} on ${JSON.stringify(channel)}` })));
  }

  end() { for (const player of this.players) player.client.ws.terminate(); }

  get text() { return `${this.lines.join('\n').trimStart()}\n`; }
}

// ---- differences ---------------------------------------------------------------------------------------------------

// The length of what two lists have in common from (i, j) on, for every i and j.
function commonLengths(a, b) {
  const common = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      common[i][j] = a[i] === b[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
  return common;
}

// Lines of both: '  ' in front of what is the same, '- ' only in `wanted`, '+ ' only in `got`.
function edits(wanted, got) {
  const common = commonLengths(wanted, got);
  const out = [];
  for (let i = 0, j = 0; i < wanted.length || j < got.length;) {
    if (i < wanted.length && j < got.length && wanted[i] === got[j]) { out.push(`  ${wanted[i++]}`); j++; }
    else if (i < wanted.length && (j === got.length || common[i + 1][j] >= common[i][j + 1])) out.push(`- ${wanted[i++]}`);
    else out.push(`+ ${got[j++]}`);
  }
  return out;
}

// What differs, with the step that it is in and some lines around; '' when nothing does.
export function transcriptDiff(wanted, got, context = 2) {
  if (wanted === got) return '';
  const lines = edits(wanted.split('\n'), got.split('\n'));
  const isNear = (at) => lines.slice(Math.max(0, at - context), at + context + 1).some((line) => !line.startsWith('  '));
  const shown = lines.map((line, at) => line.startsWith('  --') || isNear(at));
  return lines.filter((line, at) => shown[at]).join('\n');
}
