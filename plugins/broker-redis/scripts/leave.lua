-- SPDX-License-Identifier: MIT
-- Deletes an entry of the registry that has a group. KEYS and ARGV[1] as KEYS and ARGV[3] of enter.lua.
return run(function()
    call('ZREM', KEYS[2], ARGV[1])
    return call('DEL', KEYS[1])
end)
