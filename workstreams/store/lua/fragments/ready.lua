-- Ready jobs wait in one sorted set per key, by arrival µs shifted by priority; keys take
-- turns by virtual time (start-time fair queuing, Goyal et al. 1996). A key that comes back
-- starts no earlier than the clock of its workstream, so being idle saves up no credit.
-- `listed`: ready sets whose key is known, in this call, to take turns.
local ready = {listed = {}}

function ready.put(ws, id, key, score)
  local set = keys.ready(ws, key)
  if redis.call('ZADD', set, score, id) == 0 then return end
  redis.call('INCR', keys.ws(ws, 'waiting'))
  if ready.listed[set] then return end
  ready.listed[set] = true
  if redis.call('ZCARD', set) == 1 then
    local turn = tonumber(redis.call('HGET', keys.ws(ws, 'gate'), 'clock') or 0)
    local own = tonumber(redis.call('ZSCORE', keys.ws(ws, 'idle'), key) or 0)
    redis.call('ZADD', keys.ws(ws, 'keys'), math.max(turn, own), key)
    if own > 0 then redis.call('ZREM', keys.ws(ws, 'idle'), key) end
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
    local job = redis.call('HMGET', keys.job(ws, id), 'key', 'shift', 'score')
    if job[1] then
      -- A job put back in its place carries the score it had.
      local score = job[3] and job[3] ~= '' and tonumber(job[3]) or tonumber(due[i + 1]) + tonumber(job[2] or 0)
      redis.call('HSET', keys.job(ws, id), 'state', 'waiting', 'score', digits(score))
      ready.put(ws, id, job[1], digits(score))
    end
  end
end

function ready.next_due(ws)
  return tonumber(redis.call('ZRANGE', keys.ws(ws, 'scheduled'), 0, 0, 'WITHSCORES')[2])
end

-- The key whose turn it is, how many of its jobs may be looked at in one go, its time, and
-- whether it is alone.
function ready.next_key(ws, most)
  local first = redis.call('ZRANGE', keys.ws(ws, 'keys'), 0, 1, 'WITHSCORES')
  if not first[1] then return nil end
  return first[1], first[3] and 1 or most, tonumber(first[2]), not first[3]
end

-- What the job costs that would be taken first; nil when none is ready.
function ready.head_cost(ws)
  local key = ready.next_key(ws, 1)
  local id = key and redis.call('ZRANGE', keys.ready(ws, key), 0, 0)[1]
  return id and tonumber(redis.call('HGET', keys.job(ws, id), 'cost') or 1)
end

-- Takes the first `n` jobs of a key out of its set and moves the key's turn on. A key that is
-- alone takes no turns: `alone` leaves its time where it is.
function ready.remove(ws, key, n, turn, alone)
  local set, keyed, idle = keys.ready(ws, key), keys.ws(ws, 'keys'), keys.ws(ws, 'idle')
  ready.listed[set] = nil
  if n > 0 then
    redis.call('ZREMRANGEBYRANK', set, 0, n - 1)
    redis.call('DECRBY', keys.ws(ws, 'waiting'), n)
  end
  if alone then
    if redis.call('EXISTS', set) == 0 then redis.call('ZREM', keyed, key) end
    return
  end
  redis.call('HSET', keys.ws(ws, 'gate'), 'clock', turn)
  if redis.call('EXISTS', set) == 1 then
    redis.call('ZADD', keyed, turn + n, key)
  else
    redis.call('ZREM', keyed, key)
    redis.call('ZADD', idle, turn + n, key)
  end
  redis.call('ZREMRANGEBYSCORE', idle, '-inf', '(' .. turn)
end

-- No job at the head: whatever is counted or listed all the same is left over from keys that
-- somebody deleted by hand.
function ready.recount(ws)
  if ready.count(ws) == 0 then return end
  local key = ready.next_key(ws, 1)
  if key then
    redis.call('ZREM', keys.ws(ws, 'keys'), key)
  else
    redis.call('DEL', keys.ws(ws, 'waiting'))
  end
end
