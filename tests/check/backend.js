// SPDX-License-Identifier: MIT
// What the auth plugins of tests/plugins/bad-auth ask: says "ok\n" to whoever connects. `node backend.js PORT`.
import { createServer } from 'node:net';

createServer((socket) => {
  socket.on('error', () => {});
  socket.end('ok\n');
}).listen(Number(process.argv[2]), '127.0.0.1', () => console.log('ready'));
