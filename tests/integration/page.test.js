// SPDX-License-Identifier: MIT
// The built-in page in a real Chromium: two tabs chat, rates are counted, a phone and a dark room are served, and a
// restart of the hub is survived. Needs Chromium (WSHUB_CHROMIUM, else /usr/bin/chromium): without it this fails.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { startAuth } from './support/auth.js';
import { connect } from './support/client.js';
import { start } from './support/hub.js';
import { SCALE } from './support/wait.js';

const EXECUTABLE = process.env.WSHUB_CHROMIUM ?? '/usr/bin/chromium';
const ARGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];

let browser;
before(async () => {
  assert.ok(existsSync(EXECUTABLE), `no Chromium at ${EXECUTABLE}: set WSHUB_CHROMIUM`);
  browser = await chromium.launch({ executablePath: EXECUTABLE, args: ARGS });
});
after(() => browser?.close());

const id = (name) => `[data-testid="${name}"]`;

// A tab in a profile of its own, connected and subscribed. Errors of its scripts and its content policy fail the test.
async function tab(t, hub, { hash = '', name, held = false, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce', ...options });
  t.after(() => context.close());
  context.setDefaultTimeout(10000 * SCALE);
  const page = await context.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (m) => { if (m.type() === 'error' && !/ERR_CONNECTION_REFUSED|WebSocket connection/.test(m.text())) errors.push(m.text()); });
  t.after(() => assert.deepEqual(errors, []));
  const requests = [];
  page.on('request', (r) => { if (!r.url().startsWith(hub.url) && !r.url().startsWith('data:')) requests.push(r.url()); });
  t.after(() => assert.deepEqual(requests, [], 'nothing is loaded from elsewhere'));
  page.received = []; // frames, as text
  page.on('websocket', (ws) => ws.on('framereceived', ({ payload }) => page.received.push(payload)));
  await page.goto(`${hub.url}/${hash}`);
  if (!held) await joined(page);
  if (name) {
    await page.fill(id('name'), name);
    await page.dispatchEvent(id('name'), 'change');
  }
  return page;
}

const joined = (page) => page.waitForSelector('#app[data-state="open"] .channel.current[data-state="joined"]', { state: 'attached' });

async function say(page, text, { json = false } = {}) {
  await page.check(id(json ? 'format-json' : 'format-text'));
  await page.fill(id('text'), text);
  await page.press(id('text'), 'Enter');
}

const message = (page, text) => page.locator(id('message'), { has: page.locator(id('message-text'), { hasText: text }) });

test('two tabs chat at once, without a setting', async (t) => {
  const hub = await start({}, { t });
  const ada = await tab(t, hub, { name: 'Ada' });
  const grace = await tab(t, hub, { name: 'Grace' });
  assert.equal(await ada.textContent(id('current-channel')), 'room:lobby');
  await say(ada, 'hello from Ada');
  await message(grace, 'hello from Ada').waitFor();
  assert.equal(await message(grace, 'hello from Ada').locator(id('message-author')).textContent(), 'Ada');
  assert.equal(await message(grace, 'hello from Ada').getAttribute('data-own'), null);
  await say(grace, 'and back');
  await message(ada, 'and back').waitFor();
  await message(ada, 'hello from Ada').waitFor();
  assert.equal(await message(ada, 'hello from Ada').getAttribute('data-own'), 'true', 'one\'s own words are marked');
  assert.equal(await ada.locator(id('message')).count(), 2, 'each once');
  assert.equal(await ada.inputValue(id('text')), '', 'the field is free for the next');
});

