-- Ready jobs wait in one sorted set per key, by arrival µs shifted by priority; keys take
-- turns by virtual time (start-time fair queuing, Goyal et al. 1996). A key that comes back
-- starts no earlier than the clock of its workstream, so being idle saves up no credit.
local function put_ready(ws, id, key, score)
  local ready = ready_key(ws, key)
  if redis.call('ZADD', ready, score, id) == 0 then return end
  redis.call('INCR', ws_key(ws, 'waiting'))
  if redis.call('ZCARD', ready) == 1 then
    local clock = tonumber(redis.call('HGET', ws_key(ws, 'gate'), 'clock') or 0)
    local own = tonumber(redis.call('ZSCORE', ws_key(ws, 'idle'), key) or 0)
    redis.call('ZADD', ws_key(ws, 'keys'), math.max(clock, own), key)
    redis.call('ZREM', ws_key(ws, 'idle'), key)
  end
end

local function waiting_in(ws) return tonumber(redis.call('GET', ws_key(ws, 'waiting')) or 0) end

-- Moves scheduled jobs that are due to their ready sets, as if they arrived when they were due.
local DUE_AT_ONCE = 200

local function promote_due(ws)
  local scheduled = ws_key(ws, 'scheduled')
  local due = redis.call('ZRANGEBYSCORE', scheduled, '-inf', digits(NOW), 'WITHSCORES', 'LIMIT', 0, DUE_AT_ONCE)
  for i = 1, #due, 2 do
    local id = due[i]
    redis.call('ZREM', scheduled, id)
    local job = redis.call('HMGET', job_key(ws, id), 'key', 'shift', 'score')
    if job[1] then
      -- A job put back in its place carries the score it had.
      local score = job[3] and job[3] ~= '' and tonumber(job[3]) or tonumber(due[i + 1]) + tonumber(job[2] or 0)
      redis.call('HSET', job_key(ws, id), 'state', 'waiting', 'score', digits(score))
      put_ready(ws, id, job[1], score)
    end
  end
end

local function next_due(ws)
  return tonumber(redis.call('ZRANGE', ws_key(ws, 'scheduled'), 0, 0, 'WITHSCORES')[2])
end

-- The key whose turn it is, how many of its jobs may be looked at in one go, and its time.
local function next_key(ws, most)
  local first = redis.call('ZRANGE', ws_key(ws, 'keys'), 0, 1, 'WITHSCORES')
  if not first[1] then return nil end
  return first[1], first[3] and 1 or most, tonumber(first[2])
end

-- Takes the first `n` jobs of a key out of its set and moves the key's turn on.
local function remove_first(ws, key, n, turn)
  local ready, keys = ready_key(ws, key), ws_key(ws, 'keys')
  redis.call('ZREMRANGEBYRANK', ready, 0, n - 1)
  redis.call('DECRBY', ws_key(ws, 'waiting'), n)
  redis.call('HSET', ws_key(ws, 'gate'), 'clock', turn)
  if redis.call('EXISTS', ready) == 1 then
    redis.call('ZADD', keys, turn + n, key)
  else
    redis.call('ZREM', keys, key)
    redis.call('ZADD', ws_key(ws, 'idle'), turn + n, key)
  end
  redis.call('ZREMRANGEBYSCORE', ws_key(ws, 'idle'), '-inf', '(' .. turn)
end
