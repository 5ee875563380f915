-- An upstream that refuses shuts a limit for as long as it says, and lowers its rate: multiplied by `back_off` once for
-- all that was admitted before. It comes back along CUBIC's curve (Ha, Rhee, Xu 2008; RFC 9438): fast to where it was
-- refused within `recover`, slowly past it, then faster. A straight line (AIMD) would use 85 % of the hidden limit
-- with a back_off of 0.7, this curve uses 92 %.
--
-- limit.ease is written back_off:recover µs:floor, limit.eased window:refused at:low:since µs; numbers of permits are
-- those of the shortest window, the only one that is lowered.
local ease = {}

local function shortest(limit)
  local found = limit.rates[1]
  for _, r in ipairs(limit.rates) do
    if not r.idle and r.span < found.span then found = r end
  end
  return found
end

-- The permits a window that the curve has reached, or nil when the rate is whole again.
local function reached(limit, r)
  local window, high, low, since = (limit.eased or ''):match('^(%d+):(%S+):(%S+):(%d+)$')
  if window ~= r.window then return nil end
  local _, recover, floor = limit.ease:match('^(%S+):(%S+):(%S+)$')
  local x = (clock.now - since) / recover - 1
  local now = math.max(high + (high - low) * x * x * x, tonumber(floor))
  if now < r.permits then return now, tonumber(since) end
end

-- Sets the pace of a limit's shortest rate; it has none when it is whole.
function ease.pace(limit)
  local r = shortest(limit)
  if r then r.pace = reached(limit, r) end
end

-- Nothing starts under this limit before `at`; of several such times the latest counts.
function ease.shut(name, at)
  local limit = settings.limit(name)
  if at <= limit.shut_until then return end
  limit.shut_until = at
  redis.call('HSET', keys.limit(name, 'settings'), 'blocked', digits(at))
end

-- Lowers the rate, unless the job that was refused had started before the rate was last lowered.
-- Returns permits a window before and after, or nil.
function ease.lower(name, started)
  local limit = settings.limit(name)
  local r = limit.ease and shortest(limit)
  if not r then return nil end
  local before, since = reached(limit, r)
  if since and started <= since then return nil end
  local back_off, _, floor = limit.ease:match('^(%S+):(%S+):(%S+)$')
  -- What was allowed is what was refused, although less may have been tried: a window that has just begun, or
  -- a rest, says nothing of what the upstream takes.
  local high = before or r.permits
  local low = math.max(tonumber(floor), high * back_off)
  limit.eased = string.format('%s:%.6g:%.6g:%d', r.window, high, low, clock.now)
  redis.call('HSET', keys.limit(name, 'settings'), 'eased', limit.eased)
  return high, low
end
