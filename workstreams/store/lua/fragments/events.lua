-- Events are written where the thing happens, so a line in the log is true by construction.
-- `counts` gathers this call's totals per workstream; flush writes them once.
local events = {counts = {}}

function events.count(ws, what, by)
  local totals = events.counts[ws]
  if not totals then
    totals = {}
    events.counts[ws] = totals
  end
  totals[what] = (totals[what] or 0) + (by or 1)
end

-- What is only of interest as a total, so that a start stays cheap.
local TOTAL_ONLY = {started = true}

function events.flush()
  local minute = digits(math.floor(clock.now / 60000000))
  for ws, totals in pairs(events.counts) do
    local per_minute = keys.ws(ws, 'minute:' .. minute)
    for what, by in pairs(totals) do
      redis.call('HINCRBY', keys.ws(ws, 'count'), what, by)
      -- The first count of a minute makes its key, which is to go after two hours.
      if not TOTAL_ONLY[what] and redis.call('HINCRBY', per_minute, what, by) == by then
        redis.call('EXPIRE', per_minute, 7200)
      end
    end
  end
end

-- More words are further fields and values; `x` is one JSON object of details.
function events.write(ws, name, level, ...)
  local set = settings.of(ws)
  return redis.call('XADD', keys.ws(ws, 'log'), 'MAXLEN', '~', set and set.log_length or 10000, '*',
    'e', name, 't', clock.text, 'l', level, ...)
end

-- job: {id, actor, attempt, key, worker}; what it lacks is written as empty.
function events.of_job(ws, name, level, job, x)
  return events.write(ws, name, level, 'j', job.id, 'a', job.actor or '', 'n', job.attempt or 1,
    'k', job.key or '', 'w', job.worker or '', 'x', x or '')
end
