-- While a gate is shut a send wakes nobody: what opens it will. Shared limits remember whom
-- they refused, so that a freed slot can wake the right ones. `need` is the cost for which a rate
-- is shut: a job that costs less and comes to stand first may be let in sooner.
local latch = {}

function latch.shut(ws, why, by, at, need)
  door.write(ws, 'why', why, 'limit', by, 'until', at and digits(at) or 'inf',
    'need', why == 'rate' and tostring(costs.on(need, by)) or '')
  if by ~= ws then redis.call('SADD', keys.limit(by, 'waiters'), ws) end
end

function latch.open(ws) door.write(ws, 'why', '', 'limit', '', 'until', '', 'need', '') end

-- Whether a job that this call put there comes first now and costs less than `need`.
local function is_passed(ws, limit, need)
  if (ready.least[ws] or 0) >= need then return false end
  local head = line.first(ws, 1)
  return head ~= nil and costs.on(line.cost(ws, head.ids[1]), limit) < need
end

function latch.is_shut(ws)
  local shut = door.of(ws)
  if shut['until'] == '' or (shut['until'] ~= 'inf' and tonumber(shut['until']) <= clock.now) then return false end
  local need = tonumber(shut.need)
  return not need or not is_passed(ws, shut.limit, need)
end

-- A rate has no room for `need` before `at`. Returns when to look again: what is due or free before
-- that can start no earlier, unless it costs less. What is dear may be passed by more than the first of them.
function latch.look_at(ws, by, need, at)
  local limit = costs.on(need, by)
  local function sooner(id, when)
    if id and when < at and (limit > 1 or costs.on(line.cost(ws, id), by) < limit) then at = when end
  end
  local id, due = unpack(redis.call('ZRANGE', keys.ws(ws, 'scheduled'), 0, 0, 'WITHSCORES'))
  sooner(id, tonumber(due))
  local key, free = turns.next_free(ws)
  if key then sooner(redis.call('ZRANGE', keys.ready(ws, key), 0, 0)[1], free) end
  return at
end
