-- How much of limits is used now, and what the file says where something else holds: for whoever looks.
local usage = {}

-- names: of limits. Returns {limit, used, allowed} of each that has a concurrency.
function usage.slots(names)
  local slots = {}
  for _, name in ipairs(names) do
    local limit = settings.limit(name)
    if limit.concurrency then
      slots[#slots + 1] = {limit = name, used = redis.call('ZCARD', limit.holders), allowed = limit.concurrency}
    end
  end
  return slots
end

-- Adds {limit, permits, window, used, pace} for each rate in force of one limit, as settings have it.
function usage.add_rates(rates, limit)
  if limit.ease then ease.pace(limit) end
  for _, r in ipairs(limit.rates) do
    if not r.idle then
      rates[#rates + 1] = {limit = limit.name, permits = r.permits, window = r.window, used = rate.used(limit, r), pace = r.pace}
    end
  end
  return rates
end

function usage.rates(names)
  local rates = {}
  for _, name in ipairs(names) do usage.add_rates(rates, settings.limit(name)) end
  return rates
end

-- Returns {limit, rates, concurrency} as the file has them, where an operator said otherwise.
function usage.overridden(names)
  local found = {}
  for _, name in ipairs(names) do
    local file, now = live.of_limit(name)
    if file and (now.rates or now.concurrency) then
      found[#found + 1] = {limit = name, rates = now.rates and file.rates, concurrency = now.concurrency and file.concurrency}
    end
  end
  return found
end
