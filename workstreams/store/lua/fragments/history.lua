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
