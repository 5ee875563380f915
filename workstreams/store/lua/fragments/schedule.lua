-- A schedule: what it declares, the mark up to which every tick is decided, its switch, and the
-- jobs that it sent last.
local schedules = {}

function schedules.key(name) return keys.root .. 'schedule:' .. name end
function schedules.jobs(name) return keys.root .. 'schedule:' .. name .. ':jobs' end

-- So many are looked at for one that has not ended; more are there only when `run` is used a lot.
local JOBS_KEPT = 10

local ENDED = {done = true, dead = true, cancelled = true, discarded = true}

-- Whether a job that it sent has not ended; one whose record is gone has.
function schedules.is_busy(name)
  for _, entry in ipairs(redis.call('LRANGE', schedules.jobs(name), 0, -1)) do
    local ws, id = entry:match('^([^/]*)/(.*)$')
    local state = redis.call('HGET', keys.job(ws, id), 'state')
    if state and not ENDED[state] then return true end
  end
  return false
end

function schedules.is_full(ws)
  local most = settings.of(ws).max_waiting
  return most and tally.ready(ws) + tally.scheduled(ws) >= most
end

-- Puts the job whose nine words begin at `first`, unless its id is known. `x` says why.
function schedules.send(name, words, first, x)
  local ws, id, actor = words[first], words[first + 1], words[first + 6]
  if not jobs.put(ws, id, words[first + 2], tonumber(words[first + 3]), words[first + 4], words[first + 5], actor,
    words[first + 7], words[first + 8]) then return false end
  ready.flush()
  redis.call('LPUSH', schedules.jobs(name), ws .. '/' .. id)
  redis.call('LTRIM', schedules.jobs(name), 0, JOBS_KEPT - 1)
  redis.call('HSET', schedules.key(name), 'fired', digits(clock.now))
  x.schedule = name
  events.of_job(ws, 'fired', 'info', {id = id, actor = actor, key = words[first + 2]}, cjson.encode(x))
  return true
end

-- skip: {first, last, ticks, reason}, the times as text.
function schedules.skipped(name, ws, actor, skip)
  local x = {schedule = name, tick = skip.last, reason = skip.reason}
  if skip.ticks > 1 then x.first, x.ticks = skip.first, skip.ticks end
  local level = (skip.reason == 'overlap' or skip.reason == 'paused') and 'info' or 'warning'
  events.of_job(ws, 'tick_skipped', level, {actor = actor, attempt = ''}, cjson.encode(x))
end

-- Whoever sleeps in that workstream hears of what was sent.
function schedules.tell(ws)
  if tally.ready(ws) > 0 then wake.for_work(ws) end
  jobs.tell_due({})
end
