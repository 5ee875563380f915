-- An exact sliding log and a burst bound, together (a log AND a GCRA): at most `permits`
-- in every window, at most `burst` at one instant, and the full rate sustained.
-- GCRA: ITU-T I.371; the pairing and its numbers: see design notes in the README.
--
-- A log is a list of "µs:cost", oldest first; its sum is kept beside it. Reading never
-- writes: what has left the window is cut when something is admitted.
local CHUNK = 64

-- A window of many permits is kept in cells of a hundredth: a cell counts whole until its
-- latest start has left, which loses at most 1 % and bounds the list.
local EXACT = 1000
local CELLS = 100

-- Returns used, stale (entries to cut), oldest (µs of the oldest live entry, or nil).
local function read_log(limit, rate)
  local log = limit_key(limit.name, 'log:' .. rate.window)
  local used = tonumber(redis.call('HGET', limit_key(limit.name, 'rate'), 'sum' .. rate.window) or 0)
  local stale, horizon = 0, NOW - rate.span
  while true do
    local entries = redis.call('LRANGE', log, stale, stale + CHUNK - 1)
    for i = 1, #entries do
      local at, cost = entries[i]:match('^(%d+):(.+)$')
      if tonumber(at) > horizon then return used, stale, tonumber(at) end
      used = used - tonumber(cost)
      stale = stale + 1
    end
    if #entries < CHUNK then return 0, stale, nil end
  end
end

-- The earliest µs at which `need` more units fit, walking from the oldest live entry.
local function when_log_has(limit, rate, used, stale, need)
  local log = limit_key(limit.name, 'log:' .. rate.window)
  local index = stale
  while true do
    local entries = redis.call('LRANGE', log, index, index + CHUNK - 1)
    for i = 1, #entries do
      local at, cost = entries[i]:match('^(%d+):(.+)$')
      used = used - tonumber(cost)
      if used + need <= rate.permits then return tonumber(at) + rate.span end
    end
    if #entries < CHUNK then return NOW + rate.span end
    index = index + CHUNK
  end
end

-- A late wake-up may use up to this much of the spacing it missed; without it a burst of 1
-- reached 98 % of its rate, and the log keeps the count exact all the same.
local function interval_of(rate)
  local interval = rate.span / rate.permits
  return interval, math.min(interval / 4, 5000)
end

local function bursting(rate) return rate.burst > 0 and rate.burst < rate.permits end

local function theoretical_arrival(limit, rate, slack)
  local tat = tonumber(redis.call('HGET', limit_key(limit.name, 'rate'), 'tat' .. rate.window) or 0)
  return math.max(tat, NOW - slack)
end

-- Returns how many units may start now, and the µs at which `need` may if fewer may now.
local function rate_room(limit, rate, need)
  if LOST > 0 and NOW < LOST + rate.span then return 0, LOST + rate.span end
  local used, stale = read_log(limit, rate)
  local room, at = rate.permits - used, NOW
  if room < need then at = when_log_has(limit, rate, used, stale, math.min(need, rate.permits)) end
  if bursting(rate) then
    local interval, slack = interval_of(rate)
    local tat = theoretical_arrival(limit, rate, slack)
    local burst_room = math.floor((NOW - tat) / interval + rate.burst + 1e-6)
    if burst_room < math.min(need, rate.burst) then
      at = math.max(at, math.ceil(tat + (math.min(need, rate.burst) - rate.burst) * interval))
      room = math.min(room, 0)
    end
    -- A job dearer than the burst may still start alone, when the bucket is full.
    room = math.min(room, math.max(burst_room, burst_room >= rate.burst and need or 0))
  end
  return math.max(room, 0), at
end

local function charge_rate(limit, rate, cost)
  local log, sums = limit_key(limit.name, 'log:' .. rate.window), limit_key(limit.name, 'rate')
  local used, stale = read_log(limit, rate)
  if stale > 0 then redis.call('LTRIM', log, stale, -1) end
  local newest = rate.permits > EXACT and redis.call('LINDEX', log, -1)
  local at, held = (newest or ''):match('^(%d+):(.+)$')
  if at and redis.call('HGET', sums, 'cell' .. rate.window) == digits(math.floor(NOW / (rate.span / CELLS))) then
    redis.call('LSET', log, -1, digits(NOW) .. ':' .. (tonumber(held) + cost))
  else
    redis.call('RPUSH', log, digits(NOW) .. ':' .. cost)
    if rate.permits > EXACT then
      redis.call('HSET', sums, 'cell' .. rate.window, digits(math.floor(NOW / (rate.span / CELLS))))
    end
  end
  redis.call('PEXPIRE', log, math.ceil(rate.span / 1000) + 60000)
  redis.call('HSET', sums, 'sum' .. rate.window, used + cost)
  if bursting(rate) then
    local interval, slack = interval_of(rate)
    redis.call('HSET', sums, 'tat' .. rate.window, digits(theoretical_arrival(limit, rate, slack) + cost * interval))
  end
end
