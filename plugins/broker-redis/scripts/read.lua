-- SPDX-License-Identifier: MIT
-- Reads a page of a channel's history. A channel without one gets its epoch here, so that whoever comes before
-- the first message has a position too.
-- ARGV: 6 the offset after which to begin, 0 for the end; 7 how many messages at most; 8 '1': backwards; 9 how
-- many bytes of messages may be passed with the last one
-- Answers {epoch, oldest offset, last offset, first offset, id, message, id, message, ...}. The oldest is of this
-- epoch: what is older can be read, from the first on, but nobody who follows the channel shall take it for news.
local STEP = 128 -- messages looked up at once, when they are small
local backwards = ARGV[8] == '1'

local function look_up(from, to, count)
    if backwards then
        return call('XREVRANGE', KEYS[2], digits(from), digits(to), 'COUNT', count)
    end
    return call('XRANGE', KEYS[2], digits(from), digits(to), 'COUNT', count)
end

local function bounds(first, last)
    local after = tonumber(ARGV[6])
    if backwards then
        return (after == 0 or after > last) and last or after - 1, first
    end
    return math.max(after + 1, first), last
end

-- The messages' size is not known before they are there: begins with few, goes on by their average.
local function read(answer, first, last)
    local from, to = bounds(first, last)
    local left, most = tonumber(ARGV[7]), tonumber(ARGV[9])
    local bytes, step = 0, 2
    while left > 0 and bytes < most and (backwards and from >= to or not backwards and from <= to) do
        local found = look_up(from, to, math.min(left, step))
        for _, entry in ipairs(found) do
            answer[#answer + 1] = entry[1]
            answer[#answer + 1] = entry[2][2]
            bytes = bytes + #entry[2][2]
        end
        if #found == 0 then
            return
        end
        left = left - #found
        from = tonumber(answer[#answer - 1]:match('^%d+')) + (backwards and -1 or 1)
        step = math.max(1, math.min(STEP, math.floor((most - bytes) * (#answer - 4) / 2 / (bytes + 1))))
    end
end

return run(function()
    local epoch, last, base = enter()
    if call('PTTL', KEYS[1]) < ARGV[5] / 2 then
        call('PEXPIRE', KEYS[1], ARGV[5])
    end
    local first = oldest(last, clock())
    local answer = {epoch, first > 0 and last > base and math.max(first, base + 1) or 0, last, first}
    if first > 0 then
        read(answer, first, last)
    end
    return answer
end)
