-- While a gate is shut a send wakes nobody: what opens it will. Shared limits remember whom
-- they refused, so that a freed slot can wake the right ones. `need` is the cost for which it is
-- shut: one that costs less and comes to stand first may be let in sooner.
local latch = {}

function latch.shut(ws, why, by, at, need)
  redis.call('HSET', keys.ws(ws, 'gate'), 'why', why, 'limit', by, 'until', at and digits(at) or 'inf',
    'need', why == 'rate' and need or '')
  if by ~= ws then redis.call('SADD', keys.limit(by, 'waiters'), ws) end
end

function latch.open(ws) redis.call('HDEL', keys.ws(ws, 'gate'), 'why', 'limit', 'until', 'need') end

-- Returns whether it is shut, and the cost for which a rate shut it.
function latch.is_shut(ws)
  local read = redis.call('HMGET', keys.ws(ws, 'gate'), 'until', 'need')
  return read[1] and (read[1] == 'inf' or tonumber(read[1]) > clock.now), tonumber(read[2] or '')
end

-- Whether a job that this call put there comes first now and costs less than `need`.
function latch.is_passed(ws, need)
  if (ready.least[ws] or 0) >= need then return false end
  local head = ready.head(ws, 1)
  return head ~= nil and ready.cost(ws, head.ids[1]) < need
end

-- A rate has no room for `need` before `at`. Returns when to look again: what becomes due before
-- that can start no earlier, unless it costs less.
function latch.look_at(ws, need, at)
  local id, due = unpack(redis.call('ZRANGE', keys.ws(ws, 'scheduled'), 0, 0, 'WITHSCORES'))
  return id and tonumber(due) < at and ready.cost(ws, id) < need and tonumber(due) or at
end