test('it comes back with its position, and gets what it has missed', async (t) => {
  const hub = await start({ channels: [{ match: 'room:*', history: { size: 100, ttl: '1h' } }] }, { t });
  const page = await tab(t, hub);
  const other = await connect(t, hub);
  await other.publish('room:lobby', 'seen');
  await message(page, 'seen').waitFor();
  await page.click('#switch');
  await page.waitForSelector('#app[data-state="closed"]', { state: 'attached' });
  for (const text of ['missed one', 'missed two']) await other.publish('room:lobby', text);
  await page.click('#switch');
  await joined(page);
  await other.publish('room:lobby', 'live');
  await message(page, 'live').waitFor();
  assert.deepEqual(await page.locator(id('message-text')).allTextContents(), ['seen', 'missed one', 'missed two', 'live']);
  await page.locator('.line', { hasText: 'what was missed follows' }).waitFor();
  await page.locator('#received', { hasText: 'at offset 4' }).waitFor();
  await page.click('#switch');
  await page.click('#switch');
  await page.locator('.line', { hasText: 'nothing was missed' }).waitFor();
});

test('what comes in is text, never markup', async (t) => {
  const hub = await start({}, { t });
  const page = await tab(t, hub);
  const evil = '<img src=x onerror="document.title=\'owned\'"><b>bold</b>';
  await say(page, evil);
  await message(page, evil).waitFor();
  assert.equal(await page.locator(`${id('log')} img, ${id('log')} b`).count(), 0);
  const client = await connect(t, hub);
  await client.publish('room:lobby', { name: evil, text: 'named' });
  await message(page, 'named').waitFor();
  assert.equal(await message(page, 'named').locator(id('message-author')).textContent(), evil);
  assert.ok(!(await page.title()).includes('owned'));
});

test('JSON is published and shown as it was typed; broken JSON is explained and kept', async (t) => {
  const hub = await start({}, { t });
  const page = await tab(t, hub);
  const client = await connect(t, hub);
  await client.subscribe('room:lobby');
  const raw = '{"n": 1.0, "big": 12345678901234567890}';
  await say(page, raw, { json: true });
  await message(page, raw).waitFor();
  const { text } = await client.waitFrame((m) => m.op === 'message');
  assert.ok(text.includes(`"data":${raw}`), text);
  await say(page, '{"n": ', { json: true });
  await page.locator(id('error'), { hasText: /not valid JSON/ }).waitFor();
  assert.equal(await page.inputValue(id('text')), '{"n": ');
});

test('rates and totals count what arrives, per channel and in all', async (t) => {
  const hub = await start({}, { t });
  const page = await tab(t, hub, { hash: '#load:a' });
  await page.fill(id('join-input'), 'load:b');
  await page.click(id('join'));
  await page.waitForSelector('[data-channel="load:b"][data-state="joined"]');
  const client = await connect(t, hub);
  for (let n = 0; n < 100; n++) await client.publish('load:a', { n });
  for (let n = 0; n < 50; n++) await client.publish('load:b', { n });
  await page.waitForFunction(() => document.querySelector('[data-testid="total-count"]').textContent === '150');
  const rateOf = (selector) => page.waitForFunction((s) => {
    const value = parseFloat(document.querySelector(s).textContent);
    return value > 0 ? value : false;
  }, selector).then((handle) => handle.jsonValue());
  const all = await rateOf(id('total-rate'));
  assert.ok(all <= 30, `150 messages in five seconds are at most 30/s, shown ${all}`);
  assert.ok(await rateOf(`[data-channel="load:a"] ${id('channel-rate')}`) <= 20);
  assert.ok(await rateOf(`[data-channel="load:b"] ${id('channel-rate')}`) <= 10);
  assert.equal(await page.locator(`[data-channel="load:a"] .badge`).textContent(), '99+', 'unread elsewhere');
});

test('the list is bounded, and stays at the newest', async (t) => {
  const hub = await start({}, { t });
  const page = await tab(t, hub);
  const client = await connect(t, hub);
  for (let at = 0; at < 1300; at += 100)
    await Promise.all(Array.from({ length: 100 }, (_, i) => client.publish('room:lobby', { name: 'bot', text: `line ${at + i}` })));
  await message(page, /^line 1299$/).waitFor();
  assert.equal(await page.locator(id('message')).count(), 500);
  assert.ok(await message(page, /^line 1299$/).isVisible());
  const gap = await page.evaluate(() => { const s = document.querySelector('[data-testid="log"]'); return s.scrollHeight - s.scrollTop - s.clientHeight; });
  assert.ok(gap < 40, `${gap} px from the end`);
});

