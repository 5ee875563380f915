-- An exact sliding log and a burst bound, together (a log AND a GCRA): at most `permits`
-- in every window, at most `burst` at one instant, and the full rate sustained.
-- GCRA is the generic cell rate algorithm of ITU-T I.371.
--
-- A log is a list of "µs:cost", oldest first; its sum is kept beside it. Reading never
-- writes: what has left the window is cut when something is admitted.
local rate = {}

-- Most calls find a few entries to cut; who finds more reads on in longer pieces.
local FIRST, LONGER = 8, 4

-- A window of many permits is kept in cells of a hundredth: a cell counts whole until its
-- latest start has left, which loses at most 1 % and bounds the list.
local EXACT, CELLS = 1000, 100

-- Costs are summed as doubles: what differs by less than this is the same.
local EPSILON = 1e-6

function rate.log(limit, r) return keys.limit(limit.name, 'log:' .. r.window) end
function rate.sums(limit) return keys.limit(limit.name, 'rate') end

local function read_log(limit, r)
  local log, horizon, stale, chunk = rate.log(limit, r), clock.now - r.span, 0, FIRST
  local used = tonumber(redis.call('HGET', rate.sums(limit), 'sum' .. r.window) or 0)
  while true do
    local entries = redis.call('LRANGE', log, stale, stale + chunk - 1)
    for i = 1, #entries do
      local at, cost = entries[i]:match('^(%d+):(.+)$')
      if tonumber(at) > horizon then return used, stale end
      used = used - tonumber(cost)
      stale = stale + 1
    end
    if #entries < chunk then return 0, stale end
    chunk = chunk * LONGER
  end
end

-- Returns used, and stale: how many entries to cut. Read once a call; a charge keeps it true.
function rate.read(limit, r)
  if not r.used then r.used, r.stale = read_log(limit, r) end
  return r.used, r.stale
end

-- The earliest µs at which `need` more fit, walking from the oldest live entry.
function rate.when_fits(limit, r, used, stale, need)
  local log, index, chunk = rate.log(limit, r), stale, FIRST
  while true do
    local entries = redis.call('LRANGE', log, index, index + chunk - 1)
    for i = 1, #entries do
      local at, cost = entries[i]:match('^(%d+):(.+)$')
      used = used - tonumber(cost)
      if used + need <= r.permits + EPSILON then return tonumber(at) + r.span end
    end
    if #entries < chunk then return clock.now + r.span end
    index, chunk = index + chunk, chunk * LONGER
  end
end

function rate.bursting(r) return r.burst > 0 and r.burst < r.permits end

-- The spacing of permits, and how much of it a late wake-up may use up: without that slack
-- a burst of 1 reached 98 % of its rate, and the log keeps the count exact all the same.
function rate.interval(r)
  local interval = r.span / r.permits
  return interval, math.min(interval / 4, 5000)
end

-- Returns the theoretical arrival time, and what was admitted at this very instant.
function rate.arrival(limit, r, slack)
  local kept = redis.call('HMGET', rate.sums(limit), 'tat' .. r.window, 'at' .. r.window, 'spent' .. r.window)
  local spent = kept[2] == clock.text and tonumber(kept[3]) or 0
  return math.max(tonumber(kept[1] or 0), clock.now - slack), spent
end

-- How much the log has room for; for a burst {left, burst}; and the µs at which a job that
-- costs `need` may start, nil if it may now. A job dearer than the burst may start alone,
-- when the whole burst is free.
function rate.room(limit, r, need)
  if clock.lost > 0 and clock.now < clock.lost + r.span then return 0, nil, clock.lost + r.span end
  local used, stale = rate.read(limit, r)
  local room, at, burst = math.max(0, r.permits - used), nil, nil
  if need > room + EPSILON then at = rate.when_fits(limit, r, used, stale, math.min(need, r.permits)) end
  if rate.bursting(r) then
    local interval, slack = rate.interval(r)
    local tat, spent = rate.arrival(limit, r, slack)
    -- The slack makes up for lost time; it is no room for more at one instant.
    local free, needed = (clock.now - tat) / interval + r.burst, math.min(need, r.burst)
    burst = {left = math.min(r.burst - spent, free), burst = r.burst}
    if needed > free + EPSILON then
      at = math.max(at or 0, math.ceil(clock.now + (needed - free) * interval))
    elseif needed > burst.left + EPSILON then
      at = math.max(at or 0, clock.now + 1)
    end
  end
  return room, burst, at
end

function rate.charge(limit, r, cost)
  local log, sums = rate.log(limit, r), rate.sums(limit)
  local used, stale = rate.read(limit, r)
  if stale > 0 then redis.call('LTRIM', log, stale, -1) end
  if rate.bursting(r) then
    local interval, slack = rate.interval(r)
    local tat, spent = rate.arrival(limit, r, slack)
    redis.call('HSET', sums, 'tat' .. r.window, digits(math.ceil(tat + cost * interval)), 'at' .. r.window, clock.text,
      'spent' .. r.window, spent + cost)
  end
  local cell = r.permits > EXACT and digits(math.floor(clock.now / (r.span / CELLS)))
  local held = nil
  if cell and redis.call('HGET', sums, 'cell' .. r.window) == cell then
    held = (redis.call('LINDEX', log, -1) or ''):match(':(.+)$')
  end
  if held then
    redis.call('LSET', log, -1, clock.text .. ':' .. (tonumber(held) + cost))
  else
    redis.call('RPUSH', log, clock.text .. ':' .. cost)
    if cell then redis.call('HSET', sums, 'cell' .. r.window, cell) end
  end
  redis.call('PEXPIRE', log, math.ceil(r.span / 1000) + 60000)
  redis.call('HSET', sums, 'sum' .. r.window, used + cost)
  r.used, r.stale = used + cost, 0
end
