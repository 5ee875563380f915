-- A job record: an immutable body beside options and counters. `v` is its format.
local jobs = {}

-- due: '' for now, '+µs' from now, '@µs' since 1970.
function jobs.due_of(text)
  if text == '' then return 0 end
  local n = tonumber(text:sub(2))
  return text:sub(1, 1) == '+' and clock.now + n or n
end

-- Returns the job's state, or false if its id is known already: a re-sent send changes nothing.
-- What is as usual (no key, cost 1, no options, the place of arrival) is not written.
function jobs.put(ws, id, key, shift, cost, due_text, actor, body, options)
  local job = keys.job(ws, id)
  if redis.call('HSETNX', job, 'v', '1') == 0 then return false end
  local due = jobs.due_of(due_text)
  local delayed, score = due > clock.now, clock.text
  if shift ~= 0 then score = digits(clock.now + shift) end
  local state = delayed and 'scheduled' or 'waiting'
  if key == '' and tonumber(cost) == 1 and shift == 0 and not delayed then
    redis.call('HSET', job, 'body', body, 'options', options, 'actor', actor, 'sent', clock.text, 'state', state,
      'score', score)
  else
    redis.call('HSET', job, 'body', body, 'options', options, 'actor', actor, 'sent', clock.text, 'state', state,
      'score', delayed and '' or score, 'key', key, 'shift', shift, 'cost', cost, 'due', delayed and digits(due) or '')
  end
  if delayed then
    jobs.schedule(ws, id, due)
  else
    ready.put(ws, id, key, score)
  end
  events.of_job(ws, 'sent', 'debug', {id = id, actor = actor, key = key}, delayed and '{"due_us":' .. digits(due) .. '}')
  events.count(ws, 'sent')
  return state
end

-- DUE remembers the earliest time that this call scheduled something for, so that somebody
-- is told of it.
local DUE = {}

function jobs.schedule(ws, id, due)
  redis.call('ZADD', keys.ws(ws, 'scheduled'), digits(due), id)
  DUE[ws] = math.min(DUE[ws] or due, due)
end

-- Tells a sleeper of each workstream what time to ask at; `asked` were told in their answers.
function jobs.tell_due(asked)
  for ws, due in pairs(DUE) do
    if not asked[ws] then timer.hand_over(ws, due) end
  end
end

-- Forgets finished jobs beyond the count or the age that is kept, a few at a time.
local FORGET_AT_ONCE = 4

function jobs.forget_old(ws, index, age, most, added)
  local over = redis.call('ZCARD', index) - most
  -- Records go by themselves when they are old; their places are looked at now and then.
  if over <= 0 and clock.now % 16 ~= 0 then return end
  local old, gone, records = redis.call('ZRANGE', index, 0, (added or 0) + FORGET_AT_ONCE - 1, 'WITHSCORES'), 0, {}
  for i = 1, #old, 2 do
    if over <= gone and tonumber(old[i + 1]) > clock.now - age then break end
    gone = gone + 1
    records[gone] = keys.job(ws, old[i])
  end
  if gone == 0 then return end
  redis.call('ZREMRANGEBYRANK', index, 0, gone - 1)
  redis.call('UNLINK', unpack(records))
end

-- Ended for good and no dead letter: kept among the finished ones, for as long as those.
-- Where an operator deleted the settings, a job still has to end somewhere.
jobs.KEPT = {done_age = 3600000000, done_count = 10000}

function jobs.keep(ws, id, state)
  local set, index = settings.of(ws) or jobs.KEPT, keys.ws(ws, 'done')
  redis.call('HSET', keys.job(ws, id), 'state', state, 'ended', clock.text)
  redis.call('ZADD', index, clock.text, id)
  redis.call('EXPIRE', keys.job(ws, id), math.ceil(set.done_age / 1000000))
  jobs.forget_old(ws, index, set.done_age, set.done_count)
end

-- job: {id, actor, attempt, key, worker}; why: one JSON object.
function jobs.cancel(ws, job, why)
  jobs.keep(ws, job.id, 'cancelled')
  events.of_job(ws, 'cancelled', 'info', job, why)
  events.count(ws, 'cancelled')
end

-- Whoever waits for a job's end hears of it.
function jobs.tell_ended(id, state) redis.call('PUBLISH', keys.root .. 'ended:' .. id, state) end

-- job: {id, actor, attempt, key, worker}; reason: one JSON object {type, message, …}.
function jobs.die(ws, job, reason)
  redis.call('HSET', keys.job(ws, job.id), 'state', 'dead', 'ended', clock.text, 'error', reason)
  redis.call('ZADD', keys.ws(ws, 'dead'), clock.text, job.id)
  local set = settings.of(ws)
  if set then jobs.forget_old(ws, keys.ws(ws, 'dead'), set.dead_age, set.dead_count) end
  events.of_job(ws, 'dead', 'error', job, reason)
  events.count(ws, 'dead')
end
