-- A rate over another window than before begins with what is known of the past: the longest
-- log there is, so that a changed window is no fresh start. What lies further back than any
-- log reached was admitted under the limits of its time.
local history = {}

local function windows_of(rates)
  local windows = {}
  for window, margin in rates:gmatch('%d+:(%d+):(%d+):%d+') do windows[window] = tonumber(window) + tonumber(margin) end
  return windows
end

-- base and suffix: what the keys of the meters begin and end with; before and after: rates as settings write them.
function history.carry(base, before, after, suffix)
  local had, longest = windows_of(before), nil
  for window in pairs(had) do
    if not longest or tonumber(window) > tonumber(longest) then longest = window end
  end
  suffix = suffix or ''
  local past = longest and redis.call('GET', base .. longest .. suffix)
  if not past then return end
  -- How permits were spaced over another window says nothing.
  local kept = past:gsub('^(%S+) %S+ %S+ %S+ %S+ ', '%1 0 0 0 0 ')
  for window, span in pairs(windows_of(after)) do
    if not had[window] then
      redis.call('SET', base .. window .. suffix, kept, 'PX', digits(math.ceil(span / 1000) + 60000))
    end
  end
end

-- Keys are too many to be copied: each begins with its past when it is asked for. What they had is written 'µs of the last
-- change|window window …'. stored: the settings before a change.
function history.of_keys(stored)
  local found, seen = {}, {}
  local past = (stored.key_past or ''):match('|(.*)$') or ''
  for window in pairs(windows_of(stored.key_rates or '')) do past = past .. ' ' .. window end
  for window in past:gmatch('%d+') do
    if not seen[window] then found[#found + 1] = window end
    seen[window] = true
  end
  return clock.text .. '|' .. table.concat(found, ' ')
end

-- m: the meter of one key's rate r. One that charged nothing since the change takes over the log that
-- did last; of several such logs the longest.
function history.recall(m, limit, r)
  local changed, windows = limit.past:match('^(%d+)|(.*)$')
  if m.last >= tonumber(changed) or clock.now >= changed + r.span then return end
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