test('deep link: the address names the channel, and follows it', async (t) => {
  const hub = await start({}, { t });
  const page = await tab(t, hub, { hash: '#team%20a:caf%C3%A9' });
  assert.equal(await page.textContent(id('current-channel')), 'team a:café');
  await page.fill(id('join-input'), 'room:two');
  await page.click(id('join'));
  await joined(page);
  assert.equal(new URL(page.url()).hash, '#room:two');
  await page.evaluate(() => { location.hash = '#room:three'; });
  await page.waitForSelector('.channel.current[data-channel="room:three"][data-state="joined"]');
  assert.equal(await page.locator(id('channel')).count(), 3);
});

test('unsubscribe: nothing more of the channel comes', async (t) => {
  const hub = await start({ unsubscribe_linger: '0s' }, { t });
  const page = await tab(t, hub);
  await page.click(`[data-channel="room:lobby"] ${id('leave')}`);
  await page.locator('[data-channel="room:lobby"]').waitFor({ state: 'detached' });
  for (let m = await hub.metrics(); m.sum('wshub_subscriptions') !== 0; m = await hub.metrics());
  assert.ok(await page.isDisabled(id('publish')));
});

test('a refusal of the hub is told in words, at the channel and at the message', async (t) => {
  const hub = await start({ channels: [{ match: 'closed:*', subscribe: 'server' }, { match: 'read:*', publish: 'server' }] }, { t });
  const page = await tab(t, hub);
  await page.fill(id('join-input'), 'closed:1');
  await page.click(id('join'));
  await page.locator('[data-channel="closed:1"][data-state="refused"]', { hasText: /Not allowed/ }).waitFor();
  await page.fill(id('join-input'), 'read:1');
  await page.click(id('join'));
  await joined(page);
  await say(page, 'may I?');
  await page.locator(id('error'), { hasText: /Not allowed/ }).waitFor();
  assert.equal(await page.inputValue(id('text')), 'may I?', 'the text is given back');
  await page.fill(id('join-input'), 'x'.repeat(256));
  await page.click(id('join'));
  await page.locator(id('join-error'), { hasText: /255 bytes/ }).waitFor();
});

test('phone: 375 pixels without sideways scrolling, in every state', async (t) => {
  const hub = await start({}, { t });
  const page = await tab(t, hub, { viewport: { width: 375, height: 667 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2, name: 'N'.repeat(40) });
  const check = async (when) => assert.deepEqual(await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]), [375, 375], when);
  await check('empty');
  await say(page, 'w'.repeat(300));
  await say(page, `{"long":"${'w'.repeat(300)}"}`, { json: true });
  await message(page, '"long"').waitFor();
  await check('long words');
  await page.click(id('menu'));
  await page.locator(id('channels')).waitFor({ state: 'visible' });
  await page.fill(id('join-input'), 'w'.repeat(200));
  await page.click(id('join'));
  await check('a long channel');
  await page.click(id('menu'));
  await check('menu');
  await page.keyboard.press('Escape');
  await page.locator(id('channels')).waitFor({ state: 'hidden' });
  for (const name of ['publish', 'menu', 'text']) {
    const box = await page.locator(id(name)).boundingBox();
    assert.ok(box.height >= 40 && box.x >= 0 && box.x + box.width <= 375 && box.y + box.height <= 667, `${name}: ${JSON.stringify(box)}`);
  }
});

