-- The end of one delivery, with everything that rides on it, or nothing of it: the proof is
-- the lease member, and only the call that removes it may write.
local ENDED_FIELDS = {'took', 'actor', 'attempt', 'key', 'started', 'sent', 'awaited', 'worker'}

-- Where an operator deleted the settings, a finish still has to end somewhere.
local KEPT = {done_age = 3600000000, done_count = 10000}

local function end_job(ws, id, state)
  local settings, index = settings_of(ws) or KEPT, ws_key(ws, 'done')
  redis.call('HSET', job_key(ws, id), 'state', state, 'ended', digits(NOW), 'session', '')
  redis.call('ZADD', index, digits(NOW), id)
  redis.call('EXPIRE', job_key(ws, id), math.ceil(settings.done_age / 1000000))
  forget_old(ws, index, settings.done_age, settings.done_count)
end

local FINISH = {}

function FINISH.done(f, job)
  local detail = string.format('{"duration_ms":%.3f,"waited_ms":%.3f}', (f.us or 0) / 1000,
    (tonumber(job.started or NOW) - tonumber(job.sent or NOW)) / 1000)
  end_job(f.w, f.i, 'done')
  job_event(f.w, 'finished', 'info', f.i, job.actor, job.attempt, job.key, job.worker, detail)
  count(f.w, 'done')
end

-- A failed attempt: again later, one attempt spent.
function FINISH.retry(f, job)
  local due = NOW + (f.at or 0)
  redis.call('HSET', job_key(f.w, f.i), 'state', 'scheduled', 'session', '', 'options', f.opts, 'error', f.err,
    'due', digits(due), 'score', '')
  redis.call('HINCRBY', job_key(f.w, f.i), 'attempt', 1)
  redis.call('ZADD', ws_key(f.w, 'scheduled'), digits(due), f.i)
  job_event(f.w, 'retrying', 'warning', f.i, job.actor, job.attempt, job.key, job.worker, f.x)
  count(f.w, 'retried')
end

-- Not a failure: back in its place, now or when the wait is over, no attempt spent.
local function put_aside(f)
  if (f.at or 0) > 0 then
    redis.call('HSET', job_key(f.w, f.i), 'state', 'scheduled', 'session', '', 'due', digits(NOW + f.at))
    redis.call('ZADD', ws_key(f.w, 'scheduled'), digits(NOW + f.at), f.i)
  else
    put_back(f.w, f.i)
  end
end

function FINISH.defer(f, job)
  put_aside(f)
  job_event(f.w, 'rate_limited', 'warning', f.i, job.actor, job.attempt, job.key, job.worker, f.x)
  count(f.w, 'rate_limited')
end

function FINISH.handback(f, job)
  put_aside(f)
  job_event(f.w, 'handed_back', 'info', f.i, job.actor, job.attempt, job.key, job.worker, f.x)
end

function FINISH.dead(f, job)
  if f.opts then redis.call('HSET', job_key(f.w, f.i), 'options', f.opts) end
  die(f.w, f.i, job, f.err)
end

function FINISH.discard(f, job)
  redis.call('HSET', job_key(f.w, f.i), 'error', f.err)
  end_job(f.w, f.i, 'discarded')
  job_event(f.w, 'discarded', 'info', f.i, job.actor, job.attempt, job.key, job.worker, f.err)
  count(f.w, 'discarded')
end

local function send_followups(list)
  for _, n in ipairs(list or {}) do
    if put_job(n.w, n.i, n.k, n.shift, n.cost, n.at > 0 and NOW + n.at or 0, n.actor, n.body, n.opts) then FREED[n.w] = true end
  end
end

-- Returns false if this delivery no longer holds the job; then nothing of it was written.
local function finish(sid, f)
  local member = member_of(f.i, f.d)
  local read = redis.call('HMGET', job_key(f.w, f.i), unpack(ENDED_FIELDS))
  local job = {took = read[1], actor = read[2] or '', attempt = tonumber(read[3] or 0) + 1, key = read[4] or '',
    started = read[5], sent = read[6], awaited = read[7], worker = read[8] or ''}
  if redis.call('ZREM', held_key(sid), f.w .. '/' .. member) == 0 then
    job_event(f.w, 'finish_refused', 'warning', f.i, job.actor, job.attempt, job.key, job.worker,
      cjson.encode({outcome = f.o, delivery = f.d, reason = 'its lease was lost'}))
    return false
  end
  release(f.w, member, job.took)
  FINISH[f.o](f, job)
  if f.late then count(f.w, 'late') end
  if f.res then redis.call('SET', ws_key(f.w, 'result:' .. f.i), f.res, 'PX', f.ttl) end
  send_followups(f.next)
  if job.awaited then redis.call('PUBLISH', ROOT .. 'ended:' .. f.i, f.o) end
  return true
end
