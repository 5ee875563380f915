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

-- job: {id, actor, attempt, key, worker}; x: one JSON object of details; size: bytes that the log may use.
function events.append(log, size, name, level, job, x)
  local attempt = job.attempt or 1
  if attempt ~= '' then attempt = digits(attempt) end
  local entries = events.entries[log]
  if not entries then
    entries = {size = size}
    events.entries[log] = entries
  end
  entries[#entries + 1] = (job.id or '') .. PARTS .. name .. PARTS .. clock.text .. PARTS .. level .. PARTS .. attempt
    .. PARTS .. (job.actor or '') .. PARTS .. (job.worker or '') .. PARTS .. (job.key or '') .. PARTS .. (x or '')
end

-- Without the right to ask how much memory a log uses: what its oldest and its newest entries hold, and 32 bytes beside.
local function assumed(log, length)
  local bytes, sampled = 0, 0
  for _, found in ipairs({redis.call('XRANGE', log, '-', '+', 'COUNT', 20), redis.call('XREVRANGE', log, '+', '-', 'COUNT', 20)}) do
    for _, entry in ipairs(found) do
      sampled, bytes = sampled + 1, bytes + 32
      for _, word in ipairs(entry[2]) do bytes = bytes + #word end
    end
  end
  return sampled > 0 and length * bytes / sampled or 0
end

-- Entries differ in size, so bytes are measured: of so many nodes, because the oldest ones alone, which Redis looks at,
-- may be like no others. The last entry stays however large it is.
local NODES = '1000'

function events.trim(log, size)
  local length, used = redis.call('XLEN', log), redis.pcall('MEMORY', 'USAGE', log, 'SAMPLES', NODES)
  if type(used) ~= 'number' then used = assumed(log, length) end
  if used > size then redis.call('XTRIM', log, 'MAXLEN', '~', digits(math.max(1, math.floor(length * size / used)))) end
end

-- Looking whether a log is too long costs more than an entry, so one event of so many looks.
local LOOKS = 128

local function words(failure) return tostring(type(failure) == 'table' and failure.err or failure) end

local function write(log, entries)
  for first = 1, #entries, MOST do
    local last = math.min(first + MOST - 1, #entries)
    redis.call('XADD', log, '*', 'p', last == 1 and entries[1] or table.concat(entries, EVENTS, first, last))
    if clock.now % LOOKS <= last - first then events.trim(log, entries.size) end
  end
end

-- Also of a call that stopped in the middle: what it did is done, and has to be answered. Where something else stands in
-- a log's place, nobody has to wait for that; the app's own log says so, and of that one the server's.
calls.always_end_with(function()
  local own, failures = keys.root .. 'log', {}
  for log, entries in pairs(events.entries) do
    if log ~= own then
      local fine, failure = pcall(write, log, entries)
      if not fine then failures[log] = failure end
    end
  end
  for log, failure in pairs(failures) do events.failed('log_failed', failure, {log = log}) end
  if not events.entries[own] then return end
  local fine, failure = pcall(write, own, events.entries[own])
  if not fine then redis.log(redis.LOG_WARNING, 'workstreams: ' .. own .. ' cannot be written: ' .. words(failure)) end
end)

-- What this call did to a workstream was undone.
function events.forget(ws) events.entries[keys.ws(ws, 'log')] = nil end

-- Where an operator deleted the settings, and for the app's own, as where lines are appended: 64 MiB.
local SIZE = 67108864

function events.of_job(ws, name, level, job, x)
  local set = settings.of(ws)
  events.append(keys.ws(ws, 'log'), set and set.log_size or SIZE, name, level, job, x)
end

-- What concerns the app and none of its workstreams.
function events.of_app(name, level, job, x) events.append(keys.root .. 'log', SIZE, name, level, job, x) end

-- Something else than ours stands under a key. details: {workstream, …}.
function events.failed(name, failure, details)
  details.error = words(failure)
  events.of_app(name, 'error', {attempt = ''}, cjson.encode(details))
end

-- What concerns a workstream and none of its jobs.
function events.of_workstream(ws, name, level, x) events.of_job(ws, name, level, {attempt = ''}, x) end
