-- An exact sliding log and a burst bound, together (a log AND a GCRA): at most `permits`
-- in every window, at most `burst` at one instant, and the full rate sustained.
-- GCRA is the generic cell rate algorithm of ITU-T I.371.
--
-- A meter is read at most once a call, and what is charged is kept here until `flush`.
local rate = {}

calls.gathers(rate, 'of_keys', 'charged')

-- Costs are summed as doubles: what differs by less than this is the same.
local EPSILON = 1e-6

local function now(m, r)
  meters.cut(m, r.span)
  if m.at ~= clock.now then m.spent = 0 end
  m.call = calls.nth
  return m
end

-- The meters of limits are remembered with their rates from call to call; keys are too many.
function rate.meter(limit, r)
  if limit.suffix == '' then
    local m = r.meter or meters.read(limit.meters .. r.window)
    r.meter = m
    return m.call == calls.nth and m or now(m, r)
  end
  local key = limit.meters .. r.window .. limit.suffix
  local m = rate.of_keys[key]
  if m then return m end
  m = meters.read(key)
  if limit.past then history.recall(m, limit, r) end
  rate.of_keys[key] = m
  return now(m, r)
end

-- What is told of a rate: after a loss of data a whole window counts as used.
function rate.used(limit, r)
  if clock.lost > 0 and clock.now < clock.lost + r.span then return r.permits end
  return rate.meter(limit, r).sum
end

-- The earliest µs at which `need` more fit, walking from the oldest entry.
local function when_fits(m, r, need)
  local used, from, at, find = m.sum, m.from, m.base, string.find
  while true do
    local _, last, after, cost = find(m.log, meters.ENTRY, from)
    if not last then break end
    used, from, at = used - (tonumber(cost) or 1), last + 1, at + after
    if used + need <= r.permits + EPSILON then return at + r.span end
  end
  if m.last > 0 and used - m.cost + need <= r.permits + EPSILON then return m.last + r.span end
  return clock.now + r.span
end

-- The spacing of permits, and the theoretical arrival time. A late wake-up may use up some of the spacing: without
-- that slack a burst of 1 reached 98 % of its rate, and the log keeps the count exact all the same. A rate that was
-- lowered is paced: what it allows is spaced evenly (`pace` permits a window).
local function spacing(m, r)
  local interval = r.span / (r.pace or r.permits)
  return interval, math.max(m.tat, clock.now - math.min(interval / 4, 5000))
end

-- The µs at which a job that costs `need` may start, nil if it may now. A job dearer than the
-- burst may start alone, when the whole burst is free.
function rate.opens(m, r, need)
  local lost, at = clock.lost, nil
  if lost > 0 and clock.now < lost + r.span then return lost + r.span end
  if need <= 0 then return nil end
  if m.sum + need > r.permits + EPSILON then at = when_fits(m, r, math.min(need, r.permits)) end
  if not (r.pace or r.spaced) then return at end
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
  if m.added == 0 then rate.charged[#rate.charged + 1] = m end
  m.rate, m.sum, m.added = r, m.sum + cost, m.added + cost
  if not (r.pace or r.spaced) then return end
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

-- Writes what was charged; to be called before anything else can fail.
function rate.flush()
  local charged = rate.charged
  for i = #charged, 1, -1 do
    meters.write(charged[i])
    charged[i] = nil
  end
end
