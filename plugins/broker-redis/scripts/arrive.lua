-- SPDX-License-Identifier: MIT
-- Which generation of the server's data this is. A server that was restarted, or took over from another, may
-- have lost the last writes: it goes on with older offsets under an epoch whose newer ones were seen. So each
-- restart and each takeover begins a generation, and what is of an older one gets a new epoch (channel.lua).
--   KEYS[1]  a hash: the server's run id and replication id, and the generation that they belong to
-- ARGV: 1 '1': the server is said to lose nothing by a restart
-- Answers the generation: a number that grows.
-- A server gets another replication id when it takes over, and remembers the one before. It also gets one when
-- its first replica comes, and when the last has been gone for long: then it forgets the one before.
local function is_same(known, run, replication)
    local id = replication:match('master_replid:(%x+)')
    local before = replication:match('master_replid2:(%x+)') or ''
    return known[1] == run and (known[2] == id or before:match('^0+$') ~= nil)
end

local function next_generation(before)
    local now = call('TIME')
    return math.max(now[1] * 1000000 + now[2], before + 1)
end

local function arrive()
    local run = call('INFO', 'server'):match('run_id:(%x+)')
    local replication = call('INFO', 'replication')
    local known = call('HMGET', KEYS[1], 'run', 'replication', 'generation')
    local generation = tonumber(known[3])
    if not run then
        return redis.error_reply('ERR INFO names no run_id, by which a restart is known')
    end
    if not generation or (ARGV[1] ~= '1' and not is_same(known, run, replication)) then
        generation = next_generation(generation or 0)
    end
    call('HSET', KEYS[1], 'run', run, 'replication', replication:match('master_replid:(%x+)') or '',
        'generation', digits(generation))
    return digits(generation)
end

return run(arrive)
