// SPDX-License-Identifier: MIT
// The conformance kit is worth what it catches. Each of tests/plugins/bad does one thing wrong, and fails the case that
// is about it, with a text that says what; the good one, which is made of the same, passes everything.
import { test } from 'node:test';
import { COUNTED, FOUND_BY_ASAN, expectGood, testCaught } from './caught.js';

const PLUGINS = process.env.WSHUB_BAD_PLUGINS ?? 'build/tests/plugins/bad';

// plugin: [the case that finds it, what its text says, the verdict if it is not "fail", what it needs]
const caught = {
  // ---- the library ----
  'checks-nothing': ['refuses-nonsense', /option "url" takes ":\/\/"/],
  'checks-with-timer': ['checks-anywhere', /within check/, 'crashed'],
  'entry-allocates': ['entry-is-pure', /allocated memory/, 'fail', COUNTED],
  'entry-changes': ['entry-is-pure', /another pointer/],
  'entry-opens': ['entry-is-pure', /1 descriptor more/],
  'entry-prints': ['entry-is-pure', /wrote to stdout: "hello/],
  'entry-writes': ['entry-is-pure', /changed what it returns/],
  'exports-more': ['exports-one-symbol', /exports helper besides/],
  'guesses-newer-host': ['newer-host', /within open/, 'crashed'],
  'leaks-at-load': ['loads-and-unloads', /90 descriptors more after 90 times/],
  'leaks-pages-at-load': ['loads-and-unloads', /KiB more are in use/, 'fail', COUNTED],
  'logs-secret': ['keeps-secrets', /secret option "password" stands in what check says/],
  'logs-secret-later': ['keeps-secrets', /value of option password, which is a secret, was logged/],
  'option-without-help': ['declares-options', /option "retries" has no help/],
  'overruns-option': ['refuses-nonsense', /within check/, 'crashed'],
  'reads-beyond-host': ['older-host', /within open/, 'crashed'],
  'reads-beyond-message': ['older-host', /within publish/, 'crashed'],
  'refuses-fallback': ['declares-options', /its own fallback/],
  'refuses-newer-host': ['newer-host', /open returned -7/],
  'refuses-silently': ['refuses-nonsense', /named no option/],
  'refuses-undeclared': ['refuses-nonsense', /declares none of that name/],
  'shows-secret': ['declares-options', /called like a secret/, 'warning'],
  'starts-at-load': ['loads-and-unloads', /90 threads more/],
  'writes-stdout': ['checks-anywhere', /wrote to stdout: ".*checking/],
  'writes-stdout-later': ['writes-nothing', /wrote to stdout: "publishing/],

  // ---- the contract ----
  'blocks-open': ['opens-again', /open blocked the hub thread for 1\d{3}/],
  'blocks-publish': ['does-not-block', /publish blocked the hub thread for 20\d/],
  'changes-signals': ['opens-again', /has changed what becomes of SIGPIPE/],
  'close-hangs': ['opens-again', /did not end within \d+ s \(within close\)/, 'crashed'],
  'close-lingers': ['opens-again', /close blocked the hub thread for \d+/],
  'closes-others': ['two-at-once', /the second instance was closed, and .* did not arrive/],
  'closes-stdout': ['opens-again', /has closed descriptor 1, which is not the plugin's/],
  'completes-after-close': ['closes-in-flight', /complete was called after close had returned/],
  'completes-oddly': ['completes-once', /completed with 1, which is none of enum wshub_status/],
  'completes-twice': ['completes-once', /which was completed already/],
  'completes-unknown': ['completes-once', /which the host never gave out/],
  'delivers-after-close': ['opens-and-closes', /deliver was called after close had returned/],
  'delivers-unsized': ['answers-each-verb', /struct_size 0/],
  'entry-after-complete': ['answers-each-verb', /told no entry/],
  'entry-from-thread': ['answers-each-verb', /entry was called by a thread of the plugin's/],
  'hogs': ['does-not-block', /kept the hub thread for/],
  'keeps-channel': ['keeps-nothing-lent', /within a timer/, 'crashed'],
  'keeps-names': ['does-not-grow', /a cache/, 'warning', COUNTED],
  'keeps-payload': ['copies-what-is-lent', /the payload is lent until the slot returns|within a timer/, FOUND_BY_ASAN],
  'keeps-value': ['copies-what-is-lent', /registry_get told "\\xA5|within a timer/, FOUND_BY_ASAN],
  'leaks-descriptor': ['opens-and-closes', /left 1 descriptor \(\d+: \/dev\/null\) behind|descriptors more/],
  'leaks-message': ['does-not-grow', /200 blocks of memory more|LeakSanitizer/],
  'leaks-process': ['opens-again', /left a process behind/],
  'leaks-session': ['opens-and-closes', /90 blocks of memory more|LeakSanitizer/],
  'leaks-thread': ['opens-again', /left 1 thread behind|left \d threads behind/],
  'leaks-timer': ['opens-again', /left 1 timer/],
  'leaks-watch': ['opens-again', /left 0 timers and 1 watch/],
  'leaks-when-refused': ['refused-open', /20 descriptors more/],
  'link-from-thread': ['opens-again', /link was called by a thread of the plugin's/],
  'logs-after-close': ['opens-and-closes', /log was called after close had returned/],
  'never-completes': ['answers-each-verb', /publish was not completed within/],
  'one-global': ['two-at-once', /did not arrive/],
  'opens-once': ['opens-again', /open returned -9/],
  'refuses-oddly': ['takes-repeats', /unsubscribe returned -99/],
  'repeats-fail': ['takes-repeats', /what is not subscribed any more: unsubscribe was answered with NOT_FOUND/],
  'resumes-first': ['opens-again', /there is nothing to resume/],
  'says-nothing': ['opens-again', /open was not followed by link/],
  'slow-with-many': ['does-not-block', /subscribe blocked the hub thread/],
  'spins': ['rests', /\d{4,} callbacks in a second/],
  'spins-in-thread': ['rests', /CPU/],
  'timer-from-thread': ['opens-again', /timer_new was called by a thread of the plugin's/],
  'unsubscribes-others': ['two-at-once', /the second instance has unsubscribed, and .* did not arrive/],
  'writes-to-lent': ['keeps-nothing-lent', /within publish/, 'crashed'],

  // ---- memory ----
  'crashes-without-memory': ['memory-of-subscribe', /within subscribe/, 'crashed'],
  'hangs-without-memory': ['memory-of-publish', /publish was not completed within/],
  'leaks-without-memory': ['memory-of-open', /4 blocks of memory were lost/, 'warning'],
  'loses-without-memory': ['memory-of-publish', /did not arrive, nor was its loss told/],

  // ---- delivery ----
  'confirms-early': ['subscribe-confirmed', /never came|did not/],
  'cuts-exclude': ['metadata', /1000 bytes came instead of 4096/],
  'delivers-to-neighbour': ['isolation', /published on .* came on/],
  'doubles-1000th': ['order', /came 2 times/],
  'doubles-own': ['own-messages', /came 2 times/],
  'drops-1000th': ['order', /never came/],
  'lies-ordered': ['total-order', /came after/],
  'link-flaps': ['exactly-once', /link of .* changed while messages passed/, 'warning'],
  'loses-1000th': ['exactly-once', /said \d+ times that messages may be lost, and none was/, 'warning'],
  'loses-exclude': ['metadata-parts', /exclude is not what was published/],
  'loses-own': ['own-messages', /never came/],
  'loses-sender': ['metadata-parts', /sender is not what was published/],
  'loses-sender-user': ['metadata-parts', /sender_user is not what was published/],
  'never-unsubscribes': ['unsubscribe-stops', /which this instance has not subscribed/],
  'own-only': ['two-instances', /./],
  'reorders': ['own-messages', /came after/],
  'unsubscribes-early': ['unsubscribe-stops', /which this instance has not subscribed/],

  // ---- names ----
  'escapes-badly': ['names-prefixes', /"chat\.room\.1" came on "chat room 1"/],
  'ignores-case': ['names-prefixes', /published on "a" came on "A"/],
  'matches-levels': ['names-wildcards', /came on "a\.>"/],
  'matches-prefix': ['isolation', /published on .* came on/],
  'matches-wildcard': ['names-wildcards', /came on "\*"/],
  'refuses-unicode': ['names-unicode', /got INVALID/],
  'trims-blanks': ['names-wildcards', /published on " {2}" came on " "/],
  'trims-names': ['names-half', /\(128 bytes\) came on/],

  // ---- payloads ----
  'cuts-payload': ['payload-max', /expected TOO_LARGE/],
  'drops-link-when-too-large': ['payload-max', /expected the link to stay up/],
  'ends-at-nul': ['payload-nul', /a NUL in front/],
  'lies-max-payload': ['payload-max', /TOO_LARGE/],
  'loses-empty': ['payload-empty', /never came/],
  'mangles-binary': ['payload-not-text', /"\?" came instead of/],
  'refuses-and-completes': ['payload-max', /one of both/],
  'takes-envelopes': ['payload-envelope', /a whole envelope/],

  // ---- the registry ----
  'cuts-values': ['registry-values', /1024 bytes came instead of 2048/],
  'delete-refuses-none': ['registry-delete', /got NOT_FOUND/],
  'heartbeat-always-ok': ['heartbeat', /the first time/],
  'ignores-ttl': ['registry-expires', /./],
  'keeps-first-ttl': ['registry-longer', /./],
  'lies-registry': ['registry-set-get', /got NOT_FOUND/],
  'list-by-pattern': ['registry-patterns', /was told an entry/],
  'list-misses': ['registry-list-many', /has 100 entries/],
  'list-repeats': ['registry-list', /came 2 times/],
  'local-registry': ['registry-set-get', /by another instance/],
  'ttl-in-seconds': ['registry-expires', /for 1700 ms: it was gone after 1\d{3} ms/],

  // ---- groups of its entries ----
  'group-by-prefix': ['registry-group', /was told an entry/],
  'group-by-scan': ['registry-group-cost', /it must cost what is found/],
  'group-keeps-expired': ['registry-group-expires', /are still listed/],

  // ---- positions ----
  'epoch-has-blanks': ['publish-position', /an epoch of 13 bytes that is not/],
  'lies-dense': ['dense', /is followed by \d+, expected the next number/],
  'loses-position': ['carries-position', /it came with 1, ""/],
  'previous-unknown': ['position-chain', /do not say which is before them/, 'warning'],
  'skips-what-is-full': ['dense-bounds', /35 published, 10 kept: offset \d+ is followed by/],
  'tells-newest': ['publish-position', /in the history: the publish of .* was told offset/],
  'tells-no-position': ['publish-position', /expected host->position to tell/],
  'reads-key-of-older-hub': ['position-older-hub', /in memory that was lent|within publish/, 'crashed'],
  'tells-older-hub': ['position-older-hub', /a publish of a hub of ABI 1\.2/],
  'tells-position-unasked': ['history-none', /to a channel without a history/],
  'tells-two-positions': ['publish-position', /told 2 positions/],

  // ---- keys ----
  'answers-repeats-anew': ['key-repeated', /the repetition \d+, .*: expected the same/],
  'forgets-key-without-memory': ['memory-of-keys', /the history has it 2 times/, 'fail', COUNTED],
  'delivers-repeats': ['key-repeated', /expected 5 messages to arrive, and 8 did/],
  'ignores-keys': ['key-repeated', /expected the same/],
  'keys-cut': ['key-distinct', /message 18 of the history is/],
  'keys-of-all-channels': ['key-distinct', /expected 20 messages in the history, got 0/],
  'keys-of-instance': ['key-elsewhere', /through another instance: the first was told/],
  'keys-too-brief': ['key-expires', /it was taken twice/],
  'keys-too-late': ['key-at-once', /published at once with one key: the first was told/],

  // ---- history and last values ----
  'history-ignores-limit': ['history-paging', /limit 1: \d+ messages came/],
  'history-ignores-order': ['history-backwards', /message 1 has offset 1/],
  'history-ignores-size': ['history-size', /a history of 10 after 12 messages/],
  'history-includes-after': ['history-after', /message 1 has offset/],
  'history-loses-sender': ['history-whole', /in the history: sender is not what was published/],
  'keeps-any-value': ['last-value-none', /expected nothing/],
  'last-value-as-live': ['last-value-kept', /as if it were live/],
  'lies-history': ['history-forwards', /expected 300 messages, got 0/],
  'lies-last-value': ['last-value-kept', /did not come after the subscribe/],
  'live-as-last-value': ['last-value-live', /it came with WSHUB_MESSAGE_LAST_VALUE/],
  'live-without-position': ['history-live', /expected both/],
  'offsets-stand-still': ['history-live', /the history has there offset 3/],
  'previous-skips': ['history-live', /with previous 1; the one before it has offset 2/],
};

testCaught(PLUGINS, caught);

// What it skips, it skips for want of a broker of its own, or since it is none of the others.
test('the good plugin passes everything', () => expectGood(PLUGINS, /broker\.|malloc|about auth plugins/));
