-- Events are noted where the thing happens and written when the call ends, so a line in the log is true by construction.
-- `counts` gathers this call's totals per workstream, `entries` its events by log; both are written once.
local events = {}

calls.gathers(events, 'counts', 'entries')

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

-- What happened in one call is one entry of the log, because each command, and each word of one, costs more than what
-- is in it. Its one field `p` holds the events, and they their parts, parted by characters that no name may hold:
-- {job, name, µs, level, attempt, actor, worker, key, details}.
local PARTS, EVENTS, MOST = '\31', '\30', 64

local OWN = ''

local function words(failure) return tostring(type(failure) == 'table' and failure.err or failure) end

-- ws: OWN for what concerns the app. job: {id, actor, attempt, key, worker}; x: one JSON object of details.
function events.of_job(ws, name, level, job, x)
  local attempt = job.attempt or 1
  if attempt ~= '' then attempt = digits(attempt) end
  local entries = events.entries[ws]
  if not entries then
    entries = {}
    events.entries[ws] = entries
  end
  entries[#entries + 1] = (job.id or '') .. PARTS .. name .. PARTS .. clock.text .. PARTS .. level .. PARTS .. attempt
    .. PARTS .. (job.actor or '') .. PARTS .. (job.worker or '') .. PARTS .. (job.key or '') .. PARTS .. (x or '')
end

-- What this call did to a workstream was undone.
function events.forget(ws) events.entries[ws] = nil end

-- What concerns the app and none of its workstreams.
function events.of_app(name, level, job, x) events.of_job(OWN, name, level, job, x) end

-- Something else than ours stands under a key. details: {workstream, …}.
function events.failed(name, failure, details)
  details.error = words(failure)
  events.of_app(name, 'error', {attempt = ''}, cjson.encode(details))
end

-- What concerns a workstream and none of its jobs.
function events.of_workstream(ws, name, level, x) events.of_job(ws, name, level, {attempt = ''}, x) end

-- What the app's own log may use, and that of a workstream whose settings an operator deleted: as where lines are
-- appended, 64 MiB.
local SIZE = 67108864

local function log_of(ws)
  if ws == OWN then return keys.root .. 'log', SIZE end
  local set = settings.of(ws)
  return keys.ws(ws, 'log'), set and set.log_size or SIZE
end

local function write(ws, entries)
  local log, size = log_of(ws)
  for first = 1, #entries, MOST do
    local last = math.min(first + MOST - 1, #entries)
    local text = last == 1 and entries[1] or table.concat(entries, EVENTS, first, last)
    redis.call('XADD', log, '*', 'p', text)
    logs.trim(log, size, 1, #text, clock.now)
  end
end

-- Also of a call that stopped in the middle: what it did is done, and has to be answered. Where something else stands in
-- a log's place, nobody has to wait for that; the app's own log says so, and of that one the server's.
calls.always_end_with(function()
  local failures = {}
  for ws, entries in pairs(events.entries) do
    if ws ~= OWN then
      local fine, failure = pcall(write, ws, entries)
      if not fine then failures[ws] = failure end
    end
  end
  for ws, failure in pairs(failures) do
    local log = keys.ws(ws, 'log')
    if logs.may_be_told_of(log, clock.now) then events.failed('log_failed', failure, {log = log}) end
  end
  if not events.entries[OWN] then return end
  local fine, failure = pcall(write, OWN, events.entries[OWN])
  if not fine then redis.log(redis.LOG_WARNING, 'workstreams: ' .. keys.root .. 'log cannot be written: ' .. words(failure)) end
end)

