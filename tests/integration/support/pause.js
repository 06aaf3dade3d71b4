// SPDX-License-Identifier: MIT
// SIGSTOP is only asked for by kill(): on a busy machine a thread on another core goes on for a moment, and answers
// what the test thinks nobody can answer.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';

const DEADLINE_MS = 5000;

// The state behind the name, which stands in parentheses and may hold anything (proc(5)).
function isStopped(pid, task) {
  const stat = readFileSync(`/proc/${pid}/task/${task}/stat`, 'latin1');
  return stat[stat.lastIndexOf(')') + 2] === 'T';
}

// Stops the process, and returns when every thread of it stands still.
export function pause(child) {
  const began = performance.now();
  assert.ok(child.kill('SIGSTOP'), `process ${child.pid} is not there to be stopped`);
  while (!readdirSync(`/proc/${child.pid}/task`).every((task) => isStopped(child.pid, task))) {
    assert.ok(performance.now() - began < DEADLINE_MS, `process ${child.pid} does not stop`);
  }
}
