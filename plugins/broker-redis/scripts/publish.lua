-- SPDX-License-Identifier: MIT
-- Appends a message to its channel's history and publishes it, under the same offset: both or neither.
--   KEYS[3]  there when the message has a key: its position, as long as the key is remembered
-- ARGV: 6 the channel; 7 the envelope up to the value of its epoch; 8 the payload; 9 how long the key counts, ms
-- Answers {epoch, offset}, to a repeated key like the first time.
local SWEEP = 64 -- messages after which the oldest are looked at

-- Envelope and payload, as wshub/envelope.h has them; a field of 8 bytes with the tag 5 is the offset.
local function message_of(epoch, offset)
    return ARGV[7] .. epoch .. '\5\0\8' .. struct.pack('>I8', offset) .. ARGV[8]
end

-- False: the stream is beyond that offset, so it is not the one that the position speaks of. '~' leaves up to
-- a node of the stream more than its size, which is much cheaper; whoever reads stops at the size.
local function append(offset, now, message)
    local id = digits(offset) .. '-' .. digits(now)
    local reply = redis.pcall('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], id, 'm', message)
    if type(reply) == 'table' and reply.err then
        failure = reply
        if not reply.err:find('equal or smaller', 1, true) then
            error('')
        end
        return false
    end
    return true
end

local function position_of_key()
    local epoch, offset = (KEYS[3] and call('GET', KEYS[3]) or ''):match('^(%S+) (%d+)$')
    return epoch and {epoch, tonumber(offset)}
end

local function publish()
    local epoch, last = enter()
    local now, offset = clock(), last + 1
    local message = message_of(epoch, offset)
    if not append(offset, now, message) then
        epoch, last = begin_empty()
        offset = last + 1
        message = message_of(epoch, offset)
        append(offset, now, message)
    end
    call('HSET', KEYS[1], 'offset', digits(offset))
    call('PEXPIRE', KEYS[1], ARGV[5])
    call('PEXPIRE', KEYS[2], ARGV[4])
    if KEYS[3] then
        call('SET', KEYS[3], epoch .. ' ' .. digits(offset), 'PX', ARGV[9])
    end
    if offset % SWEEP == 0 then
        oldest(offset, now)
    end
    call('PUBLISH', ARGV[6], message)
    return {epoch, offset}
end

-- What may not be published must not be kept either. From 7.0 on the server says so beforehand.
local function may_publish()
    return not redis.acl_check_cmd or redis.acl_check_cmd('PUBLISH', ARGV[6], '')
end

return run(function()
    if not may_publish() then
        return redis.error_reply('NOPERM this user may not publish to this channel')
    end
    return position_of_key() or publish()
end)
