-- While a gate is shut a send wakes nobody: what opens it will. Shared limits remember whom
-- they refused, so that a freed slot can wake the right ones.
local latch = {}

function latch.shut(ws, why, by, at)
  redis.call('HSET', keys.ws(ws, 'gate'), 'why', why, 'limit', by, 'until', at and digits(at) or 'inf')
  if by ~= ws then redis.call('SADD', keys.limit(by, 'waiters'), ws) end
end

function latch.open(ws) redis.call('HDEL', keys.ws(ws, 'gate'), 'why', 'limit', 'until') end

function latch.is_shut(ws)
  local til = redis.call('HGET', keys.ws(ws, 'gate'), 'until')
  return til and (til == 'inf' or tonumber(til) > clock.now)
end
