-- Ready jobs wait in one sorted set per key, by arrival µs shifted by priority; keys take
-- turns by virtual time (start-time fair queuing, Goyal et al. 1996). A key that comes back
-- starts no earlier than the clock of its workstream, so being idle saves up no credit.
-- `coming`: what this call puts there, until `flush` is called: before anything reads the line.
local ready = {}

calls.begin_with(function() ready.coming = {} end)

function ready.put(ws, id, key, score)
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

-- A key that had no jobs is given its turn.
local function list_key(ws, key)
  local turn = tonumber(redis.call('HGET', keys.ws(ws, 'gate'), 'clock') or 0)
  local own = tonumber(redis.call('ZSCORE', keys.ws(ws, 'idle'), key) or 0)
  redis.call('ZADD', keys.ws(ws, 'keys'), math.max(turn, own), key)
  if own > 0 then redis.call('ZREM', keys.ws(ws, 'idle'), key) end
end

function ready.flush()
  for set, coming in pairs(ready.coming) do
    local added = batch.send('ZADD', set, coming.list)
    if added > 0 then
      -- With others in the line, those of the same key may be among them.
      local others = redis.call('INCRBY', keys.ws(coming.ws, 'waiting'), added) > added
      if not others or redis.call('ZCARD', set) == added then list_key(coming.ws, coming.key) end
    end
    ready.coming[set] = nil
  end
end

function ready.count(ws) return tonumber(redis.call('GET', keys.ws(ws, 'waiting')) or 0) end

-- Moves scheduled jobs that are due to their ready sets, as if they arrived when they were due.
local DUE_AT_ONCE = 200

function ready.promote(ws)
  local scheduled = keys.ws(ws, 'scheduled')
  local due = redis.call('ZRANGEBYSCORE', scheduled, '-inf', clock.text, 'WITHSCORES', 'LIMIT', 0, DUE_AT_ONCE)
  for i = 1, #due, 2 do
    local id = due[i]
    redis.call('ZREM', scheduled, id)
    local job = redis.call('HMGET', keys.job(ws, id), 'key', 'shift', 'score', 'v')
    if job[4] then
      -- A job put back in its place carries the score it had.
      local score = job[3] and job[3] ~= '' and tonumber(job[3]) or tonumber(due[i + 1]) + tonumber(job[2] or 0)
      redis.call('HSET', keys.job(ws, id), 'state', 'waiting', 'score', digits(score))
      ready.put(ws, id, job[1] or '', digits(score))
    end
  end
  ready.flush()
end

function ready.next_due(ws)
  return tonumber(redis.call('ZRANGE', keys.ws(ws, 'scheduled'), 0, 0, 'WITHSCORES')[2])
end

-- The head of the line: {key, turn, alone, ids, more}: the key whose turn it is, its time, whether
-- it is the only one, its first jobs (at most `most`; one if others wait for their turn) and whether
-- there may be more of them. nil when none is ready.
function ready.head(ws, most)
  local first = redis.call('ZRANGE', keys.ws(ws, 'keys'), 0, 1, 'WITHSCORES')
  if not first[1] then return nil end
  local alone = not first[3]
  if not alone then most = 1 end
  local ids = redis.call('ZRANGE', keys.ready(ws, first[1]), 0, most - 1)
  if not ids[1] then return nil end
  return {key = first[1], turn = tonumber(first[2]), alone = alone, ids = ids, more = #ids == most}
end

-- What the first job at the head costs; that matters to rates only.
function ready.cost_of(ws, head)
  if not settings.is_rated(ws) then return 1 end
  return tonumber(redis.call('HGET', keys.job(ws, head.ids[1]), 'cost') or 1)
end

-- The last key is gone: so is what keys were ahead of each other.
local function end_busy_period(ws)
  local idle = keys.ws(ws, 'idle')
  local furthest = redis.call('ZRANGE', idle, -1, -1, 'WITHSCORES')[2]
  if not furthest then return end
  redis.call('HSET', keys.ws(ws, 'gate'), 'clock', furthest)
  redis.call('DEL', idle)
end

-- The clock of a workstream moves on with every job by what is one job's share of all its keys, and is
-- never behind the key whose turn it is: so keys that come later stand behind those that wait.
local function move_clock(ws, turn, n)
  local gated = keys.ws(ws, 'gate')
  local now = tonumber(redis.call('HGET', gated, 'clock') or 0) + n / redis.call('ZCARD', keys.ws(ws, 'keys'))
  now = math.max(now, turn)
  redis.call('HSET', gated, 'clock', now)
  redis.call('ZREMRANGEBYSCORE', keys.ws(ws, 'idle'), '-inf', now)
  return now
end

-- Takes the first `n` jobs at the head out of the line and moves the key's turn on. A key that is
-- alone takes no turns: its time stays where it is.
function ready.remove(ws, head, n)
  local key, turn = head.key, head.turn
  local set, keyed = keys.ready(ws, key), keys.ws(ws, 'keys')
  if n > 0 then
    redis.call('ZREMRANGEBYRANK', set, 0, n - 1)
    redis.call('DECRBY', keys.ws(ws, 'waiting'), n)
  end
  local left = n < #head.ids or (head.more and redis.call('EXISTS', set) == 1)
  if head.alone then
    if left then return end
    redis.call('ZREM', keyed, key)
    end_busy_period(ws)
    return
  end
  local now = move_clock(ws, turn, n)
  if left then
    redis.call('ZADD', keyed, turn + n, key)
  else
    redis.call('ZREM', keyed, key)
    -- What it is ahead of the clock is kept until the clock has passed it.
    if turn + n > now then redis.call('ZADD', keys.ws(ws, 'idle'), turn + n, key) end
  end
end

-- No job at the head: whatever is counted or listed all the same is left over from keys that
-- somebody deleted by hand.
function ready.recount(ws)
  if ready.count(ws) == 0 then return end
  local key = redis.call('ZRANGE', keys.ws(ws, 'keys'), 0, 0)[1]
  if key then
    redis.call('ZREM', keys.ws(ws, 'keys'), key)
  else
    redis.call('DEL', keys.ws(ws, 'waiting'))
  end
end