// WCAG contrast of the text of an element against the first opaque background behind it.
const contrast = (page, selector) => page.locator(selector).first().evaluate((node) => {
  const rgb = (css) => (css.match(/[\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  let behind = node;
  while (behind.parentElement && (rgb(getComputedStyle(behind).backgroundColor)[3] ?? 1) === 0) behind = behind.parentElement;
  const [a, b] = [light(rgb(getComputedStyle(node).color)), light(rgb(getComputedStyle(behind).backgroundColor))];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
});

test('light and dark follow the system, both readable', async (t) => {
  const hub = await start({ channels: [{ match: 'closed', subscribe: 'server' }] }, { t });
  const backgrounds = {};
  for (const colorScheme of ['light', 'dark']) {
    const page = await tab(t, hub, { colorScheme, name: 'Ada' });
    await say(page, `seen in ${colorScheme}`);
    await message(page, `seen in ${colorScheme}`).waitFor();
    await page.fill(id('join-input'), 'closed');
    await page.click(id('join'));
    await page.waitForSelector('[data-channel="closed"][data-state="refused"]');
    await page.click('[data-channel="room:lobby"] .pick');
    await page.locator(id('message-text')).first().waitFor();
    for (const part of [id('status-text'), id('message-text'), '.msg time', id('publish'), '.channel .name', '[data-channel="closed"] .meta', '.facts dt', '.hint'])
      assert.ok(await contrast(page, part) >= 4.5, `${colorScheme} ${part}: ${await contrast(page, part)}`);
    backgrounds[colorScheme] = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  }
  assert.notEqual(backgrounds.light, backgrounds.dark);
});

test('keyboard and names: every control has a name, a message can be sent without a mouse', async (t) => {
  const hub = await start({}, { t });
  const page = await tab(t, hub);
  const nameless = await page.evaluate(() => [...document.querySelectorAll('button, input, textarea')]
    .filter((e) => !(e.getAttribute('aria-label') || e.textContent.trim() || [...(e.labels ?? [])].some((l) => l.textContent.trim())))
    .map((e) => e.outerHTML.slice(0, 100)));
  assert.deepEqual(nameless, []);
  assert.equal(await page.evaluate(() => document.activeElement.dataset.testid), 'text', 'ready to type');
  await page.keyboard.type('typed');
  await page.keyboard.press('Shift+Enter');
  await page.keyboard.type('two lines');
  await page.keyboard.press('Enter');
  await message(page, 'two lines').waitFor();
  assert.equal(await message(page, 'two lines').locator(id('message-text')).textContent(), 'typed\ntwo lines');
});

test('a restart of the hub: said in words, survived, subscribed again', async (t) => {
  const first = await start({}, { t });
  const page = await tab(t, first);
  await say(page, 'before');
  await message(page, 'before').waitFor();
  await first.stop();
  await page.locator(id('banner'), { hasText: /restarts|going away|cannot be reached/ }).waitFor();
  assert.equal(await page.textContent(id('status-text')), 'Reconnecting');
  await page.fill(id('text'), 'kept over the restart');
  assert.ok(await page.isDisabled(id('publish')));
  await start({ listen: first.address }, { t });
  await joined(page);
  await page.locator(id('banner')).waitFor({ state: 'hidden' });
  await page.press(id('text'), 'Enter');
  await message(page, 'kept over the restart').waitFor();
  await message(page, 'before').waitFor();
});

test('closing: reconnect_after_ms is just what the page waits', async (t) => {
  const hub = await start({ drain: { delay: '0s', window: '2s', timeout: '10s' } }, { t });
  const page = await tab(t, hub);
  await page.evaluate(() => {
    const real = window.setTimeout;
    window.delays = [];
    window.setTimeout = (f, ms, ...rest) => { window.delays.push(ms); return real(f, ms, ...rest); };
  });
  hub.kill('SIGTERM');
  await page.waitForSelector('#app[data-state="waiting"]');
  const closing = page.received.map((text) => JSON.parse(text)).find((m) => m.op === 'closing');
  assert.ok(closing, 'the hub said goodbye');
  const delays = await page.evaluate(() => window.delays);
  assert.ok(delays.includes(closing.reconnect_after_ms), `advised ${closing.reconnect_after_ms}, waited ${delays}`);
});

test('disconnect and connect by hand', async (t) => {
  const hub = await start({}, { t });
  const page = await tab(t, hub);
  await page.click(id('switch'));
  await page.waitForSelector('#app[data-state="closed"]');
  for (let m = await hub.metrics(); m.sum('wshub_connections') !== 0; m = await hub.metrics());
  await page.click(id('retry'));
  await joined(page);
  assert.equal(await page.textContent(id('status-text')), 'Connected');
});

test('a hub with auth plugins is given a token, and another one before it expires', async (t) => {
  const hub = await startAuth(t, ['token ada-token yes user=ada expires=60000', 'token bad-token no'], { timeouts: { refresh: '2s' } });
  const page = await tab(t, hub, { held: true });
  await page.locator(id('token-form')).waitFor();
  assert.equal(await page.locator(id('banner')).innerText().then((text) => text.split('\n')[0]), 'This hub wants to know who this is.');
  await page.click(id('token-use'));
  assert.equal(await page.textContent(id('token-error')), 'Paste a token first.');
  const use = async (token) => {
    await page.fill(id('token'), token);
    await page.press(id('token'), 'Enter');
  };
  await use('bad-token');
  await page.locator(id('banner'), { hasText: 'no valid credentials were given' }).waitFor();
  assert.ok(await page.isVisible(id('token-form')));
  await use('Bearer ada-token'); // as it is often copied
  await joined(page);
  assert.equal(await page.textContent(id('user')), 'ada');
  assert.ok(!await page.isVisible(id('banner')));
  await say(page, 'hello');
  await message(page, 'hello').waitFor();

  hub.table.say('token ada-token yes user=ada expires=3000', 'token later yes user=ada expires=60000');
  await page.reload(); // the tab keeps the token
  await joined(page);
  await page.locator(id('banner'), { hasText: 'The token expires in' }).waitFor();
  await use('nonsense');
  await page.locator(id('token-error'), { hasText: 'Not allowed: the token is not accepted.' }).waitFor();
  await use('later');
  await page.locator(id('banner')).waitFor({ state: 'hidden' });
  await say(page, 'still here');
  await message(page, 'still here').waitFor();
  assert.ok(!hub.text.includes('ada-token'));
});

// A cookie goes with every WebSocket that a browser opens, whoever's page asks for it.
test('never: cross-site WebSocket hijacking: a page of another origin comes to nothing, with the cookie of its visitor', async (t) => {
  const context = await browser.newContext();
  t.after(() => context.close());
  const evil = http.createServer((request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Win a prize</h1>'));
  await new Promise((resolve) => evil.listen(0, resolve));
  t.after(() => { evil.close(); evil.closeAllConnections(); });
  for (const origins of [['same-host'], ['*']]) {
    const hub = await startAuth(t, ['token hush yes user=ann'], { credentials: { cookie: 'session' }, origins, timeouts: { connect: '0s' } });
    const hosts = ['127.0.0.1', 'localhost'];
    await context.addCookies(hosts.map((domain) => ({ name: 'session', value: 'hush', domain, path: '/', httpOnly: true, sameSite: 'Lax' })));
    const openFrom = async (url, host) => { // what a page of that URL sees of a WebSocket to the hub
      const page = await context.newPage();
      await page.goto(url);
      return page.evaluate((target) => new Promise((resolve) => {
        const events = [];
        const ws = new WebSocket(target);
        ws.onmessage = ({ data }) => { events.push(JSON.parse(data)); if (events[0].op === 'welcome') resolve({ events }); };
        ws.onclose = ({ code }) => resolve({ events, code });
      }), `ws://${host}:${hub.port}/ws`).finally(() => page.close());
    };
    for (const from of hosts) {
      for (const to of hosts) {
        const seen = await openFrom(`http://${from}:${evil.address().port}/`, to);
        assert.deepEqual(seen, origins[0] === '*' ? { events: [{ op: 'closing', code: 'unauthenticated' }], code: 4401 } : { events: [], code: 1006 }, `${from} to ${to}`);
      }
    }
    const asked = hub.asked('authenticate');
    if (origins[0] === 'same-host') {
      assert.deepEqual(asked, [], 'no plugin was asked: Origin comes first');
      const own = await openFrom(`${hub.url}/healthz`, '127.0.0.1'); // the very cookie, from the page that it is for
      assert.equal(own.events[0].user, 'ann');
    } else {
      assert.ok(asked.length > 0 && asked.every((line) => line.includes('source=0 cookies=0 ')), asked.join('\n'));
    }
  }
});
