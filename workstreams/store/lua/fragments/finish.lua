-- The end of one delivery, with everything that rides on it, or nothing of it: the proof is
-- the lease member, and only the call that removes it may write.
local ends = {}

local ENDED_FIELDS = {'took', 'actor', 'attempt', 'key', 'started', 'sent', 'awaited', 'worker'}

-- Where an operator deleted the settings, a finish still has to end somewhere.
local KEPT = {done_age = 3600000000, done_count = 10000}

function ends.keep(ws, id, state)
  local set, index = settings.of(ws) or KEPT, keys.ws(ws, 'done')
  redis.call('HSET', keys.job(ws, id), 'state', state, 'ended', digits(clock.now), 'session', '')
  redis.call('ZADD', index, digits(clock.now), id)
  redis.call('EXPIRE', keys.job(ws, id), math.ceil(set.done_age / 1000000))
  jobs.forget_old(ws, index, set.done_age, set.done_count)
end

function ends.done(f, job)
  ends.keep(f.w, f.i, 'done')
  events.of_job(f.w, 'finished', 'info', job, string.format('{"duration_ms":%.3f,"waited_ms":%.3f}',
    (f.us or 0) / 1000, (tonumber(job.started or clock.now) - tonumber(job.sent or clock.now)) / 1000))
  events.count(f.w, 'done')
end

-- A failed attempt: again later, one attempt spent.
function ends.retry(f, job)
  local due = clock.now + (f.at or 0)
  redis.call('HSET', keys.job(f.w, f.i), 'state', 'scheduled', 'session', '', 'options', f.opts, 'error', f.err,
    'due', digits(due), 'score', '')
  redis.call('HINCRBY', keys.job(f.w, f.i), 'attempt', 1)
  jobs.schedule(f.w, f.i, due)
  events.of_job(f.w, 'retrying', 'warning', job, f.x)
  events.count(f.w, 'retried')
end

-- Not a failure: back in its place, now or when the wait is over, no attempt spent.
function ends.put_aside(f)
  if (f.at or 0) > 0 then
    redis.call('HSET', keys.job(f.w, f.i), 'state', 'scheduled', 'session', '', 'due', digits(clock.now + f.at))
    jobs.schedule(f.w, f.i, clock.now + f.at)
  else
    release.put_back(f.w, f.i)
  end
end

function ends.defer(f, job)
  ends.put_aside(f)
  events.of_job(f.w, 'rate_limited', 'warning', job, f.x)
  events.count(f.w, 'rate_limited')
end

function ends.handback(f, job)
  ends.put_aside(f)
  events.of_job(f.w, 'handed_back', 'info', job, f.x)
end

function ends.dead(f, job)
  if f.opts then redis.call('HSET', keys.job(f.w, f.i), 'options', f.opts) end
  jobs.die(f.w, job, f.err)
end

function ends.discard(f, job)
  redis.call('HSET', keys.job(f.w, f.i), 'error', f.err)
  ends.keep(f.w, f.i, 'discarded')
  events.of_job(f.w, 'discarded', 'info', job, f.err)
  events.count(f.w, 'discarded')
end

function ends.followups(list)
  for _, n in ipairs(list or {}) do
    if jobs.put(n.w, n.i, n.k, n.shift, n.cost, n.due, n.actor, n.body, n.opts) then release.freed[n.w] = true end
  end
end

function ends.read(ws, id)
  local read = redis.call('HMGET', keys.job(ws, id), unpack(ENDED_FIELDS))
  return {id = id, took = read[1], actor = read[2], attempt = tonumber(read[3] or 0) + 1, key = read[4],
    started = read[5], sent = read[6], awaited = read[7], worker = read[8]}
end

-- Returns false if this delivery no longer holds the job; then nothing of it was written.
function ends.finish(sid, f)
  local member, job = keys.member(f.i, f.d), ends.read(f.w, f.i)
  if redis.call('ZREM', keys.held(sid), f.w .. '/' .. member) == 0 then
    events.of_job(f.w, 'finish_refused', 'warning', job,
      cjson.encode({outcome = f.o, delivery = f.d, reason = 'its lease was lost'}))
    return false
  end
  release.slot(f.w, member, job.took)
  ends[f.o](f, job)
  if f.late then events.count(f.w, 'late') end
  if f.res then redis.call('SET', keys.ws(f.w, 'result:' .. f.i), f.res, 'PX', f.ttl) end
  ends.followups(f.next)
  if job.awaited then redis.call('PUBLISH', keys.root .. 'ended:' .. f.i, f.o) end
  return true
end
