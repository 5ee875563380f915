-- What an upstream's refusal does: its scope, a limit or a key, is shut for the whole fleet until the time it named, and
-- the limit's rate goes down.
local upstream = {}

-- scope: 'key', or a limit's name; job: what was refused; at: µs.
function upstream.refused(ws, scope, job, at)
  if scope == 'key' then
    jobs.note_due(ws, at)
    turns.shut(ws, job.key, at)
    return
  end
  ease.shut(scope, at)
  if gate.is_within(ws, scope) then
    -- Whoever has a thread to spare is told the time, instead of being woken for the slot that is free.
    jobs.note_due(ws, at)
    latch.shut(ws, 'upstream', scope, at)
  end
  local before, after = ease.lower(scope, tonumber(job.started or 0))
  if before then
    events.of_workstream(ws, 'limit_changed', 'warning', cjson.encode({by = 'upstream', limit = scope, from = before, to = after}))
  end
end

-- With a scope, all of that waits: the limit, or the job's key. The job stays first in its place.
function ends.defer(f, job)
  if f.scope then
    upstream.refused(f.w, f.scope, job, clock.now + (f.at or 0))
    release.put_back(f.w, f.i)
  else
    ends.put_aside(f)
  end
  events.of_job(f.w, 'rate_limited', 'warning', job, f.x)
  events.count(f.w, 'rate_limited')
end
