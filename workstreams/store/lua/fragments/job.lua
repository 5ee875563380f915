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
  jobs.tell_deaths()
  for ws, due in pairs(DUE) do
    if not asked[ws] then timer.hand_over(ws, due) end
  end
end

-- The ids of ended jobs that are over the age or the count that is kept, the oldest first, at most so many.
function jobs.outdated(index, age, count, most)
  local ids = redis.call('ZRANGEBYSCORE', index, '-inf', digits(clock.now - age), 'LIMIT', 0, most)
  local over = math.min(redis.call('ZCARD', index) - count, most)
  return over > #ids and redis.call('ZRANGE', index, 0, over - 1) or ids
end

-- Forgets the first of an index, which these are, and their records.
function jobs.forget(ws, index, ids)
  if #ids == 0 then return end
  local records = {}
  for i, id in ipairs(ids) do records[i] = keys.job(ws, id) end
  redis.call('ZREMRANGEBYRANK', index, 0, #ids - 1)
  redis.call('UNLINK', unpack(records))
end

-- Each end makes room for itself and for some more. At their age one call of sixteen looks, for
-- sixteen times as many.
local FORGET_AT_ONCE, MOST_FORGOTTEN = 4, 250

function jobs.forget_old(ws, index, age, count, added)
  local most = (added or 0) + FORGET_AT_ONCE
  if clock.now % 16 == 0 then
    jobs.forget(ws, index, jobs.outdated(index, age, count, math.min(16 * most, MOST_FORGOTTEN)))
    return
  end
  local over = redis.call('ZCARD', index) - count
  if over > 0 then jobs.forget(ws, index, redis.call('ZRANGE', index, 0, math.min(over, most) - 1)) end
end

-- A dead letter that is kept no longer goes without anybody having looked at it: the log says so.
function jobs.forget_dead(ws, set, most)
  local index = keys.ws(ws, 'dead')
  local ids = jobs.outdated(index, set.dead_age, set.dead_count, most)
  if #ids == 0 then return 0 end
  jobs.forget(ws, index, ids)
  events.of_workstream(ws, 'discarded', 'info', cjson.encode({reason = 'kept no longer', was = 'dead', count = #ids,
    first = ids[1], last = ids[#ids]}))
  return #ids
end

-- Forgets what has ended in a workstream and is kept no longer: at most so many finished jobs and as
-- many dead letters. Returns the larger of the two numbers: when it is `most`, there may be more.
function jobs.tidy(ws, most)
  local set, index = settings.of(ws), keys.ws(ws, 'done')
  local kept = set or jobs.KEPT
  local ids = jobs.outdated(index, kept.done_age, kept.done_count, most)
  jobs.forget(ws, index, ids)
  return math.max(#ids, set and jobs.forget_dead(ws, set, most) or 0)
end

-- Ended for good and no dead letter: kept among the finished ones, for as long as those.
-- Where an operator deleted the settings, a job still has to end somewhere.
jobs.KEPT = {done_age = 3600000000, done_count = 10000}

function jobs.keep(ws, id, state)
  local set, index = settings.of(ws) or jobs.KEPT, keys.ws(ws, 'done')
  redis.call('HSET', keys.job(ws, id), 'state', state, 'ended', clock.text)
  redis.call('ZADD', index, clock.text, id)
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

-- Every death is told, however it came about, to the actor that the job's or its actor's `on_dead` names.
-- `actors` says where that one's jobs wait. It is told at the end of a call: a gate may be taking
-- from the very place where the order goes.
local DEATHS = {}

-- job: {id, actor, attempt, key, worker}; reason: one JSON object {type, message, …}.
function jobs.die(ws, job, reason)
  DEATHS[#DEATHS + 1] = {ws = ws, job = job, reason = reason,
    read = redis.call('HMGET', keys.job(ws, job.id), 'body', 'options', 'deliveries', 'actor')}
  redis.call('HSET', keys.job(ws, job.id), 'state', 'dead', 'ended', clock.text, 'error', reason)
  redis.call('ZADD', keys.ws(ws, 'dead'), clock.text, job.id)
  local set = settings.of(ws)
  if set then jobs.forget_dead(ws, set, 1 + FORGET_AT_ONCE) end
  events.of_job(ws, 'dead', 'error', job, reason)
  events.count(ws, 'dead')
end

local function object(text)
  local fine, found = pcall(cjson.decode, text or '')
  return fine and type(found) == 'table' and found or {}
end

-- A message as text. What is in it is never decoded and written again: large numbers and empty
-- lists would not come back as they were.
local function message(ws, actor, id, args)
  return '"queue_name":' .. cjson.encode(ws) .. ',"actor_name":' .. cjson.encode(actor) .. ',"args":[' .. args
    .. '],"kwargs":{},"message_id":' .. cjson.encode(id) .. ',"message_timestamp":' .. digits(math.floor(clock.now / 1000))
end

-- Sends the order that tells of a death. Returns where it waits.
function jobs.tell_death(ws, job, reason, read)
  local actors, actor, own, died = keys.root .. 'actors', read[4] or '', object(read[2]), object(reason)
  local of_actor = object(redis.call('HGET', actors, actor))
  local name = own.on_dead or of_actor.on_dead
  if type(name) ~= 'string' then return nil end
  local to = object(redis.call('HGET', actors, name))
  if not to.w then error('no worker has told where the jobs of "' .. name .. '" wait') end
  local retries = {retries = own.retries or 0, max_retries = own.max_retries, type = died.type, message = died.message}
  if retries.max_retries == nil then retries.max_retries = of_actor.max_retries end
  local body = next(object(read[1])) and read[1]:match('^%s*{(.*)}%s*$') or message(ws, actor, job.id, '')
  local args = '{' .. body .. ',"options":' .. (next(own) and read[2] or '{}') .. '},' .. cjson.encode(retries)
  local function put(id)
    return jobs.put(to.w, id, '', to.shift, to.cost, '', name, '{' .. message(to.w, name, id, args) .. '}', to.opts)
  end
  local id = job.id .. ':dead~' .. (read[3] or '0')
  -- It may die more than once without having been delivered again.
  if not put(id) then put(id .. '~' .. clock.text) end
  return to.w
end

function jobs.tell_deaths()
  if not DEATHS[1] then return end
  local told = {}
  for _, d in ipairs(DEATHS) do
    local fine, found = pcall(jobs.tell_death, d.ws, d.job, d.reason, d.read)
    if fine then
      told[found or ''] = true
    else
      local why = tostring(type(found) == 'table' and found.err or found)
      events.of_job(d.ws, 'on_dead_failed', 'error', d.job, cjson.encode({reason = why}))
    end
  end
  DEATHS, told[''] = {}, nil
  ready.flush()
  for ws in pairs(told) do wake.for_work(ws) end
end
