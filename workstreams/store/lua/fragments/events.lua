-- Events are written where the thing happens, so a line in the log is true by construction.
-- COUNTS gathers this call's totals per workstream; flush_counts writes them once.
local COUNTS = {}

local function count(ws, what, by)
  local totals = COUNTS[ws]
  if not totals then
    totals = {}
    COUNTS[ws] = totals
  end
  totals[what] = (totals[what] or 0) + (by or 1)
end

local function flush_counts()
  local minute = digits(math.floor(NOW / 60000000))
  for ws, totals in pairs(COUNTS) do
    local per_minute = ws_key(ws, 'minute:' .. minute)
    for what, by in pairs(totals) do
      redis.call('HINCRBY', ws_key(ws, 'count'), what, by)
      redis.call('HINCRBY', per_minute, what, by)
    end
    redis.call('EXPIRE', per_minute, 7200)
  end
end

-- more: further field and value pairs; an `x` field is one JSON object of details.
local function event(ws, name, level, ...)
  local settings = settings_of(ws)
  return redis.call('XADD', ws_key(ws, 'log'), 'MAXLEN', '~', settings and settings.log_length or 10000, '*',
    'e', name, 't', digits(NOW), 'l', level, ...)
end

local function job_event(ws, name, level, id, actor, attempt, key, worker, x)
  return event(ws, name, level, 'j', id, 'a', actor, 'n', attempt, 'k', key or '', 'w', worker or '', 'x', x or '')
end
