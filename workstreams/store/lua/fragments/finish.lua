-- The end of one delivery, with everything that rides on it, or nothing of it: the proof is
-- the lease member, and only the call that removes it may write.
-- `kept`: how many ended jobs this call added to each workstream's index.
local ends = {}

calls.gathers(ends, 'kept')

local ENDED_FIELDS = {'took', 'actor', 'attempt', 'key', 'started', 'sent', 'awaited', 'cancel'}

-- A job that somebody cancelled while it ran does not wait again.
local GIVES_WAY = {retry = true, dead = true, defer = true, handback = true}

-- As jobs.keep, but many ends of one call share the commands on their index.
function ends.keep(ws, id, state)
  redis.call('HSET', keys.job(ws, id), 'state', state, 'ended', clock.text)
  batch.zadd(keys.ws(ws, 'done'), clock.text, id)
  ends.kept[ws] = (ends.kept[ws] or 0) + 1
end

-- After the batch is written: as many leave the index as came.
function ends.forget()
  for ws, added in pairs(ends.kept) do
    local set = settings.of(ws) or jobs.KEPT
    jobs.forget_old(ws, keys.ws(ws, 'done'), set.done_age, set.done_count, added)
    ends.kept[ws] = nil
  end
end

-- Lua writes whole numbers several times faster than others, and all at once faster than one by one.
local TIMES = '{"duration_ms":%d.%03d,"waited_ms":%d.%03d}'

function ends.done(f, job)
  ends.keep(f.w, f.i, 'done')
  local took, waited = f.us or 0, (job.started or clock.now) - (job.sent or clock.now)
  events.of_job(f.w, 'finished', 'info', job,
    string.format(TIMES, took / 1000, took % 1000, waited / 1000, waited % 1000))
  events.count(f.w, 'done')
end

-- A failed attempt: again later, one attempt spent.
function ends.retry(f, job)
  local due = clock.now + (f.at or 0)
  redis.call('HSET', keys.job(f.w, f.i), 'state', 'scheduled', 'error', f.err, 'due', digits(due), 'score', '')
  if f.opts then redis.call('HSET', keys.job(f.w, f.i), 'options', f.opts) end
  if f.body then redis.call('HSET', keys.job(f.w, f.i), 'body', f.body) end
  redis.call('HINCRBY', keys.job(f.w, f.i), 'attempt', 1)
  jobs.schedule(f.w, f.i, due)
  events.of_job(f.w, 'retrying', 'warning', job, f.x)
  events.count(f.w, 'retried')
end

-- Not a failure: back in its place, now or when the wait is over, no attempt spent.
function ends.put_aside(f)
  if (f.at or 0) > 0 then
    redis.call('HSET', keys.job(f.w, f.i), 'state', 'scheduled', 'due', digits(clock.now + f.at))
    jobs.schedule(f.w, f.i, clock.now + f.at)
  else
    release.put_back(f.w, f.i)
  end
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

function ends.cancelled(f, job) jobs.cancel(f.w, job, '{"reason":"asked for while it ran"}') end

function ends.read(ws, id, worker)
  local read = redis.call('HMGET', keys.job(ws, id), unpack(ENDED_FIELDS))
  return {id = id, took = read[1], actor = read[2], attempt = tonumber(read[3] or 0) + 1, key = read[4] or '',
    started = read[5], sent = read[6], awaited = read[7], worker = worker, cancel = read[8]}
end

-- Carries out one end. Without proof this delivery no longer holds the job, and nothing of it
-- is written but that it was refused.
function ends.finish(f, proof, worker)
  local job = f.job or ends.read(f.w, f.i, worker)
  if not proof then
    if ends.is_repeated(f) then return end
    events.of_job(f.w, 'finish_refused', 'warning', job,
      cjson.encode({outcome = f.o, delivery = f.d, reason = 'its lease was lost'}))
    return
  end
  release.slot(f.w, f.member, job.took, job.key)
  local gives_way = job.cancel and job.cancel == digits(f.d) and GIVES_WAY[f.o]
  ends[gives_way and 'cancelled' or f.o](f, job)
  if f.late then events.count(f.w, 'late') end
  if f.res then redis.call('SET', keys.ws(f.w, 'result:' .. f.i), f.res, 'PX', f.ttl) end
  follow.send(f.next)
  if f.group then follow.group(f.group, keys.job(f.w, f.i)) end
  if job.awaited or f.res then jobs.tell_ended(f.i, f.o) end
end

-- Carries out many. Returns the places, from 0, of those that were refused.
function ends.all(caller)
  local finishes, refused = caller.finishes, {}
  local proofs = ends.proofs(caller.sid, finishes)
  for i, f in ipairs(finishes) do
    ends.finish(f, proofs[i], caller.worker)
    if not proofs[i] then refused[#refused + 1] = i - 1 end
  end
  batch.flush()
  ready.flush()
  ends.forget()
  return refused
end
