-- How many jobs of a workstream are ready, and when the first of those that are not is due: remembered from call to call
-- as the last change left it, because each send and each ask wants to know.
local tally = {}

function tally.ready(ws)
  local known = memory.now.waiting[ws]
  if known then return known end
  known = tonumber(redis.call('GET', keys.ws(ws, 'waiting')) or 0)
  memory.now.waiting[ws] = known
  return known
end

-- Returns how many are ready now.
function tally.add(ws, n)
  local count = redis.call('INCRBY', keys.ws(ws, 'waiting'), n)
  memory.now.waiting[ws] = count
  return count
end

function tally.clear(ws)
  redis.call('DEL', keys.ws(ws, 'waiting'))
  memory.now.waiting[ws] = 0
end

-- µs at which the first scheduled job is due, math.huge if there is none.
function tally.first_due(ws)
  local known = memory.now.due[ws]
  if known then return known end
  known = tonumber(redis.call('ZRANGE', keys.ws(ws, 'scheduled'), 0, 0, 'WITHSCORES')[2]) or math.huge
  memory.now.due[ws] = known
  return known
end

-- One more is scheduled.
function tally.note_due(ws, due)
  local known = memory.now.due[ws]
  if known and due < known then memory.now.due[ws] = due end
end

-- Some are scheduled no longer.
function tally.forget_due(ws) memory.now.due[ws] = nil end

function tally.scheduled(ws)
  return tally.first_due(ws) == math.huge and 0 or redis.call('ZCARD', keys.ws(ws, 'scheduled'))
end
