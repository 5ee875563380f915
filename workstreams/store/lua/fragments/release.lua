-- Gives back what a running job held, in the limits that it took when it was admitted (its
-- record names them: the config may have changed since). FREED remembers whom that concerns.
local FREED = {}

local function freed_by(limit_name, ws)
  FREED[ws] = true
  local waiters = limit_key(limit_name, 'waiters')
  for _, other in ipairs(redis.call('SMEMBERS', waiters)) do FREED[other] = true end
  redis.call('DEL', waiters)
end

local function release(ws, member, took)
  redis.call('ZREM', ws_key(ws, 'running'), member)
  FREED[ws] = true
  for name in (took or ''):gmatch('[^,]+') do
    redis.call('ZREM', limit_key(name, 'holders'), member)
    freed_by(name, ws)
  end
end

-- Wakes one sleeper for each workstream that a freed slot concerns and the caller did not
-- ask for; those it asked for were looked at after the slot was free.
local function wake_freed(asked)
  for ws in pairs(FREED) do
    if not asked[ws] then
      if redis.call('HGET', ws_key(ws, 'gate'), 'why') == 'concurrency' then open_gate(ws) end
      if waiting_in(ws) > 0 then wake_for_work(ws) end
    end
  end
end

-- Back to the place it had before, to be delivered again.
local function put_back(ws, id)
  local job = redis.call('HMGET', job_key(ws, id), 'key', 'score')
  redis.call('HSET', job_key(ws, id), 'state', 'waiting', 'session', '')
  put_ready(ws, id, job[1] or '', job[2] or digits(NOW))
end
