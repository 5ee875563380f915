-- A rate that changes over the same window keeps what is owed of its spacing in permits: the time that is left of it
-- becomes longer or shorter as permits do. So a raised rate does not wait out the old one, and a change to and fro
-- mints nothing.
local respace = {}

-- The µs from one permit to the next, by window, as an upstream's refusal may have lowered it.
local function intervals(limit)
  local found = {}
  if limit.ease then ease.pace(limit) end
  for _, r in ipairs(limit.rates) do found[r.window] = r.span / (r.pace or r.permits) end
  return found
end

-- The log stays as it is: it is exact whatever held. So does the time at which it is forgotten.
local function write(m)
  local text = redis.call('GET', m.key)
  if not text then return end
  local spacing = string.format('%d %d %.14g ', m.tat, m.at, m.spent)
  redis.call('SET', m.key, (text:gsub('^(%S+ )%S+ %S+ %S+ ', '%1' .. spacing)), 'KEEPTTL')
end

-- before, after: a limit, or one key's, as settings have it before a change and after; nil where there is none.
function respace.limit(before, after)
  if not before or not after then return end
  local was, is = intervals(before), intervals(after)
  for _, r in ipairs(before.rates) do
    local now = is[r.window]
    if now then
      local m = rate.meter(before, r)
      m.tat, m.at = history.respaced(m.tat, clock.now, was[r.window], now, r.span), clock.now
      write(m)
    end
  end
end
