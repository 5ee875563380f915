-- Every gate of a workstream, in one answer: how much may start now, or why not, which
-- limit says so, and when to ask again. Writes nothing.
--
-- Returns slots (jobs), units (cost), why ('paused' | 'concurrency' | 'rate' | 'unsettled' |
-- nil), limit, at (µs or nil). `why` is set when a job costing `need` may not start now.
local function gate_of(ws, need)
  local settings = settings_of(ws)
  if not settings then return 0, 0, 'unsettled', ws, nil end
  if settings.paused then return 0, 0, 'paused', ws, nil end
  local slots, units, why, by, at = math.huge, math.huge, nil, nil, nil
  for _, name in ipairs(settings.limits) do
    local limit = limit_of(name)
    if limit.concurrency then
      slots = math.min(slots, limit.concurrency - redis.call('ZCARD', limit.holders))
      if slots < 1 then return 0, 0, 'concurrency', name, nil end
    end
  end
  for _, name in ipairs(settings.limits) do
    local limit = limit_of(name)
    for _, rate in ipairs(limit.rates) do
      local room, when = rate_room(limit, rate, need)
      units = math.min(units, room)
      -- While nothing changes, the earliest start under all rates is the latest of theirs.
      if room < math.min(need, rate.permits) and (at == nil or when > at) then why, by, at = 'rate', name, when end
    end
  end
  return slots, units, why, by, at
end

local function charge(ws, cost)
  for _, name in ipairs(settings_of(ws).limits) do
    local limit = limit_of(name)
    for _, rate in ipairs(limit.rates) do charge_rate(limit, rate, cost) end
  end
end

-- Shared limits remember whom they refused, so that a freed slot can wake the right ones.
local function remember_refusal(ws, by)
  if by ~= ws then redis.call('SADD', limit_key(by, 'waiters'), ws) end
end
