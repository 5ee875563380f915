-- Events are written where the thing happens, so a line in the log is true by construction.
-- `counts` gathers this call's totals per workstream; flush writes them once.
local events = {}

calls.gathers(events, 'counts')

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

-- One entry has two fields, because each word of a command costs more than what is in it: `j`, the
-- job, by which entries are searched, and `p`, all else, parted by a character that no name may
-- hold. job: {id, actor, attempt, key, worker}; x: one JSON object of details.
local PARTS = '\31'

-- Looking whether a stream is too long costs a third of an entry, so one event of sixteen looks.
local LOOKS = 16

calls.begin_with(function() events.nth = 0 end)

function events.append(log, most, name, level, job, x)
  local attempt = job.attempt or 1
  if attempt ~= '' then attempt = digits(attempt) end
  local parts = name .. PARTS .. clock.text .. PARTS .. level .. PARTS .. attempt .. PARTS .. (job.actor or '')
    .. PARTS .. (job.worker or '') .. PARTS .. (job.key or '') .. PARTS .. (x or '')
  events.nth = events.nth + 1
  if (clock.now + events.nth) % LOOKS == 0 then
    return redis.call('XADD', log, 'MAXLEN', '~', most, '*', 'j', job.id or '', 'p', parts)
  end
  return redis.call('XADD', log, '*', 'j', job.id or '', 'p', parts)
end

function events.of_job(ws, name, level, job, x)
  local set = settings.of(ws)
  return events.append(keys.ws(ws, 'log'), set and set.log_length or 10000, name, level, job, x)
end

-- Something else than ours stands under a key. details: {workstream, …}.
function events.failed(name, failure, details)
  details.error = tostring(type(failure) == 'table' and failure.err or failure)
  events.append(keys.root .. 'log', 10000, name, 'error', {attempt = ''}, cjson.encode(details))
end

-- What concerns a workstream and none of its jobs.
function events.of_workstream(ws, name, level, x) return events.of_job(ws, name, level, {attempt = ''}, x) end
