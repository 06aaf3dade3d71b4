-- SPDX-License-Identifier: MIT
-- What every script begins with.
local failure

-- As redis.call, but the error gets out as it is, which versions of Redis do differently.
local function call(...)
    local reply = redis.pcall(...)
    if type(reply) == 'table' and reply.err then
        failure = reply
        error('')
    end
    return reply
end

local function run(main)
    local done, result = pcall(main)
    return done and result or failure or redis.error_reply('ERR ' .. tostring(result))
end

-- All of them: Lua itself writes 1e+15.
local function digits(number)
    return string.format('%.0f', number)
end

-- Milliseconds, by the server's clock alone.
local function clock()
    local now = call('TIME')
    return now[1] * 1000 + math.floor(now[2] / 1000)
end

