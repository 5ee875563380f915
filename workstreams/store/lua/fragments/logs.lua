-- Keeps logs within their sizes.
--
-- What is remembered of a log from one call to the next: {used, at, told}: bytes that it may use by now, when it was
-- measured, and when a failure to write it was told, in µs. All of it may be lost: then it is measured again.
local logs = {}

local MOST_LOGS, remembered, count = 1000, {}, 0

local function last_of(log)
  local last = remembered[log]
  if last then return last end
  if count == MOST_LOGS then remembered, count = {}, 0 end
  remembered[log], count = {used = 0, at = 0}, count + 1
  return remembered[log]
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

local function used_by(log, length)
  local used = redis.pcall('MEMORY', 'USAGE', log, 'SAMPLES', NODES)
  return type(used) == 'number' and used or assumed(log, length)
end

-- To measure takes as long as several jobs. So what is appended is added up, with a little more than it takes, and a log is
-- measured where it may be full by that, or after LONGEST µs: others, who are not heard of here, append as well. What is
-- cut goes somewhat below the size, or the next entry would be measured again.
local ENTRY, AROUND, BELOW, LONGEST = 32, 1.25, 0.97, 10000000

-- entries, bytes: what this call appended; now: µs.
function logs.trim(log, size, entries, bytes, now)
  local last = last_of(log)
  last.used = last.used + (bytes + entries * ENTRY) * AROUND
  if last.used <= size and now >= last.at and now - last.at < LONGEST then return end
  local length = redis.call('XLEN', log)
  local used, most = used_by(log, length), size * BELOW
  if used > size then
    redis.call('XTRIM', log, 'MAXLEN', '~', digits(math.max(1, math.floor(length * most / used))))
    used = most
  end
  last.used, last.at = used, now
end

-- With every call it would fill the app's own log. Returns whether a failure to write a log may be told.
function logs.may_be_told_of(log, now)
  local last = last_of(log)
  if last.told and now - last.told < LONGEST then return false end
  last.told = now
  return true
end
