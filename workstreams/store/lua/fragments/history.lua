-- A rate over another window than before begins with what is known of the past: the longest
-- log there is, so that a changed window is no fresh start. What lies further back than any
-- log reached was admitted under the limits of its time.
local history = {}

local function by_window(text)
  local found = {}
  for _, r in ipairs((rates.read(text))) do found[r.window] = r end
  return found
end

-- base and suffix: what the keys of the meters begin and end with; before and after: rates as settings write them.
function history.carry(base, before, after, suffix)
  local had, longest = by_window(before), nil
  for window in pairs(had) do
    if not longest or tonumber(window) > tonumber(longest) then longest = window end
  end
  suffix = suffix or ''
  local past = longest and redis.call('GET', base .. longest .. suffix)
  if not past then return end
  -- How permits were spaced over another window says nothing.
  local kept = past:gsub('^(%S+) %S+ %S+ %S+ %S+ ', '%1 0 0 0 0 ')
  for window, r in pairs(by_window(after)) do
    if not had[window] then redis.call('SET', base .. window .. suffix, kept, 'PX', r.lives) end
  end
end

-- What is left at `at` of a spacing until `tat`, where a permit took `was` µs and takes `is` from now on. After a whole
-- window only the log holds anything back.
function history.respaced(tat, at, was, is, span)
  if tat <= at or was == is then return tat end
  return at + math.ceil(math.min((tat - at) * is / was, span))
end

-- Changes of the keys' spacing that are remembered; a rate that changes more often within one window is a mistake.
local REMEMBERED = 20

-- 'µs of the change:window:permits:span …', as they were until then: those that are known, and what ends now.
local function spacings(known, before, after)
  local found, is = {}, by_window(after)
  for one in known:gmatch('%S+') do found[#found + 1] = one end
  for window, r in pairs(by_window(before)) do
    local now = is[window]
    if not now or now.permits ~= r.permits or now.span ~= r.span then
      found[#found + 1] = table.concat({clock.text, window, digits(r.permits), digits(r.span)}, ':')
    end
  end
  return table.concat(found, ' ', math.max(1, #found - REMEMBERED + 1))
end

-- A change is a moment of its own: whatever was charged, was charged before it or after it.
local function tick()
  clock.now = clock.now + 1
  clock.text = digits(clock.now)
  redis.call('HSET', keys.clock, 'mark', clock.text)
end

-- Keys are too many to be copied: each begins with its past when it is asked for. What they had is written 'µs of the last
-- change|window window …|spacings'. stored: the settings before a change; rates: what is in force from now on.
function history.of_keys(stored, rates)
  if stored.key_rates ~= rates then tick() end
  local found, seen = {}, {}
  local past, spaced = (stored.key_past or ''):match('^%d+|([%d ]*)|?(.*)$')
  past = past or ''
  for window in pairs(by_window(stored.key_rates)) do past = past .. ' ' .. window end
  for window in past:gmatch('%d+') do
    if not seen[window] then found[#found + 1] = window end
    seen[window] = true
  end
  local spacing = spacings(spaced or '', stored.key_rates or '', rates)
  return clock.text .. '|' .. table.concat(found, ' ') .. '|' .. spacing
end

-- One that was last told before changes of its spacing is read as those have made it, one after the other.
local function catch_up(m, r, changed, spaced)
  -- What an operator gave one key alone is changed where it stands.
  if r.own or m.tat == 0 or m.at >= changed then return end
  local at, was
  for time, window, permits, span in spaced:gmatch('(%d+):(%d+):(%d+):(%d+)') do
    if window == r.window and tonumber(time) > m.at then
      if at then m.tat = history.respaced(m.tat, at, was, span / permits, tonumber(span)) end
      at, was = tonumber(time), span / permits
    end
  end
  if at then m.tat, m.at, m.spent = history.respaced(m.tat, at, was, r.span / r.permits, r.span), changed, 0 end
end

-- m: the meter of one key's rate r. One that charged nothing since the change takes over the log that
-- did last; of several such logs the longest.
function history.recall(m, limit, r)
  local changed, windows, spaced = limit.past:match('^(%d+)|([%d ]*)|?(.*)$')
  changed = tonumber(changed)
  if clock.now >= changed + r.span then return end
  catch_up(m, r, changed, spaced)
  if m.last >= changed then return end
  local found, longest = nil, 0
  for window in windows:gmatch('%d+') do
    local old = window ~= r.window and meters.read(limit.meters .. window .. limit.suffix)
    local last = found and found.last or m.last
    if old and (old.last > last or (found and old.last == last and tonumber(window) > longest)) then
      found, longest = old, tonumber(window)
    end
  end
  if not found then return end
  m.sum, m.last, m.cost, m.cell, m.tat = found.sum, found.last, found.cost, 0, 0
  m.log, m.from, m.base, m.newest, m.stays = found.log, 1, found.base, found.newest, 0
end
