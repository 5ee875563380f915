-- Jobs that have ended: how long they are kept, and the ends that are no finish of a worker.

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

-- A hundredth more than the count may be there, at most so many: they go together, which is half the work.
local SPARED = 64

function jobs.forget_old(ws, index, age, count, added)
  local most = (added or 0) + FORGET_AT_ONCE
  if clock.now % 16 == 0 then
    jobs.forget(ws, index, jobs.outdated(index, age, count, math.min(16 * most, MOST_FORGOTTEN)))
    return
  end
  local over = redis.call('ZCARD', index) - count
  if over > math.min(math.floor(count / 100), SPARED) then
    jobs.forget(ws, index, redis.call('ZRANGE', index, 0, math.min(over, most + SPARED) - 1))
  end
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

-- Those of this call, for whoever is to be told of them.
calls.gathers(jobs, 'deaths')

-- job: {id, actor, attempt, key, worker}; reason: one JSON object {type, message, …}.
function jobs.die(ws, job, reason)
  jobs.deaths[#jobs.deaths + 1] = {ws = ws, job = job, reason = reason,
    read = redis.call('HMGET', keys.job(ws, job.id), 'body', 'options', 'deliveries', 'actor')}
  redis.call('HSET', keys.job(ws, job.id), 'state', 'dead', 'ended', clock.text, 'error', reason)
  redis.call('ZADD', keys.ws(ws, 'dead'), clock.text, job.id)
  local set = settings.of(ws)
  if set then jobs.forget_dead(ws, set, 1 + FORGET_AT_ONCE) end
  events.of_job(ws, 'dead', 'error', job, reason)
  events.count(ws, 'dead')
end
