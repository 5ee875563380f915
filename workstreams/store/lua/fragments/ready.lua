-- Ready jobs wait in one sorted set per key, by arrival µs shifted by priority; keys take turns.
-- `coming`: what this call puts there, until `flush` is called: before anything reads the line.
-- `least`: the lowest cost that this call put into each workstream; 0 where it was not looked at.
-- `stirred`: whether a workstream has got something that may be asked for; false where all of it went to keys that are held.
local ready = {}

calls.gathers(ready, 'coming', 'least', 'stirred')

function ready.put(ws, id, key, score, cost)
  ready.least[ws] = math.min(ready.least[ws] or math.huge, cost or 0)
  local set = keys.ready(ws, key)
  local coming = ready.coming[set]
  if not coming then
    coming = {ws = ws, key = key, list = {}}
    ready.coming[set] = coming
  end
  local list = coming.list
  list[#list + 1] = score
  list[#list + 1] = id
end

local function line_up(set, coming)
  local ws, key = coming.ws, coming.key
  local added, held = batch.send('ZADD', set, coming.list), turns.is_held(ws, key)
  if added > 0 then
    -- With others in the line, those of the same key may be among them.
    local others = tally.add(ws, added) > added
    if not held and (not others or redis.call('ZCARD', set) == added) then turns.list(ws, key) end
  end
  local freed = held and turns.is_freed(ws, key, held, coming.list)
  ready.stirred[ws] = ready.stirred[ws] or not held or freed
end

-- Where something else than a key's set stands, its jobs try again later: they are nowhere else by now.
local AGAIN = 1000000

local function put_off(set, coming)
  if type(redis.pcall('ZCARD', set)) == 'number' then return end
  local due = digits(clock.now + AGAIN)
  tally.forget_due(coming.ws)
  for i = 1, #coming.list, 2 do
    redis.call('HSET', keys.job(coming.ws, coming.list[i + 1]), 'state', 'scheduled', 'due', due)
    redis.call('ZADD', keys.ws(coming.ws, 'scheduled'), due, coming.list[i + 1])
  end
end

function ready.flush()
  for set, coming in pairs(ready.coming) do
    ready.coming[set] = nil
    local fine, failure = pcall(line_up, set, coming)
    if not fine then
      put_off(set, coming)
      events.failed('line_failed', failure, {workstream = coming.ws, key = coming.key})
    end
  end
end

-- Moves scheduled jobs that are due to their ready sets, as if they arrived when they were due.
local DUE_AT_ONCE = 200

local function promote_due(ws)
  local scheduled = keys.ws(ws, 'scheduled')
  local due = redis.call('ZRANGEBYSCORE', scheduled, '-inf', clock.text, 'WITHSCORES', 'LIMIT', 0, DUE_AT_ONCE)
  tally.forget_due(ws)
  for i = 1, #due, 2 do
    local id = due[i]
    redis.call('ZREM', scheduled, id)
    -- A record that holds something else is no job any more, like one that is gone.
    local job = redis.pcall('HMGET', keys.job(ws, id), 'key', 'shift', 'score', 'v')
    if job[4] then
      -- A job put back in its place carries the score it had.
      local score = job[3] and job[3] ~= '' and tonumber(job[3]) or tonumber(due[i + 1]) + tonumber(job[2] or 0)
      redis.call('HSET', keys.job(ws, id), 'state', 'waiting', 'score', digits(score))
      ready.put(ws, id, job[1] or '', digits(score))
    end
  end
  ready.flush()
end

function ready.promote(ws)
  if tally.first_due(ws) <= clock.now then promote_due(ws) end
  turns.promote(ws)
end

-- µs at which something that does not wait yet will, or nil.
function ready.next_due(ws)
  local due = tally.first_due(ws)
  if due == math.huge then due = nil end
  local _, free = turns.next_free(ws)
  return due and free and math.min(due, free) or due or free
end

-- No job at the head: whatever is counted or listed all the same is left over from keys that
-- somebody deleted by hand.
function ready.recount(ws)
  if tally.ready(ws) == 0 then return end
  local key = redis.call('ZRANGE', keys.ws(ws, 'keys'), 0, 0)[1]
  if key then
    redis.call('ZREM', keys.ws(ws, 'keys'), key)
  elseif not turns.any_held(ws) then
    tally.clear(ws)
  end
end
