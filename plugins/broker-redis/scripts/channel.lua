-- SPDX-License-Identifier: MIT
-- What publish.lua and read.lua begin with. A channel with a history has two keys, in one slot of a cluster:
--   KEYS[1]  a hash: the epoch, the last offset that was given out, `base`, the last one before the epoch, and
--            the generation of the server's data under which that is known to be true (arrive.lua)
--   KEYS[2]  a stream: each message under the id <offset>-<when it came, ms>
-- ARGV: 1 an epoch, should a new one be needed; 2 the generation; 3 how many messages are kept; 4 and for how
-- long, ms; 5 for how long the position is known after the last message, ms
local size, ttl = tonumber(ARGV[3]), tonumber(ARGV[4])

-- A new epoch. Who holds a position of another one is told that his history was lost.
local function begin(offset)
    call('HSET', KEYS[1], 'epoch', ARGV[1], 'offset', digits(offset), 'base', digits(offset), 'generation', ARGV[2])
    call('PEXPIRE', KEYS[1], ARGV[5])
    return ARGV[1], offset, offset
end

local function begin_empty()
    local epoch = begin(0) -- the first write: it is the one that is refused when memory is short
    call('DEL', KEYS[2])
    return epoch, 0, 0
end

-- The epoch, the last offset, and the base. What is of an older generation may end before the last message that
-- somebody has seen: the messages stay, but their numbers must not be believed by anyone who has counted before.
local function enter()
    local known = call('HMGET', KEYS[1], 'epoch', 'offset', 'base', 'generation')
    local epoch, offset, base, generation = known[1], tonumber(known[2]), tonumber(known[3]), tonumber(known[4])
    if not epoch or #epoch ~= #ARGV[1] or not offset or not base or not generation then
        return begin_empty()
    end
    if generation < tonumber(ARGV[2]) then
        return begin(offset)
    end
    return epoch, offset, base
end

-- The first message from this offset on: its offset and its time, or nothing.
local function look(offset)
    local found = call('XRANGE', KEYS[2], digits(offset), '+', 'COUNT', 1)[1]
    if found then
        local at, time = found[1]:match('^(%d+)-(%d+)$')
        return tonumber(at), tonumber(time)
    end
end

-- The offset of the oldest message that is not too old and not one too many, or 0. Takes out what is too old.
local function oldest(last, now)
    local low, time = look(math.max(1, last - size + 1))
    if not low or time > now - ttl then
        return low or 0
    end
    local high = last + 1 -- from there on none is too old, and `low` is
    while low + 1 < high do
        local middle = math.floor((low + high) / 2)
        local at, when = look(middle)
        if at and when <= now - ttl then
            low = at
        else
            high = middle
        end
    end
    local first = look(high)
    if first then
        call('XTRIM', KEYS[2], 'MAXLEN', digits(last - first + 1))
    else
        call('DEL', KEYS[2])
    end
    return first or 0
end
