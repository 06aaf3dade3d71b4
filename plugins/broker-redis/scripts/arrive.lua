-- SPDX-License-Identifier: MIT
-- Which generation of the server's data this is. A server that was restarted, or took over from another, may
-- have lost the last writes: it goes on with older offsets under an epoch whose newer ones were seen. So each
-- restart and each takeover begins a generation, and what is of an older one gets a new epoch (channel.lua).
--   KEYS[1]  a hash: the server's run id and replication id, and the generation that they belong to
-- ARGV: 1 '1': the server is said to lose nothing by a restart; 2 the generation that this session knows, or ''.
-- Sessions ask again now and then: so they agree again after the hash was lost, which none of them has noticed.
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

-- The one that was known, when it still holds; else the next.
local function generation_of(known, run, replication)
    local generation = tonumber(known[3])
    if not generation then
        return tonumber(ARGV[2]) or next_generation(0)
    end
    if ARGV[1] == '1' or is_same(known, run, replication) then
        return generation
    end
    return next_generation(generation)
end

return run(function()
    local run_id = call('INFO', 'server'):match('run_id:(%x+)')
    local replication = call('INFO', 'replication')
    local id = replication:match('master_replid:(%x+)')
    if not run_id or not id then
        return redis.error_reply('ERR INFO names no run_id and master_replid, by which a restart is known')
    end
    local known = call('HMGET', KEYS[1], 'run', 'replication', 'generation')
    local generation = digits(generation_of(known, run_id, replication))
    if known[1] ~= run_id or known[2] ~= id or known[3] ~= generation then
        call('HSET', KEYS[1], 'run', run_id, 'replication', id, 'generation', generation)
    end
    return generation
end)
