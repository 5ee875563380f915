-- A job record: an immutable body beside options and counters. `v` is its format.
-- Returns false if a job of this id is known already: a re-sent send changes nothing.
local function put_job(ws, id, key, shift, cost, due, actor, body, options)
  local job = job_key(ws, id)
  if redis.call('HSETNX', job, 'v', '1') == 0 then return false end
  local delayed = due > NOW
  local score = NOW + shift
  redis.call('HSET', job, 'body', body, 'options', options, 'actor', actor, 'key', key, 'shift', digits(shift),
    'cost', cost, 'sent', digits(NOW), 'state', delayed and 'scheduled' or 'waiting',
    'score', delayed and '' or digits(score), 'due', delayed and digits(due) or '')
  if delayed then
    redis.call('ZADD', ws_key(ws, 'scheduled'), digits(due), id)
  else
    put_ready(ws, id, key, digits(score))
  end
  job_event(ws, 'sent', 'debug', id, actor, 1, key, '', delayed and '{"due_us":' .. digits(due) .. '}' or '')
  count(ws, 'sent')
  return true
end

-- Forgets finished jobs beyond the count or the age that is kept, a few at a time.
local FORGET_AT_ONCE = 4

local function forget_old(ws, index, age, most)
  local over = redis.call('ZCARD', index) - most
  local old = redis.call('ZRANGE', index, 0, FORGET_AT_ONCE - 1, 'WITHSCORES')
  for i = 1, #old, 2 do
    if over <= 0 and tonumber(old[i + 1]) > NOW - age then return end
    redis.call('ZREM', index, old[i])
    redis.call('UNLINK', job_key(ws, old[i]))
    over = over - 1
  end
end
