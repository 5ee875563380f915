-- An exact sliding log and a burst bound, together (a log AND a GCRA): at most `permits`
-- in every window, at most `burst` at one instant, and the full rate sustained.
-- GCRA is the generic cell rate algorithm of ITU-T I.371.
--
-- What a rate admitted is its meter, one string: "sum tat at spent cell last cost|µs:cost µs:cost …".
-- The log is the oldest first, without the latest entry, which is `last` and `cost`. A meter is read at most
-- once a call, what is charged is kept here until `flush`; reading never writes.
local rate = {}

calls.gathers(rate, 'meters')

-- A window of many permits is kept in cells: a cell counts whole until its latest start has left,
-- which loses at most half a percent and bounds the log.
local EXACT, CELLS = 200, 200

-- Costs are summed as doubles: what differs by less than this is the same.
local EPSILON = 1e-6

-- ms that a meter outlives its window, for whoever steps the clock.
local OUTLIVES = 60000

local HEAD = '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+)|(.*)$'

-- Cuts what has left the window.
local function cut(m, span)
  local horizon, find = clock.now - span, string.find
  while true do
    local _, last, at, cost = find(m.log, '^(%d+):(%S+) ?', m.from)
    if not last then break end
    if tonumber(at) > horizon then return end
    m.sum, m.from = m.sum - cost, last + 1
  end
  m.sum = m.cost
  if m.last <= horizon then m.sum, m.last = 0, 0 end
end

local function read(key)
  local m = {key = key, sum = 0, tat = 0, at = 0, spent = 0, cell = 0, last = 0, cost = 0, log = '', from = 1, added = 0}
  local text = redis.call('GET', key)
  if text then
    local sum, tat, at, spent, cell, last, cost, log = text:match(HEAD)
    if not sum then error('expected a meter in ' .. key .. ', found something else: delete that key') end
    m.sum, m.tat, m.at, m.spent = tonumber(sum), tonumber(tat), tonumber(at), tonumber(spent)
    m.cell, m.last, m.cost, m.log = tonumber(cell), tonumber(last), tonumber(cost), log
  end
  return m
end

-- The meters of limits are remembered from call to call; keys are too many.
function rate.meter(limit, r)
  local key = limit.meters .. r.window .. limit.suffix
  local m = rate.meters[key]
  if m then return m end
  m = memory.now.meters[key] or read(key)
  if limit.past then history.recall(m, limit, r, read) end
  cut(m, r.span)
  if m.at ~= clock.now then m.spent = 0 end
  rate.meters[key] = m
  if limit.suffix == '' then memory.now.meters[key] = m end
  return m
end

-- What is told of a rate: after a loss of data a whole window counts as used.
function rate.used(limit, r)
  if clock.lost > 0 and clock.now < clock.lost + r.span then return r.permits end
  return rate.meter(limit, r).sum
end

-- The earliest µs at which `need` more fit, walking from the oldest entry.
local function when_fits(m, r, need)
  local used, from, find = m.sum, m.from, string.find
  while true do
    local _, last, at, cost = find(m.log, '^(%d+):(%S+) ?', from)
    if not last then break end
    used, from = used - cost, last + 1
    if used + need <= r.permits + EPSILON then return tonumber(at) + r.span end
  end
  if m.last > 0 and used - m.cost + need <= r.permits + EPSILON then return m.last + r.span end
  return clock.now + r.span
end

-- A rate that was lowered is paced: what it allows is spaced evenly (`pace` permits a window).
local function is_bursting(r) return r.pace or (r.burst > 0 and r.burst < r.permits) end

-- The spacing of permits, and the theoretical arrival time. A late wake-up may use up some of the spacing: without
-- that slack a burst of 1 reached 98 % of its rate, and the log keeps the count exact all the same.
local function spacing(m, r)
  local interval = r.span / (r.pace or r.permits)
  return interval, math.max(m.tat, clock.now - math.min(interval / 4, 5000))
end

-- The µs at which a job that costs `need` may start, nil if it may now. A job dearer than the
-- burst may start alone, when the whole burst is free.
function rate.opens(m, r, need)
  if clock.lost > 0 and clock.now < clock.lost + r.span then return clock.lost + r.span end
  if need <= 0 then return nil end
  local at = nil
  if need > math.max(0, r.permits - m.sum) + EPSILON then at = when_fits(m, r, math.min(need, r.permits)) end
  if not is_bursting(r) then return at end
  local interval, tat = spacing(m, r)
  local burst = r.pace and 1 or r.burst
  local free, needed = (clock.now - tat) / interval + burst, math.min(need, burst)
  if needed > free + EPSILON then return math.max(at or 0, math.ceil(clock.now + (needed - free) * interval)) end
  -- The slack makes up for lost time; it is no room for more at one instant.
  if needed > burst - m.spent + EPSILON then return math.max(at or 0, clock.now + 1) end
  return at
end

function rate.charge(m, r, cost)
  if cost <= 0 then return end
  m.rate, m.sum, m.added = r, m.sum + cost, m.added + cost
  if not is_bursting(r) then return end
  local interval, tat = spacing(m, r)
  m.tat, m.at, m.spent = math.ceil(tat + cost * interval), clock.now, m.spent + cost
end

-- More than so much is not told apart: a sum of doubles would lose what is small beside it.
local MOST = 1e12

-- What was used already, however much it is. What a burst owes for it is over when its window is: the
-- log alone holds it back so long.
function rate.add(m, r, cost)
  if cost <= 0 then return end
  rate.charge(m, r, math.min(cost, math.max(MOST, r.permits)))
  m.tat = math.min(m.tat, clock.now + math.ceil(r.span))
end

local function write(m)
  local r, log = m.rate, m.from > 1 and m.log:sub(m.from) or m.log
  local cell = r.permits > EXACT and math.floor(clock.now / (r.span / CELLS)) or 0
  if m.last > 0 and (m.last == clock.now or (cell > 0 and cell == m.cell)) then
    m.cost = m.cost + m.added
  else
    if m.last > 0 then log = log .. (log ~= '' and ' ' or '') .. digits(m.last) .. ':' .. m.cost end
    m.cost = m.added
  end
  m.last, m.cell, m.added, m.log, m.from = clock.now, cell, 0, log, 1
  redis.call('SET', m.key, string.format('%.14g %d %d %.14g %d %d %.14g|%s', m.sum, m.tat, m.at, m.spent, cell,
    m.last, m.cost, log), 'PX', digits(math.ceil(r.span / 1000) + OUTLIVES))
end

-- Writes what was charged; to be called before anything else can fail.
function rate.flush()
  for _, m in pairs(rate.meters) do
    if m.added > 0 then write(m) end
  end
end
