-- SPDX-License-Identifier: MIT
-- Makes or replaces an entry of the registry, and of the index of its group.
--   KEYS[1]  the entry
--   KEYS[2]  there when it has a group: a sorted set of the group's entries by the time when they expire
-- ARGV: 1 the value; 2 its ttl, ms; 3 what the index calls it
-- Answers 1 when it was there, else 0.
local function index(ttl)
    local now = clock()
    call('ZADD', KEYS[2], digits(now + ttl), ARGV[3])
    call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. digits(now))
    if call('PTTL', KEYS[2]) < ttl then
        call('PEXPIRE', KEYS[2], ARGV[2])
    end
end

return run(function()
    local was_there = call('EXISTS', KEYS[1])
    call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    if KEYS[2] then
        index(tonumber(ARGV[2]))
    end
    return was_there
end)
