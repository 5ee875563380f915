-- Every gate of a workstream, in one answer: how much may start now, or why not, which
-- limit says so, and when to ask again. Writes nothing.
local gate = {}

-- Returns room {slots, units, bursts}, and for a job costing `need` that may not start:
-- why ('unsettled' | 'paused' | 'concurrency' | 'rate'), by (the limit), at (µs, or nil).
function gate.of(ws, need)
  local set = settings.of(ws)
  local room = {slots = math.huge, units = math.huge, bursts = {}}
  if not set then return room, 'unsettled', ws, nil end
  if set.paused then return room, 'paused', ws, nil end
  for _, name in ipairs(set.limits) do
    local limit = settings.limit(name)
    if limit.concurrency then
      room.slots = math.min(room.slots, limit.concurrency - redis.call('ZCARD', limit.holders))
      if room.slots < 1 then return room, 'concurrency', name, nil end
    end
  end
  local why, by, at = nil, nil, nil
  for _, name in ipairs(set.limits) do
    local limit = settings.limit(name)
    for _, r in ipairs(limit.rates) do
      if not r.idle then
        local units, burst, when = rate.room(limit, r, need)
        room.units = math.min(room.units, units)
        room.bursts[#room.bursts + 1] = burst
        -- While nothing changes, the earliest start under all rates is the latest of theirs.
        if when and (at == nil or when > at) then why, by, at = 'rate', name, when end
      end
    end
  end
  return room, why, by, at
end

function gate.fits(room, cost)
  if room.slots < 1 or cost > room.units + 1e-6 then return false end
  for _, b in ipairs(room.bursts) do
    if math.min(cost, b.burst) > b.left + 1e-6 then return false end
  end
  return true
end

function gate.spend(room, cost)
  room.slots, room.units = room.slots - 1, room.units - cost
  for _, b in ipairs(room.bursts) do b.left = b.left - cost end
end

function gate.charge(ws, cost)
  for _, name in ipairs(settings.of(ws).limits) do
    local limit = settings.limit(name)
    for _, r in ipairs(limit.rates) do rate.charge(limit, r, cost) end
  end
end
